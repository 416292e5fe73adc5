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
    # A port that is free may be given out twice before a server has it.
    my ($spawned, $cgi) = (free_port(), free_port());
    $cgi = free_port() while $cgi == $spawned;
    $sandbox->{one_address} = { spawned => $spawned, cgi => $cgi };
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
    my @command;
    if ($kind eq 'lighttpd') {
        @command = ('-D', '-f', $sandbox->{one_address}
            ? one_address_conf($sandbox, $conf) : "$conf/lighttpd.conf");
    } elsif ($kind eq 'apache') {
        @command = ('-DFOREGROUND', '-f', "$conf/apache.conf");
    } else {
        my $text = Process::contents("$conf/nginx.conf");
        $text =~ s{\@([A-Z]+)\@}{$place{$1} // "\@$1\@"}ge;
        my $file = $sandbox->write('conf/nginx.conf', $text);
        @command = ('-c', $file, '-e', $sandbox->path('run/nginx-start.log'));
    }
    return $sandbox->start(
        name => $kind, command => [$PROGRAM{$kind}, @command, @{ $self->{arguments} }], env => \%place);
}

1;
