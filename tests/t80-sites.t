# Claim: a key belongs to a site and an address.  Virtual hosts behind one gateway share neither keys,
# natural keys, derived keys nor operations, whatever Host a client forges; one host in any spelling is
# one site; routes may be renamed and split, and scripts moved, and no key is forgotten.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client qw(request);
use Effects;
use Gateway qw(write_config start_gateway verb);
use Process qw(free_port wait_until);
use Sandbox;
use Server;
use Test::More;

my @HOSTS = qw(a.example b.example);
my %ROUTE = (
    effect => {},
    other => {},
    natural => { unique => ['form:email'], on_duplicate => 'replay' },
    derive => { key_from => ['derive'] },
    async => { async => 'always' },
);
my @ROUTES = map { +{ match => "/$_.pl", %{ $ROUTE{$_} } } } sort keys %ROUTE;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
for my $dir (qw(a b)) {
    $sandbox->copy($sandbox->root . '/tests/scripts/effect.pl', "www/$dir/$_.pl") for keys %ROUTE;
    $sandbox->copy($sandbox->root . '/tests/scripts/Effect.pm', "www/$dir/Effect.pm");
}
write_config($sandbox, routes => \@ROUTES);
start_gateway($sandbox);
my %port = map { $_ => free_port() } qw(nginx lighttpd apache);
Server::start_conf($sandbox, nginx => $port{nginx}, nginx_conf());
Server::start_conf($sandbox, lighttpd => $port{lighttpd}, lighttpd_conf());
Server::start_conf($sandbox, apache => $port{apache}, apache_conf());
my ($n, $server) = (0);

for $server (sort keys %port) {
    subtest "$server: two hosts" => \&check_hosts, $server;
    subtest "$server: natural keys" => \&check_natural, $server;
    subtest "$server: derived keys" => \&check_derived, $server;
    subtest "$server: the address of an operation" => \&check_operation, $server;
    subtest "$server: a forged Host" => \&check_forged, $server;
    subtest "$server: one host, many spellings" => \&check_spellings, $server;
}
subtest 'the setting `site`' => \&check_setting;
subtest 'two scripts of a route' => \&check_addresses;
subtest 'show, by a key' => \&check_show;
subtest 'routes that change' => \&check_routes;
$sandbox->finish;

# ---- servers ----

# Each host has its own document root; what is neither of them belongs to a, as with a catch-all.
# HTTP_HOST is what the client sent: Debian's own fastcgi_params would hide a forged one.
sub nginx_conf {
    my $dir = $sandbox->dir;
    my $user = $> == 0 ? 'user www-data;' : '';
    my $params = join "\n", map { "fastcgi_param $_;" } 'SCRIPT_FILENAME $document_root$fastcgi_script_name',
        'SCRIPT_NAME $fastcgi_script_name', 'QUERY_STRING $query_string', 'REQUEST_METHOD $request_method',
        'CONTENT_TYPE $content_type', 'CONTENT_LENGTH $content_length', 'REQUEST_URI $request_uri',
        'SERVER_NAME $server_name', 'SERVER_PORT $server_port', 'REMOTE_ADDR $remote_addr',
        'REQUEST_SCHEME $scheme', 'SERVER_PROTOCOL $server_protocol';
    my $temp = join "\n", map { "${_}_temp_path $dir/run/nginx-$_;" } qw(client_body fastcgi proxy scgi uwsgi);
    my $servers = join "\n", map {
        my ($names, $root) = @$_;
        "server { listen 127.0.0.1:$port{nginx}; server_name $names; root $dir/www/$root;\n"
            . "location / { $params fastcgi_pass unix:$dir/run/retrysafe.sock; } }";
    } ['a.example www.a.example *.tenants.example', 'a'], ['b.example', 'b'];
    return $sandbox->write('conf/hosts-nginx.conf', <<"END");
$user daemon off; pid $dir/run/nginx.pid; error_log $dir/run/nginx.log; events { }
http { access_log off; $temp
$servers
}
END
}

