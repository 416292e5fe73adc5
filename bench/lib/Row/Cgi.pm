# SPDX-License-Identifier: ISC
#
# Cgi.pm - CGI mode: the time that a process for each request adds to the bare script
#
# With the ordinary build, and with a static one where there is one: build/static/retrysafe, or
# what RETRYSAFE_STATIC names.
#
# With a pause between the requests: after an answer mod_cgid looks every 10 ms whether the script has
# ended, and only then reads the next request of the connection.  Without the pause that time would
# count to the bare script.
package Row::Cgi;
use strict;
use warnings;
use utf8;
use Load qw(rounds spread);
use Programs qw(build_directory output);
use Stage;
use Throughput qw(checked_rounds spreads);
use Time::HiRes qw(time);

my $STATIC = $ENV{RETRYSAFE_STATIC} // build_directory() . '/static/retrysafe';
my $NONE = 'there is no static build to measure';

sub figures {
    return (['cgi/lighttpd', \&lighttpd], ['cgi/apache', \&apache], ['cgi/start', \&start]);
}

# The builds that are there, with the interpreter's path in the sandbox.
sub builds {
    my ($stage) = @_;
    my %path = (dynamic => $stage->sandbox->binary('retrysafe.cgi'));
    if (-x $STATIC) {
        $stage->sandbox->copy($STATIC, 'bin/static/retrysafe');
        $path{static} = $stage->path('bin/static/retrysafe.cgi');
        symlink 'retrysafe', $path{static} or die "$path{static}: $!\n";
    }
    return %path;
}

sub lighttpd {
    my ($options) = @_;
    my $stage = Stage->new(clients => 1);
    my %path = builds($stage);
    $stage->prepare('bare', keys %path);
    $stage->config('cgi');
    my $port = $stage->lighttpd(bare => '', %path);
    return added($options, $stage, 'cgi/lighttpd', 'lighttpd', $port, sort keys %path);
}

# A control file for each build: it is a CGI program to Apache.
sub apache {
    my ($options) = @_;
    my $stage = Stage->new(clients => 1);
    my %path = builds($stage);
    $stage->prepare('bare', keys %path);
    for (keys %path) {
        rename $stage->path('www', $_, 'script.cgi'), $stage->path('www', $_, 'legacy') or die "rename: $!\n";
        my $control = $stage->sandbox->write("www/$_/script.cgi", "#!$path{$_}\n" . JSON::PP->new->encode({
            script => 'legacy', store => 'sqlite:' . $stage->path("store/$_.db"), spool => $stage->path('spool') }));
        chmod 0755, $control or die "$control: $!\n";
    }
    my $port = $stage->apache(join '', map { $stage->handler($_, 'cgi-script') } 'bare', keys %path);
    return added($options, $stage, 'cgi/apache', 'Apache mod_cgid', $port, sort keys %path);
}

sub added {
    my ($options, $stage, $only, $server, $port, @builds) = @_;
    my %named = map { ($_ => "$server + retrysafe.cgi, $_") } @builds;
    my $bare = "$server, bare script";
    my %rounds = checked_rounds($options, $stage, size => 300, load => { clients => 1, raw => 1, pause => 20 }, candidates => [
        map { ($named{$_} // $bare => { port => $port, prefix => $_, script => 'script.cgi' }) } @builds, 'bare']);
    $stage->close;
    my @results;
    for my $build (@builds) {
        my ($ours, $compared) = map { $rounds{$_} } $named{$build}, $bare;
        my ($bad, $requests) = (0, 0);
        $bad += $_->{bad}, $requests += $_->{requests} for @$ours, @$compared;
        push @results, { only => $only, unit => 'ms', target => ['<=', 3], bad => $bad, requests => $requests,
            value => spread(map { ($ours->[$_]{p50} - $compared->[$_]{p50}) / 1000 } 0 .. $#$ours),
            says => "first run in CGI mode, 1 client: what $named{$build} adds to the p50 of the bare script",
            figures => { map { ($_ => spreads($rounds{$_}, qw(p50 p99))) } $named{$build}, $bare },
            notes => [$build eq 'dynamic' && @builds == 1 ? "the target is for the static build; $NONE" : ()] };
    }
    return @results;
}

# Size, and the time from start to end of a process that does nothing, beside /bin/true.
sub start {
    my ($options) = @_;
    my %command = ('/bin/true' => ['/bin/true'], dynamic => [build_directory() . '/retrysafe', 'version'],
        -x $STATIC ? (static => [$STATIC, 'version']) : ());
    open my $stdout, '>&', \*STDOUT or die "dup: $!\n";
    my %rounds = rounds($options, map { my @command = @{ $command{$_} }; ($_ => sub {
        my $n = 100;
        my $started = time;
        for (1 .. $n) {
            my $pid = fork // die "fork: $!\n";
            if (!$pid) {
                open STDOUT, '>', '/dev/null';
                exec @command or POSIX::_exit(127);
            }
            waitpid $pid, 0;
            $? == 0 or die "@command: exit $?\n";
        }
        return { us => (time - $started) / $n * 1e6 };
    }) } sort keys %command);
    return map { my $build = $_; {
        only => 'cgi/start', unit => 'ms', says => "starting the $build build and ending it, beyond /bin/true",
        value => spread(map { ($rounds{$build}[$_]{us} - $rounds{'/bin/true'}[$_]{us}) / 1000 } 0 .. $#{ $rounds{$build} }),
        notes => [sprintf('%.0f KiB', (-s $command{$build}[0]) / 1024), -x $STATIC ? () : $NONE],
    } } grep { $_ ne '/bin/true' } sort keys %command;
}

1;
