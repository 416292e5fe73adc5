# SPDX-License-Identifier: ISC
#
# Site.pm - every wiring of conf/ at once: three servers, one gateway of its own, all test scripts
#
#   my $site = Site->new($sandbox);           # or Site->new($sandbox, qw(lighttpd nginx))
#   for my $wiring ($site->wirings) {
#       my $answer = $wiring->request(POST => 'effect.pl', key => 'k1', body => 'a=1');
#   }
#
# With the setting `one_address` the wirings "lighttpd spawned" and "lighttpd cgi.assign" have the
# prefix of "socket", on ports of their own: the same key through any of them is the same operation.
#
# A wiring is a server and a URL prefix: name, port, prefix, and `legacy`, the directory under the
# document root that has its scripts (for control files another one than the prefix).
package Site;
use strict;
use warnings;
use Gateway qw(write_config start_gateway);
use JSON::PP ();
use Server;

# name, server, prefix, how: "own" talks to the gateway that we start.
my @WIRINGS = (
    ['lighttpd spawned', 'lighttpd', 'spawned', 'server'],
    ['lighttpd socket', 'lighttpd', 'socket', 'own'],
    ['lighttpd cgi.assign', 'lighttpd', 'cgi', 'server'],
    ['lighttpd control file', 'lighttpd', 'control', 'control'],
    ['Apache mod_fcgid', 'apache', 'fcgid', 'server'],
    ['Apache mod_cgid control file', 'apache', 'cgid', 'control'],
    ['Apache mod_proxy_fcgi SetHandler', 'apache', 'proxy', 'own'],
    ['Apache mod_proxy_fcgi ProxyPass', 'apache', 'proxypass', 'own'],
    ['Apache .htaccess Action', 'apache', 'action', 'server'],
    ['Apache .htaccess FcgidWrapper', 'apache', 'wrapper', 'server'],
    ['nginx', 'nginx', 'socket', 'own'],
    ['nginx split path', 'nginx', 'split', 'own'],
);

# Settings are those of write_config(); `route` holds the members of the one route, which the
# control files get too.
sub new {
    my ($class, $sandbox, @kinds) = @_;
    my $settings = ref $kinds[-1] eq 'HASH' ? pop @kinds : {};
    my %settings = %$settings;
    my $route = delete $settings{route} // {};
    my $one_address = delete $settings{one_address};
    my $self = bless { sandbox => $sandbox, wirings => [] }, $class;

    @kinds = qw(lighttpd apache nginx) if !@kinds;
    write_config($sandbox, routes => [{ %$route, match => '*' }], %settings);
    $sandbox->binary;
    $sandbox->place_scripts('bare', 'legacy');
    my @wanted = grep { my $kind = $_->[1]; grep { $_ eq $kind } @kinds } @WIRINGS;
    $sandbox->place_scripts(map { $_->[2] } grep { $_->[3] ne 'control' } @wanted);
    $self->place_control_files($_->[2], $route) for grep { $_->[3] eq 'control' } @wanted;
    $sandbox->copy($sandbox->root . "/conf/$_->[0]", "www/$_->[1]/.htaccess")
        for ['htaccess-action', 'action'], ['htaccess-fcgidwrapper', 'wrapper'];
    $self->{gateway} = start_gateway($sandbox) if grep { $_->[3] eq 'own' } @wanted;
    $self->{server}{$_} = $one_address && $_ eq 'lighttpd' ? Server->start_one_address($sandbox)
        : Server->start($sandbox, $_) for @kinds;
    $self->{wirings} = [map { Site::Wiring->new($self, @$_) } @wanted];
    for my $wiring ($one_address ? grep { $_->prefix =~ /\A(?:spawned|cgi)\z/ } $self->wirings : ()) {
        @$wiring{qw(port prefix)} = ($self->server('lighttpd')->port($wiring->prefix), 'socket');
    }
    return $self;
}

# For every script in www/legacy/ a control file of the same name.
sub place_control_files {
    my ($self, $prefix, $route) = @_;
    my $sandbox = $self->{sandbox};
    my $config = JSON::PP::decode_json($sandbox->read('conf/retrysafe.json'));
    for my $script (map { m{([^/]*\.pl)\z} } glob $sandbox->path('www/legacy/*.pl')) {
        my %members = (%$route, store => $config->{store}, spool => $config->{spool},
            script => "../legacy/$script");
        my $json = JSON::PP->new->utf8->canonical->pretty->encode(\%members);
        my $file = $sandbox->write("www/$prefix/$script",
            '#!' . $sandbox->path('bin/retrysafe.cgi') . "\n$json");
        chmod 0755, $file or die "$file: $!\n";
    }
}

sub wirings { @{ $_[0]{wirings} } }

# The pid of the gateway that Site started.
sub gateway { $_[0]{gateway} }

sub server { $_[0]{server}{ $_[1] } }

# The wiring of this name.
sub wiring {
    my ($self, $name) = @_;
    return (grep { $_->name eq $name } $self->wirings)[0] // die "no wiring is called $name\n";
}

# The script without retrysafe, as a wiring.
sub bare {
    my ($self, $kind) = @_;
    return Site::Wiring->new($self, "$kind bare", $kind, 'bare', 'bare');
}

package Site::Wiring;
use Client ();

sub new {
    my ($class, $site, $name, $kind, $prefix, $how) = @_;
    return bless { name => $name, kind => $kind, prefix => $prefix, how => $how,
        port => $site->server($kind)->port }, $class;
}

sub name { $_[0]{name} }
sub kind { $_[0]{kind} }
sub prefix { $_[0]{prefix} }
sub port { $_[0]{port} }
sub legacy { $_[0]{how} eq 'control' ? 'legacy' : $_[0]{prefix} }
sub is_control { $_[0]{how} eq 'control' }

# The bytes of a request for a script; takes what Client::request_bytes() takes, and `key`, put into
# quotes.
sub bytes {
    my ($self, $method, $target, %more) = @_;
    my $key = delete $more{key};
    my @headers = @{ delete $more{headers} // [] };
    unshift @headers, 'Idempotency-Key' => qq("$key") if defined $key;
    return Client::request_bytes($method, "/$self->{prefix}/$target", %more, headers => \@headers);
}

# One request, one Answer.
sub request {
    my ($self, @request) = @_;
    my $client = $self->connect;
    my %more = @request[2 .. $#request];
    $client->send($self->bytes(@request), $more{seconds});
    return $client->read_answer($more{seconds});
}

sub connect { Client->connect($_[0]{port}) }

1;
