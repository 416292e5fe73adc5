# SPDX-License-Identifier: ISC
#
# Client.pm - an HTTP/1.1 client that sends exactly what it is told, over a plain socket
#
#   my $answer = request($port, POST => '/cgi/effect.pl', headers => ['Idempotency-Key' => '"k"'],
#       body => 'a=1');
#
#   my $client = Client->connect($port);
#   $client->send(request_bytes(POST => '/slow', body => ...));
#   $client->leave('rst');
#
# Nothing is added, repeated, followed or corrected behind a test's back.
package Client;
use strict;
use warnings;
use Answer;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SHUT_WR IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(request request_bytes chunked);

# request_bytes(METHOD => TARGET, headers => [name => value, ...], body => BYTES, chunks => [BYTES,
# ...], host => NAME, keep => 1) - the bytes of a request.  headers may repeat names.
# Content-Length is added for a body, Transfer-Encoding for chunks, unless headers hold one;
# Connection: close unless `keep`.
sub request_bytes {
    my ($method, $target, %more) = @_;
    my @headers = (Host => $more{host} // 'localhost', @{ $more{headers} // [] });
    my %has = map { $_ % 2 ? () : (lc $headers[$_] => 1) } 0 .. $#headers;
    my $body = $more{body};

    push @headers, Connection => 'close' if !$more{keep} && !$has{connection};
    if ($more{chunks}) {
        push @headers, 'Transfer-Encoding' => 'chunked' if !$has{'transfer-encoding'};
        $body = chunked(@{ $more{chunks} });
    } elsif (defined $body && !$has{'content-length'}) {
        push @headers, 'Content-Length' => length $body;
    }
    my $head = "$method $target HTTP/1.1\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }
    return $head . "\r\n" . ($body // '');
}

# The chunked coding of these pieces, with its end.
sub chunked {
    return join('', map { sprintf "%x\r\n%s\r\n", length, $_ } grep { length } @_) . "0\r\n\r\n";
}

# request($port, METHOD => TARGET, ..., seconds => 30) - one request, one Answer.  Takes what
# request_bytes() takes.
sub request {
    my ($port, $method, $target, %more) = @_;
    my $client = Client->connect($port);
    $client->{is_head} = $method eq 'HEAD';
    $client->send(request_bytes($method, $target, %more), $more{seconds});
    return $client->read_answer($more{seconds});
}

# A connection; `address` defaults to 127.0.0.1.  Dies if there is none.
sub connect {
    my ($class, $port, $address) = @_;
    $address //= '127.0.0.1';
    my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 10)
        or die "connect to port $port: $@\n";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    $socket->blocking(0);
    binmode $socket;
    return bless { socket => $socket, in => '', ended => '', started => time }, $class;
}

# Sends bytes, and takes in what arrives meanwhile, so that an early answer is not lost.  Returns
# false if the peer stopped reading.
sub send {
    my ($self, $bytes, $seconds) = @_;
    my $deadline = time + ($seconds // 30);
    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;
    while ($at < length $bytes) {
        return 0 if time > $deadline || $self->{ended} eq 'reset';
        my @ready = IO::Select->select(
            $self->{ended} ? undef : IO::Select->new($self->{socket}),
            IO::Select->new($self->{socket}), undef, 1);
        $self->take_in if @{ $ready[0] // [] };
        next if !@{ $ready[1] // [] };
        my $sent = syswrite $self->{socket}, $bytes, 65536, $at;
        next if !defined $sent && ($!{EAGAIN} || $!{EINTR});
        return 0 if !defined $sent;
        $at += $sent;
    }
    return 1;
}

# Reads what is there; notes the end.
sub take_in {
    my ($self) = @_;
    my $got = sysread $self->{socket}, $self->{in}, 262144, length $self->{in};
    return if !defined $got && ($!{EAGAIN} || $!{EINTR});
    $self->{ended} = defined $got ? 'eof' : 'reset' if !$got;
}

# Reads until an answer is complete, the connection ends or $seconds (30) are over.
sub read_answer {
    my ($self, $seconds) = @_;
    my $answer = $self->read_until(sub {
        # Parsing is repeated only when the end may have been reached: large answers stay cheap.
        my $seen = \$self->{in};
        return 0 if $self->{wanted} && length $$seen < $self->{wanted};
        my $parsed = Answer->parse($$seen, 0, $self->{is_head});
        if (!$parsed->{complete} && defined $parsed->{status} && !$self->{wanted}) {
            my $length = $parsed->header('Content-Length');
            $self->{wanted} = length($$seen) - length($parsed->{body}) + $length if defined $length;
        }
        return $parsed->{complete};
    }, $seconds);
    my $parsed = Answer->parse($self->{in}, $self->{ended} eq 'eof', $self->{is_head});
    $parsed->{ended} = $self->{ended};
    $parsed->{seconds} = time - $self->{started};
    return $parsed;
}

# Reads until $is_enough->() or the connection ends; notes "timeout" after $seconds (30).
sub read_until {
    my ($self, $is_enough, $seconds) = @_;
    my $deadline = time + ($seconds // 30);
    my $select = IO::Select->new($self->{socket});
    $self->{ended} = '' if $self->{ended} eq 'timeout';
    while (!$is_enough->()) {
        return 0 if $self->{ended};
        my $left = $deadline - time;
        if ($left <= 0) {
            $self->{ended} = 'timeout';
            return 0;
        }
        $self->take_in if $select->can_read($left);
    }
    return 1;
}

# Waits until these bytes have arrived; true if they did.
sub wait_for {
    my ($self, $bytes, $seconds) = @_;
    return $self->read_until(sub { index($self->{in}, $bytes) >= 0 }, $seconds);
}

# Leaves: "fin" closes politely, "rst" resets, "half" says that nothing more will be sent and keeps
# listening.
sub leave {
    my ($self, $how) = @_;
    if ($how eq 'half') {
        shutdown $self->{socket}, SHUT_WR;
        return;
    }
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0 if $how eq 'rst';
    close $self->{socket};
    $self->{ended} = $how;
}

1;
