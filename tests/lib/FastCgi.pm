# SPDX-License-Identifier: ISC
#
# FastCgi.pm - speaks FastCGI 1.0 to a gateway without a web server, well or badly
#
#   my $answer = fastcgi_request($socket, params => [params(script => $path)], body => 'a=1');
#
#   my $conn = FastCgi->connect($socket);
#   $conn->send(begin(1), params_record(1, A => 'b'), record(PARAMS, 1, ''), record(STDIN, 1, ''));
#   my $answer = $conn->read_answer;
#
# An answer is a hash: stdout, stderr, app_status, protocol_status (both undef until END_REQUEST
# came), other (records of other kinds, [type, id, content]), ended ("", "eof", "reset", "timeout"),
# broken (a sentence when what came is not FastCGI), and response: an Answer made of stdout, undef
# without a header. Numbers of records and roles are those of the specification, section 8.
package FastCgi;
use strict;
use warnings;
use Answer;
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM SOL_SOCKET SO_LINGER SHUT_WR);
use Time::HiRes qw(time);

use constant {
    BEGIN_REQUEST => 1, ABORT_REQUEST => 2, END_REQUEST => 3, PARAMS => 4, STDIN_DATA => 5,
    STDOUT_DATA => 6, STDERR_DATA => 7, DATA => 8, GET_VALUES => 9, GET_VALUES_RESULT => 10,
    UNKNOWN_TYPE => 11, RESPONDER => 1, AUTHORIZER => 2, FILTER => 3, KEEP_CONN => 1,
};

our @EXPORT_OK = qw(fastcgi_request record begin abort_request pair params params_record stream
    BEGIN_REQUEST ABORT_REQUEST END_REQUEST PARAMS STDIN_DATA STDOUT_DATA STDERR_DATA DATA
    GET_VALUES GET_VALUES_RESULT UNKNOWN_TYPE RESPONDER AUTHORIZER FILTER KEEP_CONN);
our %EXPORT_TAGS = (all => \@EXPORT_OK);

# One record.  `more`: version, padding (bytes), length (a wrong length of the content).
sub record {
    my ($type, $id, $content, %more) = @_;
    my $padding = $more{padding} // 0;
    my $length = $more{length} // length $content;
    my $head = pack 'CCnnCx', $more{version} // 1, $type, $id, $length, $padding;
    return $head . $content . "\0" x $padding;
}