sub lighttpd_conf {
    my $dir = $sandbox->dir;
    my $user = $> == 0 ? qq(server.username = "www-data"\nserver.groupname = "www-data"\n) : '';
    return $sandbox->write('conf/hosts-lighttpd.conf', <<"END");
server.modules = ( "mod_fastcgi" )
server.document-root = "$dir/www/a"
server.bind = "127.0.0.1"
server.port = $port{lighttpd}
server.errorlog = "$dir/run/lighttpd.log"
$user
\$HTTP["host"] =~ "^b\\.example" { server.document-root = "$dir/www/b" }
fastcgi.server = ( ".pl" => ( ( "socket" => "$dir/run/retrysafe.sock" ) ) )
END
}

sub apache_conf {
    my $dir = $sandbox->dir;
    my $load = join "\n", map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so" }
        qw(mpm_event authz_core alias mime proxy proxy_fcgi);
    my $user = $> == 0 ? "User www-data\nGroup www-data" : '';
    my $hosts = join "\n", map { <<"END" } ['a.example', 'a', 'www.a.example *.tenants.example'], ['b.example', 'b', 'b'];
<VirtualHost 127.0.0.1:$port{apache}>
ServerName $_->[0]
ServerAlias $_->[2]
UseCanonicalName On
DocumentRoot "$dir/www/$_->[1]"
</VirtualHost>
END
    return $sandbox->write('conf/hosts-apache.conf', <<"END");
ServerRoot "$dir/run"
PidFile "$dir/run/apache.pid"
ErrorLog "$dir/run/apache.log"
Listen 127.0.0.1:$port{apache}
$load
$user
ServerName a.example
TypesConfig /etc/mime.types
<Directory "$dir/www">
Require all granted
CGIPassAuth On
<FilesMatch "\\.pl\$">
SetHandler "proxy:unix:$dir/run/retrysafe.sock|fcgi://localhost/"
</FilesMatch>
</Directory>
$hosts
END
}

# ---- requests ----

sub new_key { 'site-key-' . ++$n }

