# SPDX-License-Identifier: ISC
#
# Receiver.pm - a receiver of webhooks: a real HTTP server on loopback, in a process of its own, that
# records every request and answers as it is told to
#
#   my $receiver = Receiver->start($sandbox);
#   $receiver->plan('/hook', 500, 200);           # first a 500, from then on 200
#   my @requests = $receiver->requests('/hook');  # path, method, headers (a hash), body, at, connection
#
# An answer of a plan is a status; "302 /elsewhere"; "503 Retry-After=5"; "hang" (reads the request and
# never answers); "late SECONDS" (then 200); "close" (reads the request and closes); "drip" (a head that
# never ends); "flood" (200, and a body without an end); "stay" (204, and the connection stays open).
# A path without a plan gets 204.
#
# One process, one loop: a request that hangs does not hold up the others here.
package Receiver;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Process qw(wait_until free_port listens_on is_alive);
use Time::HiRes qw(time);

my $json = JSON::PP->new->canonical->latin1;

sub start {
    my ($class, $sandbox, $name) = @_;
    my $self = bless { sandbox => $sandbox, name => $name // 'receiver' }, $class;
    for (1 .. 3) {
        $self->{port} = free_port();
        $self->{pid} = $sandbox->start(name => $self->{name}, command => [$^X, '-I',
            $sandbox->root . '/tests/lib', __FILE__, $self->{port}, $self->dir]);
        wait_until { !is_alive($self->{pid}) || listens_on($self->{pid}, $self->{port}) } 10;
        return $self if is_alive($self->{pid});
    }
    die "the receiver did not start:\n", map { "  $_\n" } $sandbox->logs(10);
}

sub dir {
    my ($self) = @_;
    my $dir = $self->{sandbox}->path($self->{name});
    mkdir $dir;
    return $dir;
}

sub port { $_[0]{port} }

# Where it is told from: "http://127.0.0.1:PORT/hook" for "/hook".
sub url { "http://127.0.0.1:$_[0]{port}$_[1]" }

# How requests for a path are answered, one after the other; the last answer stays.
sub plan {
    my ($self, $path, @answers) = @_;
    my $file = $self->dir . '/plan' . $path =~ s{/}{_}gr;
    open my $fh, '>', "$file.new" or die "$file: $!\n";
    print {$fh} map { "$_\n" } @answers;
    close $fh;
    rename "$file.new", $file or die "$file: $!\n";
}

# What has arrived whole, in its order: of one path, or all.
sub requests {
    my ($self, $path) = @_;
    my @all = map { $json->decode($_) } grep { /\n\z/ }
        split /^/, Process::contents($self->dir . '/requests');
    return grep { !defined $path || $_->{path} eq $path } @all;
}

# Waits until there are $n of them for a path; true if there are.
sub await {
    my ($self, $path, $n, $seconds) = @_;
    return wait_until { $self->requests($path) >= $n } $seconds;
}

# ---- the server ----

sub serve {
    my ($port, $dir) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64,
        ReuseAddr => 1) or die "port $port: $!\n";
    my $select = IO::Select->new($listener);
    my (%in, %number, @later);
    my $connections = 0;

    $SIG{PIPE} = 'IGNORE';
    while (1) {
        for my $socket ($select->can_read(@later ? 0.02 : 1)) {
            if ($socket == $listener) {
                my $new = $listener->accept or next;
                $new->blocking(0);
                $select->add($new);
                $in{$new} = '';
                $number{$new} = ++$connections;
                next;
            }
            my $got = sysread $socket, $in{$socket}, 65536, length $in{$socket};
            next if !defined $got && $!{EAGAIN};
            my $is_over = !$got;
            if (!$is_over && (my $request = request_of($in{$socket}))) {
                $in{$socket} = '';
                my $answer = note($dir, { %$request, connection => $number{$socket} });
                if (ref $answer) {
                    push @later, [$socket, @$answer];
                } else {
                    $is_over = !defined $answer;
                }
            }
            next if !$is_over;
            $select->remove($socket);
            delete $in{$socket};
            close $socket;
        }
        my @due = grep { $_->[1] <= time } @later;
        @later = grep { $_->[1] > time } @later;
        for (@due) {
            my ($socket, undef, $bytes, $again, $stays) = @$_;
            my $sent = syswrite $socket, $bytes if defined fileno $socket;
            if ($sent && $again) {
                push @later, [$socket, time + $again, 'x' x length $bytes, $again];
            } elsif (!$stays && defined fileno $socket) {
                $select->remove($socket);
                delete $in{$socket};
                close $socket;
            }
        }
    }
}

# A whole request, or nothing yet.
sub request_of {
    my ($bytes) = @_;
    my ($method, $path, $block, $rest) =
        $bytes =~ m{\A([A-Z]+) (\S+) HTTP/1\.[01]\r\n(.*?)\r\n\r\n(.*)\z}s or return;
    my %headers = map { /\A([^:]+):[ \t]*(.*)\z/s ? (lc $1 => $2) : () } split /\r\n/, $block;
    my $length = $headers{'content-length'} // 0;
    return if length $rest < $length;
    return { method => $method, path => $path, headers => \%headers, at => time,
        body => substr $rest, 0, $length };
}

# Records the request; returns [when, bytes, and again after seconds, stays], "" to hang, or nothing to
# close.
sub note {
    my ($dir, $request) = @_;
    my $plan = "$dir/plan" . $request->{path} =~ s{[?].*}{}sr =~ s{/}{_}gr;
    my @answers = split /\n/, Process::contents($plan);
    my $answer = $answers[0] // 204;

    open my $fh, '>>', "$dir/requests" or die "$dir: $!\n";
    syswrite $fh, $json->encode($request) . "\n";
    close $fh;
    if (@answers > 1) {
        open $fh, '>', $plan or die "$plan: $!\n";
        print {$fh} map { "$_\n" } @answers[1 .. $#answers];
        close $fh;
    }
    my $status = sub { "HTTP/1.1 $_[0] It is\r\nContent-Length: 2\r\nConnection: close\r\n$_[1]\r\nok" };
    return '' if $answer eq 'hang';
    return if $answer eq 'close';
    return [time, "HTTP/1.1 204 It is\r\n\r\n", 0, 1] if $answer eq 'stay';
    return [time + $1, $status->(200, '')] if $answer =~ /\Alate (.+)\z/;
    return [time, "HTTP/1.1 200 OK\r\nX-Drip: ", 0.1] if $answer eq 'drip';
    return [time, "HTTP/1.1 200 OK\r\n\r\n" . 'x' x 60000, 0.001] if $answer eq 'flood';
    return [time, $status->($1, "Location: $2\r\n")] if $answer =~ /\A(3\d\d) (\S+)\z/;
    return [time, $status->($1, "$2: $3\r\n")] if $answer =~ /\A(\d+) (\S+)=(\S+)\z/;
    return [time, $status->($answer, '')];
}

serve(@ARGV) if !caller;

1;
