# SPDX-License-Identifier: ISC
#
# Server.pm - lighttpd, Apache and nginx in the foreground, with the very files in conf/
#
#   my $server = Server->start($sandbox, 'lighttpd');
#   request($server->port, POST => '/spawned/effect.pl', ...);
#   $server->stop;
#
#   Server->start($sandbox, 'apache', -c => "Include $file");    # with more arguments
#   Server->start_one_address($sandbox)->port('cgi');
#   Server::start_conf($sandbox, nginx => $port, $file);         # another file than that in conf/
#   my $ask = Server::nginx_without_us($sandbox);                # scripts of /bare/, by fcgiwrap
#   $ask->(POST => 'effect.pl', body => 'a=1');
#
# An operation belongs to an address (SCRIPT_NAME), and each wiring of conf/ has another prefix.  What
# start_one_address() starts is lighttpd with two more ports, `spawned` and `cgi`, where the scripts
# of /socket/ are served in these two ways.
#
# The files in conf/ name what they need by BIN, DOCROOT, RUN, PORT and CONFIG, which lighttpd and
# Apache take from the environment, and nginx as @PLACEHOLDERS@; here they become places in the
# sandbox.  Nothing else is changed.  The port is free, and the server counts as started when this
# very process listens on it.
package Server;
use strict;
use warnings;
use Client ();
use Gateway qw(write_config);
use Process qw(wait_until is_alive stop_process free_port listens_on);

my %PROGRAM = (
    lighttpd => '/usr/sbin/lighttpd',
    apache => '/usr/sbin/apache2',
    nginx => '/usr/sbin/nginx',
);

sub start {
    my ($class, $sandbox, $kind, @arguments) = @_;
    my $self = bless { kind => $kind, sandbox => $sandbox, arguments => \@arguments }, $class;

    -x $PROGRAM{$kind} or die "$PROGRAM{$kind} is not installed\n";
    # lighttpd and mod_fcgid start gateways by themselves.
    $sandbox->binary;
    write_config($sandbox) if !-e $sandbox->path('conf/retrysafe.json');
    # Another program may take the port between our look and the server's bind.
    for (1 .. 3) {
        $self->{port} = free_port();
        $self->{pid} = $self->launch;
        wait_until { !is_alive($self->{pid}) || listens_on($self->{pid}, $self->{port}) } 20;
        return $self if is_alive($self->{pid}) && listens_on($self->{pid}, $self->{port});
        stop_process($self->{pid});
    }
    die "$kind did not start:\n", map { "  $_\n" } $sandbox->logs(10);
}

sub start_one_address {
    my ($class, $sandbox) = @_;
    $sandbox->{one_address} = { map { $_ => free_port() } qw(spawned cgi) };
    my $self = $class->start($sandbox, 'lighttpd');
    $self->{port_of} = delete $sandbox->{one_address};
    return $self;
}

# lighttpd.conf as it is, and the two ports.
sub one_address_conf {
    my ($sandbox, $conf) = @_;
    my ($spawned, $cgi) = @{ $sandbox->{one_address} }{qw(spawned cgi)};
    return $sandbox->write('conf/lighttpd-one-address.conf', <<"END");
include "$conf/lighttpd.conf"
\$SERVER["socket"] == "127.0.0.1:$spawned" {
	fastcgi.server = ( "/" => ( (
		"bin-path" => env.BIN + "/retrysafe.fcgi",
		"socket" => env.RUN + "/spawned-too.sock",
		"max-procs" => 1,
		"bin-copy-environment" => ( "PATH" ),
		"bin-environment" => ( "RETRYSAFE_CONFIG" => env.CONFIG ),
	) ) )
}
\$SERVER["socket"] == "127.0.0.1:$cgi" {
	fastcgi.server = ( )
	cgi.assign = ( "" => env.BIN + "/retrysafe.cgi" )
	setenv.add-environment = ( "RETRYSAFE_CONFIG" => env.CONFIG )
}
END
}