# A BEGIN_REQUEST record.
sub begin {
    my ($id, $role, $flags) = @_;
    return record(BEGIN_REQUEST, $id, pack 'nCx5', $role // RESPONDER, $flags // 0);
}

sub abort_request { record(ABORT_REQUEST, $_[0], '') }

# A name-value pair; with $is_long the lengths take four bytes each although one would do.
sub pair {
    my ($name, $value, $is_long) = @_;
    my $size = sub { $is_long || $_[0] > 127 ? pack 'N', $_[0] | 1 << 31 : chr $_[0] };
    return $size->(length $name) . $size->(length $value) . $name . $value;
}

# PARAMS records (without the empty one that ends them) for name => value, ...; repeats are kept.
sub params_record {
    my ($id, @list) = @_;
    my $bytes = '';
    while (my ($name, $value) = splice @list, 0, 2) {
        $bytes .= pair($name, $value);
    }
    return stream(PARAMS, $id, $bytes);
}

# Bytes as records of one type, each of at most $size bytes; nothing for no bytes.
sub stream {
    my ($type, $id, $bytes, $size) = @_;
    return join '', map { record($type, $id, $_) } unpack '(a' . ($size // 65535) . ')*', $bytes;
}

# params(script => FILE, method => 'POST', uri => '/bare/x.pl', query => '', body => BYTES, key =>
# KEY, more => [name => value, ...]) - the list of CGI variables that a web server would send.
sub params {
    my (%about) = @_;
    my $uri = $about{uri} // '/bare/' . ($about{script} =~ m{([^/]*)\z})[0];
    my $query = $about{query} // '';
    my $request_uri = $uri . (length $query ? "?$query" : '');
    return (
        GATEWAY_INTERFACE => 'CGI/1.1', SERVER_PROTOCOL => 'HTTP/1.1', SERVER_SOFTWARE => 'test',
        SERVER_NAME => 'localhost', SERVER_PORT => 80, REMOTE_ADDR => '127.0.0.1',
        REQUEST_METHOD => $about{method} // 'POST', REQUEST_URI => $request_uri,
        SCRIPT_NAME => $uri, SCRIPT_FILENAME => $about{script}, QUERY_STRING => $query,
        defined $about{body} ? (CONTENT_LENGTH => length $about{body}) : (),
        defined $about{key} ? (HTTP_IDEMPOTENCY_KEY => $about{key}) : (),
        @{ $about{more} // [] },
    );
}

# fastcgi_request($socket, params => [...], body => BYTES, seconds => 30) - one whole request.
sub fastcgi_request {
    my ($socket, %how) = @_;
    my $conn = FastCgi->connect($socket);
    my $body = $how{body} // '';
    $conn->send(begin(1), params_record(1, @{ $how{params} }), record(PARAMS, 1, ''),
        stream(STDIN_DATA, 1, $body), record(STDIN_DATA, 1, ''));
    return $conn->read_answer($how{seconds});
}

# A connection to a path or to "host:port".  Dies if there is none.
sub connect {
    my ($class, $to) = @_;
    my $socket = $to =~ m{/}
        ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $to)
        : IO::Socket::INET->new(PeerAddr => $to, Timeout => 10);
    $socket or die "connect to $to: $!\n";
    $socket->blocking(0);
    return bless { socket => $socket, in => '', ended => '', keep => 0 }, $class;
}

# Sends bytes and takes in what arrives meanwhile; false if the peer does not take them.
sub send {
    my ($self, @bytes) = @_;
    my $bytes = join '', @bytes;
    my $deadline = time + 30;
    local $SIG{PIPE} = 'IGNORE';
    for (my $at = 0; $at < length $bytes;) {
        return 0 if time > $deadline || $self->{ended} eq 'reset';
        my $own = IO::Select->new($self->{socket});
        my $in = $self->{ended} ? undef : $own;
        my ($readable, $writable) = IO::Select->select($in, $own, undef, 1);
        $self->take_in if @{ $readable // [] };
        next if !@{ $writable // [] };
        my $sent = syswrite $self->{socket}, $bytes, 65536, $at;
        next if !defined $sent && ($!{EAGAIN} || $!{EINTR});
        return 0 if !defined $sent;
        $at += $sent;
    }
    return 1;
}

sub take_in {
    my ($self) = @_;
    my $got = sysread $self->{socket}, $self->{in}, 262144, length $self->{in};
    return if !defined $got && ($!{EAGAIN} || $!{EINTR});
    $self->{ended} = defined $got ? 'eof' : 'reset' if !$got;
}

# Reads until END_REQUEST, the end of the connection or $seconds (30).  Bytes of a next answer stay.
sub read_answer {
    my ($self, $seconds) = @_;
    my $deadline = time + ($seconds // 30);
    my $select = IO::Select->new($self->{socket});
    $self->{ended} = '' if $self->{ended} eq 'timeout';
    my %answer = (stdout => '', stderr => '', other => [], broken => '', ended => '');

    until (defined $answer{app_status} || $answer{broken}) {
        next if $self->take_record(\%answer);
        last if $self->{ended};
        my $left = $deadline - time;
        if ($left <= 0) {
            $self->{ended} = 'timeout';
        } elsif ($select->can_read($left)) {
            $self->take_in;
        }
    }
    $answer{ended} = $self->{ended};
    $answer{response} = response_of($answer{stdout});
    return \%answer;
}

# Takes one record off what has arrived; false if there is none yet.
sub take_record {
    my ($self, $answer) = @_;
    return 0 if length $self->{in} < 8;
    my ($version, $type, $id, $length, $padding) = unpack 'CCnnC', $self->{in};
    if ($version != 1) {
        $answer->{broken} = "record of version $version";
        return 1;
    }
    return 0 if length $self->{in} < 8 + $length + $padding;
    my $content = substr $self->{in}, 8, $length;
    substr $self->{in}, 0, 8 + $length + $padding, '';

    if ($type == STDOUT_DATA) {
        $answer->{stdout} .= $content;
    } elsif ($type == STDERR_DATA) {
        $answer->{stderr} .= $content;
    } elsif ($type == END_REQUEST) {
        @$answer{qw(app_status protocol_status)} = unpack 'NC', $content;
    } else {
        push @{ $answer->{other} }, [$type, $id, $content];
    }
    return 1;
}

# A CGI response as an Answer, undef without a header.
sub response_of {
    my ($stdout) = @_;
    my ($head, $body) = $stdout =~ /\A((?:[^\r\n]+\r?\n)+)\r?\n(.*)\z/s or return;
    my @fields = map { Answer::field($_) } split /^/, $head;
    my ($status) = map { $_->[1] } grep { lc $_->[0] eq 'status' } @fields;
    my ($number, $reason) = ($status // '200 OK') =~ /\A([0-9]{3})(?: (.*))?\z/;
    return bless {
        raw => $stdout, status => $number, reason => $reason // '', body => $body, interim => [],
        headers => [grep { lc $_->[0] ne 'status' } @fields], complete => 1, ended => 'eof',
    }, 'Answer';
}

# Leaves: "fin" closes, "half" sends nothing more and keeps listening.
sub leave {
    my ($self, $how) = @_;
    return shutdown $self->{socket}, SHUT_WR if $how eq 'half';
    close $self->{socket};
    $self->{ended} = $how;
}

1;