# One POST to a host of a server; `at`: the target, when it is not a path of that host.
sub ask {
    my ($kind, $host, $script, %how) = @_;
    my @headers = ('Content-Type' => 'application/x-www-form-urlencoded', @{ $how{headers} // [] });
    push @headers, 'Idempotency-Key' => qq("$how{key}") if defined $how{key};
    return request($port{$kind}, $how{method} // 'POST', $how{at} // "/$script", host => $host, headers => \@headers,
        $how{method} ? () : (body => $how{body} // 'a=1'));
}

# What an answer is, and how many scripts were run meanwhile.
sub outcome {
    my @request = @_;
    my $runs = $effects->runs;
    my $answer = ask(@request);
    return join ' ', $answer->status, $answer->problem || ($answer->is_replay ? 'replay' : 'answer'),
        $effects->runs - $runs;
}

sub operation { my ($exit, @list) = verb($sandbox, 'list', '--limit', 1); return $list[0] // {} }

# ---- sites ----

sub check_hosts {
    my ($kind) = @_;
    my $key = new_key();
    my %first = map { $_ => ask($kind, $_, 'effect.pl', key => $key) } @HOSTS;
    is $effects->runs($key), 2, 'each host runs its own script';
    for (@HOSTS) {
        my $retry = ask($kind, $_, 'effect.pl', key => $key);
        ok $retry->is_replay && $retry->essence eq $first{$_}->essence, "$_ replays its own answer"
            or diag $retry->summary;
    }
    is outcome($kind, $HOSTS[1], 'effect.pl', key => $key, body => 'b=2'), '422 key-reused 0', 'a site as before';
    is $effects->runs($key), 2, 'and nobody ran again';
}

sub check_natural {
    my ($kind) = @_;
    my $mail = "email=$kind-user\@example.org";
    my @request = ('natural.pl', body => $mail, headers => [Authorization => 'Bearer ann']);
    is outcome($kind, $_, @request, key => new_key()), '200 answer 1', "an e-mail at $_" for @HOSTS;
    is outcome($kind, $_, @request, key => new_key()), '200 replay 0', "again at $_" for @HOSTS;
    is outcome($kind, $_, @request), '200 replay 0', "and without a key at $_" for @HOSTS;
}

sub check_derived {
    my ($kind) = @_;
    my @request = ('derive.pl', body => "form=$kind", headers => ['User-Agent' => 'browser']);
    is outcome($kind, $_, @request), '200 answer 1', "a form at $_" for @HOSTS;
    is outcome($kind, $_, @request), '200 replay 0', "pressed again at $_" for @HOSTS;
}

# Of another site, or at another address, no such operation exists.
sub check_operation {
    my ($kind) = @_;
    my $key = new_key();
    my $first = ask($kind, $HOSTS[0], 'async.pl', key => $key);
    is $first->status, 202, 'an operation';
    my $where = $first->header('Location');
    my $resource = sub { ask($kind, $_[0], '', method => 'GET', at => $_[1] // $where) };
    ok((wait_until { $resource->($HOSTS[0])->status == 200 } 10), 'is done');
    ok $resource->($HOSTS[0])->is_replay, 'and found at its address';
    ok $resource->(uc "$HOSTS[0].")->is_replay, 'also when it is spelled in another way';
    is $resource->($HOSTS[1])->problem, 'operation-unknown', 'at the other site there is none';
    is $resource->($HOSTS[0], $where =~ s/async/effect/r)->problem, 'operation-unknown', 'nor for another script';
    my $forged = ask($kind, $HOSTS[0], '', method => 'GET', at => "http://$HOSTS[1]$where");
    ok $forged->status == 400 || $forged->problem eq 'operation-unknown', 'nor with a forged Host' or diag $forged->summary;
}

# RFC 9112, section 3.2.2: the server goes by the absolute URL.  nginx and Apache hand on the Host
# beside it; lighttpd refuses one that differs.
sub check_forged {
    my ($kind) = @_;
    my $key = new_key();
    my $forged = ask($kind, $HOSTS[0], '', key => $key, at => "http://$HOSTS[1]/effect.pl");
    my $own = ask($kind, $HOSTS[0], 'effect.pl', key => $key);
    return is $forged->status, 400, 'is refused' if $kind eq 'lighttpd';
    is $forged->status, 200, 'the other server runs its script';
    ok !$own->is_replay, 'whose answer is not that of the host it named' or diag $own->summary;
    is $effects->runs($key), 2, 'two runs';
    my $again = ask($kind, $HOSTS[0], '', key => $key, at => "http://$HOSTS[1]/effect.pl");
    is $again->body, $forged->body, 'and it does not read the answer of that host';

    $key = new_key();
    $own = ask($kind, $HOSTS[0], 'effect.pl', key => $key);
    $forged = ask($kind, $HOSTS[0], '', key => $key, at => "http://$HOSTS[1]/effect.pl");
    isnt $forged->body, $own->body, 'nor when that one was first';
    my $mail = "email=forged-$kind\@example.org";
    my @as = (key => new_key(), body => $mail, headers => [Authorization => 'Bearer mallory']);
    is ask($kind, $HOSTS[0], '', @as, at => "http://$HOSTS[1]/natural.pl")->status, 200, 'a value is taken there';
    is outcome($kind, $HOSTS[0], 'natural.pl', key => new_key(), body => $mail), '200 answer 1', 'and is free here';
}

sub check_spellings {
    my ($kind) = @_;
    my $key = new_key();
    is outcome($kind, $HOSTS[0], 'effect.pl', key => $key), '200 answer 1', $HOSTS[0];
    is outcome($kind, $_, 'effect.pl', key => $key), '200 replay 0', $_
        for 'A.Example', 'a.example.', 'a.example:80', 'A.EXAMPLE.:80';
    is outcome($kind, "$_.tenants.example", 'effect.pl', key => $key), '200 answer 1', "a tenant: $_" for 'one', 'two';
    is outcome($kind, 'one.tenants.example', 'effect.pl', key => $key), '200 replay 0', 'the first tenant again';
}

# A gateway reads a changed configuration with the next request.
sub check_setting {
    write_config($sandbox, routes => \@ROUTES, site => ['SERVER_NAME']);
    my $key = new_key();
    is outcome('nginx', 'a.example', 'effect.pl', key => $key), '200 answer 1', '["SERVER_NAME"]';
    is outcome('nginx', $_, 'effect.pl', key => $key), '200 replay 0', "an alias: $_"
        for 'www.a.example', 'one.tenants.example';
    is outcome('nginx', 'b.example', 'effect.pl', key => $key), '200 answer 1', 'another server';
    is outcome('nginx', 'a.example', '', key => $key, at => 'http://b.example/effect.pl'), '200 replay 0',
        'a forged Host does not count at all';

    write_config($sandbox, routes => \@ROUTES, site => []);
    $key = new_key();
    is outcome('nginx', 'a.example', 'effect.pl', key => $key), '200 answer 1', '[]';
    is outcome($_->[0], $_->[1], 'effect.pl', key => $key), '200 replay 0', "all hosts are one: @$_"
        for ['nginx', 'b.example'], ['lighttpd', 'a.example'], ['apache', 'b.example'];

    write_config($sandbox, routes => \@ROUTES, site => ['HTTP_X_SHOP']);
    $key = new_key();
    is outcome('lighttpd', 'a.example', 'effect.pl', key => $key, headers => ['X-Shop' => $_]), '200 answer 1',
        "a variable of the operator's: $_" for 'one', 'two';
    is outcome('lighttpd', 'a.example', 'effect.pl', key => $key), '200 answer 1', 'and none';
    is outcome('lighttpd', 'a.example', 'effect.pl', key => $key, headers => ['X-Shop' => 'one']), '200 replay 0',
        'the first again';
    write_config($sandbox, routes => \@ROUTES);
}

sub check_addresses {
    write_config($sandbox, routes => [{ match => '*' }]);
    my $key = new_key();
    is outcome('nginx', 'a.example', $_, key => $key), '200 answer 1', $_ for 'effect.pl', 'other.pl';
    is outcome('nginx', 'a.example', $_, key => $key), '200 replay 0', "$_ again" for 'effect.pl', 'other.pl';
    write_config($sandbox, routes => \@ROUTES);
}

sub check_show {
    my $key = new_key();
    my @named = ('--key', $key, '--script', '/effect.pl');
    is +(verb($sandbox, 'show', @named))[0], 1, 'not there yet: 1';
    ask('nginx', 'a.example', 'effect.pl', key => $key);
    my %ref = (a => operation()->{ref});
    my ($exit, $one) = verb($sandbox, 'show', @named);
    is_deeply [$exit, @$one{qw(ref script)}], [0, $ref{a}, '/effect.pl'], 'on its only site, without --site';
    ask('nginx', 'b.example', 'effect.pl', key => $key);
    $ref{b} = operation()->{ref};
    isnt $ref{a}, $ref{b}, 'two sites have it';
    is +(verb($sandbox, 'show', @named))[0], 100, 'which one? 100';
    for (['a', 'A.example'], ['b', 'b.example:80']) {
        ($exit, $one) = verb($sandbox, 'show', @named, '--site', $_->[1]);
        is_deeply [$exit, $one->{ref}], [0, $ref{ $_->[0] }], "--site $_->[1]";
    }
    is +(verb($sandbox, 'show', @named, '--site', 'c.example'))[0], 1, 'another site: 1';
    is +(verb($sandbox, 'show', '--key', $key, '--script', '/other.pl'))[0], 1, 'another script: 1';

    my $tenant = new_key();
    ask('nginx', 'one.tenants.example', 'effect.pl', key => $tenant);
    my @tenant = ('--key', $tenant, '--script', '/effect.pl', '--site');
    is +(verb($sandbox, 'show', @tenant, 'one.tenants.example'))[0], 1, 'the name asked for is half of a site';
    ($exit, $one) = verb($sandbox, 'show', @tenant, 'a.example', '--site', 'one.tenants.example');
    is_deeply [$exit, $one->{ref}], [0, operation()->{ref}], '--site for each variable of the setting';
}

sub check_routes {
    my ($key, $policy, $moved) = map { new_key() } 1 .. 3;
    $sandbox->write('www/a/policy.sh', "#!/bin/sh\necho run >>@{[$sandbox->path('run/policy')]}\nexit 1\n");
    chmod 0755, $sandbox->path('www/a/policy.sh');
    my @asked = (on_uncertain => 'probe', probe => ['/bin/sh', '-c', 'printf "Status: 201\n\nfound out\n"']);
    write_config($sandbox, routes => [{ match => '/*.pl' }, { match => '/*', on_uncertain => 'probe', probe => ['/bin/sh', '-c', 'exit 2'] }]);
    is outcome('lighttpd', 'a.example', 'effect.pl', key => $key), '200 answer 1', 'a key under a route';
    my $run = ask('nginx', 'a.example', 'policy.sh', key => $policy);
    is $run->problem, 'script-failed', 'another one is uncertain';
    my $ref = operation()->{ref};
    $sandbox->copy($sandbox->path('www/a/policy.sh'), $_) for 'www/old/moved.sh', 'www/a/moved.sh';
    write_config($sandbox, routes => [{ match => '/effect.pl' }, { match => '/moved.sh', @asked, script => $sandbox->path('www/old/moved.sh') }]);
    is ask('nginx', 'a.example', 'moved.sh', key => $moved)->problem, 'script-failed', 'and one of a script that will move';
    my $ref_moved = operation()->{ref};

    write_config($sandbox, routes => [{ match => '/effect.pl', ttl => '48h' }, { match => '/*.pl' },
        { match => '/policy.sh', @asked }]);
    is outcome('lighttpd', 'a.example', 'effect.pl', key => $key), '200 replay 0', 'a special route before it';
    sleep 1.1;
    is +(verb($sandbox, 'recover'))[0], 1, 'recover, which leaves the one without a route';
    my (undef, $one) = verb($sandbox, 'show', $ref);
    is_deeply [@$one{qw(state status route script)}], ['done', 201, '/*', '/policy.sh'],
        'asks the probe of the route that the script has now';
    $sandbox->copy($sandbox->root . '/tests/scripts/effect.pl', 'www/moved/new.pl');
    $sandbox->copy($sandbox->root . '/tests/scripts/Effect.pm', 'www/moved/Effect.pm');
    write_config($sandbox, routes => [{ match => '/e*', script => $sandbox->path('www/moved/new.pl') }]);
    is outcome('lighttpd', 'a.example', 'effect.pl', key => $key), '200 replay 0', 'a script that has moved';
    is outcome('lighttpd', 'a.example', 'effect.pl', key => new_key()), '200 answer 1', 'which runs where it is now';
    $sandbox->copy($sandbox->path('www/a/policy.sh'), 'www/new/moved.sh');
    unlink $sandbox->path('www/old/moved.sh');
    rmdir $sandbox->path('www/old') or die "www/old: $!\n";
    write_config($sandbox, routes => [{ match => '/mov*', @asked, script => $sandbox->path('www/new/moved.sh') }]);
    is +(verb($sandbox, 'recover'))[0], 0, 'recover, when a script has moved';
    (undef, $one) = verb($sandbox, 'show', $ref_moved);
    is_deeply [@$one{qw(state status script)}], ['done', 201, '/moved.sh'], 'asks its probe all the same';
}