# The port, or that of a way of start_one_address().
sub port { defined $_[1] ? $_[0]{port_of}{ $_[1] } : $_[0]{port} }
sub pid { $_[0]{pid} }
sub kind { $_[0]{kind} }

# Ends the server; true if it ended by itself in time.
sub stop {
    my ($self, $signal) = @_;
    return defined stop_process($self->{pid}, $signal // 'TERM', 15);
}

# The arguments that run a server in the foreground with a configuration.
sub arguments {
    my ($sandbox, $kind, $conf) = @_;
    return $kind eq 'lighttpd' ? ('-D', '-f', $conf)
        : $kind eq 'apache' ? ('-DFOREGROUND', '-f', $conf)
        : ('-c', $conf, '-e', $sandbox->path("run/$kind-start.log"));
}

# A server with a file of the test's own, which listens on $port.  Dies if it does not start.
sub start_conf {
    my ($sandbox, $kind, $port, $conf) = @_;
    my $pid = $sandbox->start(name => $kind, command => [$PROGRAM{$kind}, arguments($sandbox, $kind, $conf)]);
    wait_until { !is_alive($pid) || listens_on($pid, $port) } 20;
    is_alive($pid) && listens_on($pid, $port)
        or die "$kind did not start:\n", map { "  $_\n" } $sandbox->logs(10);
    return $pid;
}

# fcgiwrap is how nginx runs a script without us.  Returns a function that sends a request for a
# script of /bare/ and returns its Answer; nothing where fcgiwrap is not installed.
sub nginx_without_us {
    my ($sandbox) = @_;
    return if !-x '/usr/sbin/fcgiwrap';
    my $port = free_port();
    my ($run, $www, $user) = ($sandbox->path('run'), $sandbox->path('www'), $sandbox->user);
    my $conf = $sandbox->write('conf/bare-nginx.conf', <<"END");
user $user; pid $run/bare-nginx.pid; error_log $run/bare-nginx.log; daemon off; events { }
http { access_log off; client_body_temp_path $run/b1; fastcgi_temp_path $run/b2; proxy_temp_path $run/b3;
scgi_temp_path $run/b4; uwsgi_temp_path $run/b5; client_max_body_size 16m;
server { listen 127.0.0.1:$port; root $www; server_name localhost; location /bare/ { include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name; fastcgi_pass unix:$run/wrap.sock; } } }
END
    $sandbox->start(name => 'fcgiwrap', command => ['/usr/sbin/fcgiwrap', '-s', "unix:$run/wrap.sock"], user => $user);
    $sandbox->start(name => 'bare-nginx', command => [$PROGRAM{nginx}, '-c', $conf, '-e', "$run/bare-nginx.log"]);
    wait_until { -S "$run/wrap.sock" && eval { Client->connect($port); 1 } } 15;
    return sub {
        my ($method, $target, @more) = @_;
        return Client::request($port, $method, "/bare/$target", @more);
    };
}

sub launch {
    my ($self) = @_;
    my ($sandbox, $kind) = @$self{qw(sandbox kind)};
    my $conf = $sandbox->root . '/conf';
    my %place = (
        BIN => $sandbox->path('bin'),
        DOCROOT => $sandbox->path('www'),
        RUN => $sandbox->path('run'),
        PORT => $self->{port},
        CONFIG => $sandbox->path('conf/retrysafe.json'),
    );
    my $file = "$conf/$kind.conf";
    $file = one_address_conf($sandbox, $conf) if $kind eq 'lighttpd' && $sandbox->{one_address};
    $file = $sandbox->write('conf/nginx.conf',
        Process::contents($file) =~ s{\@([A-Z]+)\@}{$place{$1} // "\@$1\@"}ger) if $kind eq 'nginx';
    return $sandbox->start(
        name => $kind, env => \%place,
        command => [$PROGRAM{$kind}, arguments($sandbox, $kind, $file), @{ $self->{arguments} }]);
}

1;
