# SPDX-License-Identifier: ISC
#
# Programs.pm - builds the small programs of bench/programs/
#
#   my $path = program('constant', '-lfcgi -lpthread');   # build/bench/constant
#
# fill is linked with the project's own objects, so that it makes keys as the gateway does.
package Programs;
use strict;
use warnings;
use Exporter qw(import);
use File::Path qw(make_path);
use FindBin;

our @EXPORT_OK = qw(program build_directory source output);

my %FLAGS = (
    constant => '-lfcgi -lpthread',
    slow_fsync => '-shared -fPIC -ldl',
    fill => '-lfcgi -lsqlite3 -ljansson -lmd -lpthread',
);
my %FILE = (slow_fsync => 'slow_fsync.so');

sub build_directory { $ENV{RETRYSAFE_BUILD} // "$FindBin::Bin/../build" }

# The path of a file of bench/programs/.
sub source { "$FindBin::Bin/programs/$_[0]" }

my %is_built;

# Builds if the source is newer, or what it is linked with may be; returns the program's path.
sub program {
    my ($name) = @_;
    my $dir = build_directory() . '/bench';
    my ($from, $to) = (source("$name.c"), "$dir/" . ($FILE{$name} // $name));
    my @more = $name eq 'fill' ? (build_directory() . '/units.a', '-I' . "$FindBin::Bin/../src") : ();

    make_path($dir);
    return $to if $is_built{$name}++ || $name ne 'fill' && -e $to && (stat $to)[9] > (stat $from)[9];
    my $cc = ($ENV{CC} // 'cc') . ' -std=gnu11 -D_GNU_SOURCE -O2 -o';
    output(join ' ', $cc, $to, $from, @more, $FLAGS{$name} // '');
    return $to;
}

# What a shell command prints; dies when it fails.
sub output {
    my ($command) = @_;
    my $out = qx{$command 2>&1};
    die "$command:\n$out" if $? != 0;
    return $out;
}

1;
