# SPDX-License-Identifier: ISC
#
# Sandbox.pm - a directory of its own for a test, with copies of everything that it runs
#
#   my $sandbox = Sandbox->new;
#   $sandbox->place_scripts('bare');        # www/bare/ gets the files of tests/scripts
#   my $pid = $sandbox->start(command => [...], name => 'nginx');
#   $sandbox->finish;                       # instead of done_testing()
#
# finish() opens every gate, ends what was started, and is itself a test: no process with a tie to
# the directory may be left, and no log may hold a report of a sanitizer.  Then the directory goes,
# unless TEST_KEEP is set.  A test that dies half-way cleans up too.
#
# Programs are copied so that the account of a web server can reach them wherever the checkout is.
# Knows nothing of servers and requests.
package Sandbox;
use strict;
use warnings;
use Cwd ();
use File::Basename qw(basename dirname);
use File::Copy ();
use File::Path qw(make_path remove_tree);
use File::Temp ();
use Process qw(wait_until start_process stop_process is_alive tied_to describe);

my %open;    # sandboxes that have not been finished
my $ROOT = dirname(dirname(dirname(Cwd::abs_path(__FILE__))));

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 130 };

sub new {
    my ($class) = @_;
    my $name = basename($0) =~ s/\.\w+\z//r;
    # Short, and under /tmp: a socket's path may have only 107 bytes.
    my $dir = File::Temp::tempdir("rs-$name-XXXXXX", TMPDIR => 1);
    my $self = bless { dir => Cwd::abs_path($dir), owner => $$, started => [], log => [] }, $class;

    $open{ $self->{dir} } = $self;
    chmod 0755, $dir;
    make_path(map { "$self->{dir}/$_" } qw(bin conf log www www/gates));
    $self->give_dir($_, 0700) for qw(store spool);
    $self->give_dir('run', 0755);
    $self->write('www/effects.log', '');
    chmod 0666, "$self->{dir}/www/effects.log" or die "effects.log: $!\n";
    return $self;
}

sub dir { $_[0]{dir} }

# The root of the repository.
sub root { $ROOT }

# An absolute path inside the sandbox.
sub path { join '/', $_[0]{dir}, @_[1 .. $#_] }

# The account that servers, gateways and scripts run as.
sub user { $> == 0 ? 'www-data' : scalar getpwuid $> }

sub write {
    my ($self, $file, $content) = @_;
    my $path = $self->path($file);
    make_path(dirname($path));
    open my $fh, '>:raw', $path or die "$path: $!\n";
    print {$fh} $content;
    close $fh or die "$path: $!\n";
    return $path;
}

sub read {
    my ($self, $file) = @_;
    return Process::contents($self->path($file));
}

# Makes a directory that belongs to user().
sub give_dir {
    my ($self, $name, $mode) = @_;
    my $path = $self->path($name);
    make_path($path);
    chmod $mode, $path or die "$path: $!\n";
    chown((getpwnam user())[2, 3], $path) or die "$path: $!\n" if $> == 0;
    return $path;
}

# Copies the test scripts to www/PREFIX/, where `Effect.pm` finds www/effects.log and www/gates/.
sub place_scripts {
    my ($self, @prefixes) = @_;
    for my $prefix (@prefixes) {
        $self->copy($_, "www/$prefix/" . basename($_)) for glob "$ROOT/tests/scripts/*";
    }
}

# Copies a file, with its mode, to a place in the sandbox, and returns that place's path.
sub copy {
    my ($self, $from, $to) = @_;
    my $path = $self->path($to);
    make_path(dirname($path));
    File::Copy::copy($from, $path) or die "copy $from: $!\n";
    chmod((stat $from)[2] & 0777 | 0444, $path) or die "$path: $!\n";
    return $path;
}

# The program under test: bin/retrysafe, with its links beside it.  RETRYSAFE_BUILD names another
# directory than build/ to take it from.
sub binary {
    my ($self, $link) = @_;
    my $build = $ENV{RETRYSAFE_BUILD} // "$ROOT/build";
    if (!-e $self->path('bin/retrysafe')) {
        -x "$build/retrysafe" or die "$build/retrysafe is missing: run make first\n";
        $self->copy("$build/retrysafe", 'bin/retrysafe');
        symlink 'retrysafe', $self->path("bin/retrysafe.$_") for qw(fcgi cgi);
    }
    return $self->path('bin/' . ($link // 'retrysafe'));
}

# Starts a program, as Process::start_process() does; its output goes to log/NAME.  Returns its pid.
sub start {
    my ($self, %how) = @_;
    my $log = $self->path('log', $how{name} // basename($how{command}[0]));
    my %env = (TEST_SANDBOX => $self->{dir}, %{ $how{env} // {} });
    my $pid = start_process(log => $log, %how, env => \%env);
    push @{ $self->{started} }, $pid;
    return $pid;
}

# Opens the gate that scripts wait at.
sub open_gate {
    my ($self, $name) = @_;
    $self->write("www/gates/$name", '');
}

# What runs with a tie to this sandbox.
sub processes { tied_to($_[0]{dir}) }

# Those of them whose program is retrysafe: gateways and keepers.
sub gateways {
    my ($self) = @_;
    my $program = $self->path('bin/retrysafe');
    return grep { (readlink("/proc/$_/exe") // '') eq $program } $self->processes;
}

# All logs, each line with the name of its log, at most the last $lines of each.
sub logs {
    my ($self, $lines) = @_;
    my @all;
    for my $file (sort glob "$self->{dir}/log/* $self->{dir}/run/*.log") {
        my @of_one = split /^/, Process::contents($file);
        splice @of_one, 0, -$lines if $lines && @of_one > $lines;
        push @all, map { chomp; basename($file) . ": $_" } @of_one;
    }
    return @all;
}

# Ends everything and reports what should not be there.  Returns the complaints.
sub close {
    my ($self) = @_;
    my @complaints;

    delete $open{ $self->{dir} };
    $self->open_gate('all');
    # If another process has the number by now, it has no tie to this directory.
    for my $pid (reverse grep { is_alive($_) && Process::has_tie($_, $self->{dir}) } @{ $self->{started} }) {
        my $name = describe($pid);
        defined stop_process($pid, 'TERM', 15) or push @complaints, "did not end on TERM: $name";
    }
    wait_until { !$self->processes } 15;
    for my $pid ($self->processes) {
        push @complaints, 'still running: ' . describe($pid);
        kill 'KILL', $pid;
    }
    push @complaints, grep { /Sanitizer|runtime error:/ } $self->logs;
    return @complaints;
}

sub remove {
    my ($self) = @_;
    if ($ENV{TEST_KEEP}) {
        print STDERR "# kept: $self->{dir}\n";
    } else {
        remove_tree($self->{dir}, { safe => 0 });
    }
}

# The last test of a file, and the end of it.
sub finish {
    my ($self) = @_;
    my @complaints = $self->close;
    require Test::More;
    Test::More::is(join("\n", @complaints), '', 'nothing is left behind');
    Test::More::diag($_) for Test::More->builder->is_passing ? () : $self->logs(15);
    $self->remove;
    Test::More::done_testing();
}

END {
    my $status = $?;
    for my $self (grep { $_->{owner} == $$ } values %open) {
        $self->close;
        print STDERR map { "# $_\n" } $status ? $self->logs(15) : ();
        $self->remove;
    }
    $? = $status;
}

1;
