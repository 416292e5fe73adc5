# SPDX-License-Identifier: ISC
#
# Gateway.pm - retrysafe itself: its configuration, `serve`, and the operator's verbs
#
#   my $config = write_config($sandbox, routes => [{ match => '*', timeout => '2s' }]);
#   my $pid = start_gateway($sandbox);
#   my ($exit, @operations) = verb($sandbox, 'list');
#
# Everything runs as the sandbox's user, to whom the store belongs.
package Gateway;
use strict;
use warnings;
use Exporter qw(import);
use IO::Socket::UNIX;
use JSON::PP ();
use Process qw(wait_until is_alive);

our @EXPORT_OK = qw(write_config start_gateway socket_path verb verb_in);

# Writes conf/retrysafe.json: a store and a spool in the sandbox, scripts from its document root,
# one route for everything.  Settings given replace these; undef removes one.  Returns the path.
sub write_config {
    my ($sandbox, %settings) = @_;
    my %config = (
        store => 'sqlite:' . $sandbox->path('store/retrysafe.db'),
        spool => $sandbox->path('spool'),
        script_dirs => [$sandbox->path('www')],
        routes => [{ match => '*' }],
        %settings,
    );
    delete @config{ grep { !defined $config{$_} } keys %config };
    my $json = JSON::PP->new->utf8->canonical->pretty->encode(\%config);
    return $sandbox->write('conf/retrysafe.json', $json);
}

sub socket_path { $_[0]->path('run/retrysafe.sock') }

# Starts `retrysafe serve` on run/retrysafe.sock with conf/retrysafe.json, which is written first if
# there is none, and waits until it takes connections.  `env` adds to its environment, `wrapper`
# goes in front of the command, `name` names its log; with `user` undefined the wrapper is root's and has to
# change to the user itself.  Returns the pid.
sub start_gateway {
    my ($sandbox, %how) = @_;
    my $config = $sandbox->path('conf/retrysafe.json');
    my $socket = socket_path($sandbox);

    write_config($sandbox) if !-e $config;
    my $pid = $sandbox->start(
        name => $how{name} // 'gateway', user => exists $how{user} ? $how{user} : $sandbox->user, env => $how{env} // {},
        command => [@{ $how{wrapper} // [] }, $sandbox->binary, 'serve', '--config', $config,
            '--listen', "unix:$socket"],
    );
    my $answers = sub { IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket) };
    wait_until { !is_alive($pid) || $answers->() } 15;
    return $pid if is_alive($pid);
    die "retrysafe serve did not start:\n", map { "  $_\n" } $sandbox->logs(10);
}

# Runs an operator's verb with --json; returns its exit status and the objects that it printed.
sub verb { verb_in($_[0], {}, @_[1 .. $#_]) }

# The same, with additions to its environment.
sub verb_in {
    my ($sandbox, $env, $verb, @arguments) = @_;
    my $name = "verb-$verb-" . ++$sandbox->{verbs};
    my $out = $sandbox->path('log', $name);
    my $pid = $sandbox->start(
        name => $name, user => $sandbox->user, env => $env,
        command => [$sandbox->binary, $verb, '--json',
            '--config', $sandbox->path('conf/retrysafe.json'), @arguments],
    );
    waitpid $pid, 0;
    my $exit = $? & 127 ? "signal " . ($? & 127) : $? >> 8;
    my @objects = map { eval { JSON::PP::decode_json($_) } // { not_json => $_ } }
        split /^/, Process::contents($out);
    return ($exit, @objects);
}

1;
