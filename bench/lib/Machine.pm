# SPDX-License-Identifier: ISC
#
# Machine.pm - describes the machine and the versions of the programs
package Machine;
use strict;
use warnings;
use utf8;
use Exporter qw(import);
use POSIX ();
use Process ();
use Programs qw(program output);

our @EXPORT_OK = qw(machine fdatasync_us file_system);

# fdatasync(2) in a directory, for so many seconds: median, least, most, in microseconds.
sub fdatasync_us {
    my ($dir, $seconds) = @_;
    my $file = "$dir/disk-test";
    my ($median, $min, $max) = split ' ', output(program('disk') . " $file $seconds");
    unlink $file;
    return { us => $median, min => $min, max => $max };
}

# Of the directory that the sandboxes are made in.
sub file_system {
    my ($dir) = @_;
    return (split ' ', output("findmnt -n -o FSTYPE -T '$dir'"))[0];
}

sub version {
    my ($package) = @_;
    my $version = qx{dpkg-query -W -f='\${Version}' $package 2>/dev/null};
    return $version || 'not a package';
}

sub machine {
    my ($dir, $retrysafe) = @_;
    my ($cpu) = Process::contents('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my ($memory) = Process::contents('/proc/meminfo') =~ /^MemTotal:\s*(\d+)/m;
    my $cores = () = Process::contents('/proc/cpuinfo') =~ /^processor/mg;
    my $sync = fdatasync_us($dir, 1);
    my @load = split ' ', Process::contents('/proc/loadavg');
    my ($sysname, undef, $release) = POSIX::uname();
    my %versions = map { ($_ => version($_)) }
        qw(nginx lighttpd apache2 libapache2-mod-fcgid fcgiwrap libfcgi0ldbl libsqlite3-0 wrk);
    return {
        date => POSIX::strftime('%Y-%m-%d %H:%M UTC', gmtime),
        processor => "$cores × " . ($cpu // 'unknown'),
        memory => sprintf('%.0f GiB', ($memory // 0) / 1048576),
        kernel => "$sysname $release",
        disk => sprintf('%s, fdatasync of one page %.0f µs (%.0f–%.0f)', file_system($dir), @$sync{qw(us min max)}),
        'load before' => $load[0],
        versions => join(', ', "retrysafe $retrysafe", map { "$_ $versions{$_}" } sort keys %versions),
    };
}

1;
