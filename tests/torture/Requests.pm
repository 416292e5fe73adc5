# SPDX-License-Identifier: ISC
#
# Requests.pm - one client of the torture test: what it asks, and what it writes down
#
# A client sends requests with keys that many others use at the same time, gives up early now and
# then, repeats, and changes its mind about the body.  Each request that got a connection becomes one
# line of its history, a flat JSON object:
#
#   client, op      who, and the number of the request
#   key, variant    "BODY-CREDENTIALS", or "-" for a script that cannot be started
#   request         a word that no other request has; the script writes it down if it is this request
#                   that started it
#   t0, t1          when it was sent and when its end was known; CLOCK_MONOTONIC, in seconds
#   outcome         "ok": a whole answer of the script · "problem" with `type` · "info": nobody can
#                   know · "odd": what should never come
#   status, hash    of an answer: every header field but the marker, in order, and the body
#   nonce, teller    whose answer it is, and who gives it: "script", "probe" or "operator"
#   replayed, ref, length, why
#
# The choices follow from the seed alone; what they meet does not.  The clock says which keys are hot, so
# that all clients agree on it.  Knows nothing of what is right: Checker.pm does.
package Requests;
use strict;
use warnings;
use Digest::MD5 qw(md5);
use Digest::SHA qw(sha256_hex);
use FastCgi qw(:all);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my $POLICY_SECONDS = 3;

# Requests->new(seed, client, clients, gateways, run (directory of sockets), scripts (directory), locks
# (directory of script.c), file, started, keys_per_second, prefix, is_tame, policies)
sub new {
    my ($class, %how) = @_;
    open my $history, '>', $how{file} or die "$how{file}: $!\n";
    srand unpack 'L', md5("$how{seed} $how{client}");
    return bless { %how, history => $history, op => 0, busy => {} }, $class;
}

sub now { clock_gettime(CLOCK_MONOTONIC) }

# What becomes of a key that is uncertain, with `policies` in turn.
sub policy_of {
    my ($policies, $number) = @_;
    return $policies->[$number % @$policies];
}

# The number of the newest key at a moment.
sub newest_key {
    my ($self, $at) = @_;
    return int(($at - $self->{started}) * $self->{keys_per_second});
}

# Mostly one of the newest keys, sometimes any.
sub choose_key {
    my ($self) = @_;
    my $newest = $self->newest_key(now());
    return int rand $newest + 1 if rand() < 0.1;
    my $back = int(rand(3) * rand(3));
    return $back > $newest ? 0 : $newest - $back;
}

# What the script of a key does: it must be the same whenever the key is used.
sub query_of {
    my ($self, $number) = @_;
    my ($end, $before, $after, $size, $status) = unpack 'S5', md5("$self->{seed} key $number");
    my @query = ("status=" . (200, 201, 409, 500)[$status % 16 < 12 ? 0 : $status % 4]);
    push @query, 'before=' . $before % 20 if $before % 3 == 0;
    push @query, 'after=' . $after % 40 if $after % 3 == 0;
    # Inside of a message, behind a descriptor, in chunks in the store, and on disk in the spool.
    push @query, 'bytes=' . (100_000, 100_000, 400_000, 1_200_000)[$size % 4] if $size % 32 == 1;
    # Now and then something that the script has started lives on.
    push @query, 'child=' . (50 + $size % 300), 'apart=' . $before % 2 if $status % 8 == 0;
    if (!$self->{is_tame} && $end % 32 < 5) {
        my $how = (qw(none killed broken three three))[$end % 32];
        push @query, 'end=' . ($end % 512 == 0 ? 'hang' : $end % 512 == 32 ? 'deaf' : $how), 'fails=' . (1 + $before % 3);
    }
    return join '&', @query;
}

# One request and its line.  Returns its outcome and its type; nothing when no gateway took it.
sub ask {
    my ($self, $number, $variant, $seconds) = @_;
    my $query = $self->query_of($number);
    my $script = $self->{scripts} . ($variant eq '-' ? '/broken.cgi' : '/script.cgi');
    my ($body, $credentials) = $variant eq '-' ? ('x', 'x') : split /-/, $variant;
    my $request = "$self->{client}.$self->{op}";
    my $key = "$self->{prefix}$number";
    # One address: the key of a script that cannot be started is that of the one that can.
    my $uri = '/' . policy_of($self->{policies}, $number) . '/script.cgi';
    my $params = params_record(1, params(script => $script, uri => $uri, key => $key, body => $body,
        query => $query, more => [HTTP_X_REQUEST => $request, HTTP_AUTHORIZATION => $credentials]));
    my ($gateway, $conn) = $self->connect or return;

    my %line = (client => $self->{client}, op => $self->{op}++, key => $key, variant => $variant,
        request => $request, gateway => $gateway, t0 => now());
    # It may die while we are sending; what it has read may still be carried out.
    $conn->send(begin(1), $params, record(PARAMS, 1, ''), record(STDIN_DATA, 1, $body),
        record(STDIN_DATA, 1, ''));
    my $answer = $conn->read_answer($seconds);
    $line{t1} = now();
    close $conn->{socket};
    $self->{busy}{$gateway} = now() + 2 if $answer->{ended} eq 'timeout' && $seconds >= 1;
    judge($answer, \%line);
    $self->write_line(\%line);
    return (@line{qw(outcome type)}, $line{state} // '');
}

# A gateway that listens, and was not slow a moment ago.
sub connect {
    my ($self) = @_;
    my $n = $self->{gateways};
    my $first = int rand $n;
    for my $gateway (map { ($first + $_) % $n } 0 .. $n - 1) {
        next if ($self->{busy}{$gateway} // 0) > now();
        my $conn = eval { FastCgi->connect("$self->{run}/$gateway.sock") } or next;
        return ($gateway, $conn);
    }
    sleep 0.005;
    return;
}

# Fills in what the answer says.
sub judge {
    my ($answer, $line) = @_;
    my $response = $answer->{response};
    my $is_whole = defined $answer->{app_status};

    @$line{qw(outcome why)} = $answer->{broken} ? ('odd', $answer->{broken})
        : !$is_whole ? ('info', $answer->{ended})
        : !$response ? ('odd', 'an end without an answer')
        : ('ok', '');
    # Also of an answer that was cut off: its first byte was sent because it is recorded.
    @$line{qw(teller nonce)} = ($1, $2)
        if $answer->{stdout} =~ /^X-Teller: (\w+)\r?\nX-Nonce: ([0-9a-f]{16})\r?\n/m;
    return if $line->{outcome} ne 'ok';
    $line->{status} = $response->status;
    if (my $type = $response->problem) {
        my $facts = $response->facts;
        @$line{qw(outcome type)} = ('problem', $type);
        $line->{ref} = $facts->{operation} if $facts->{operation};
        # "outcome-uncertain" of a run that is late is a sentence, not a state: its result may come.
        $line->{state} = $facts->{operation_state} if $facts->{operation_state};
        return;
    }
    my @fields = grep { lc $_->[0] ne 'idempotent-replayed' } @{ $response->{headers} };
    $line->{hash} = sha256_hex(join "\n", $response->status, $response->{reason},
        (map { "$_->[0]: $_->[1]" } @fields), '', $response->{body});
    $line->{length} = length $response->{body};
    $line->{replayed} = $response->is_replay ? 1 : 0;
    @$line{qw(outcome why)} = ('odd', 'an answer that is not the script\'s')
        if !$line->{nonce} || $response->{body} !~ /^end \Q$line->{nonce}\E\n\z/m;
}

sub write_line {
    my ($self, $line) = @_;
    print { $self->{history} } '{', join(',', map {
        my $value = $line->{$_};
        "\"$_\":" . ($value =~ /\A(?:0|-?[1-9][0-9]{0,14})(?:\.[0-9]+)?\z/ ? $value
            : '"' . $value =~ s/["\\]|[^ -~]/?/gr . '"');
    } grep { defined $line->{$_} && length $line->{$_} } sort keys %$line), "}\n";
}

# ---- what a client does ----

# Asks until then, with repetitions.
sub ask_until {
    my ($self, $end) = @_;
    while (now() < $end) {
        my $number = $self->choose_key;
        my $is_stubborn = rand() < 0.8;
        for (1 .. 1 + int rand 8) {
            my $x = rand;
            my $is_final = policy_of($self->{policies}, $number) eq 'fail';
            my $variant = $x < 0.93 ? 'A-a' : $x < 0.96 ? 'B-a' : $x < 0.98 || !$is_final ? 'A-b' : '-';
            # ('-' cannot be started, so it never settles what a policy runs again.)
            # Some clients are impatient.
            my $patience = rand() < 0.15 ? 0.002 + rand 0.03 : 2;
            my ($outcome) = $self->ask($number, $variant, $patience);
            last if now() >= $end || !$is_stubborn && defined $outcome;
            last if defined $outcome && $outcome eq 'ok' && rand() < 0.5;
            sleep rand 0.02 if rand() < 0.5;
        }
    }
}

# Asks for every key of ours until it is settled; keys that are not after $seconds stay as they are.
sub settle {
    my ($self, $last, $seconds) = @_;
    my $end = now() + $seconds;
    $self->{busy} = {};
    my $n = @{ $self->{policies} };
    my @left = grep { int($_ / $n) % $self->{clients} == $self->{client} } 0 .. $last;
    while (@left && now() < $end) {
        @left = grep { !$self->is_settled($_) } @left;
        sleep 0.05 if @left;
    }
    print { $self->{history} } qq({"client":$self->{client},"end":1}\n);
    close $self->{history} or die "$self->{file}: $!\n";
}

sub is_settled {
    my ($self, $number) = @_;
    # Another body, or another one's credentials, may have been the first.
    for my $variant (qw(A-a B-a A-b -)) {
        my ($outcome, $type, $state) = $self->ask($number, $variant, 5);
        return 0 if !defined $outcome;
        return 1 if $outcome eq 'ok';
        next if $outcome eq 'problem' && $type =~ /\A(?:key-reused|other-principal)\z/;
        # A policy has just had it run.
        delete $self->{doubt_since}{$number} if ($type // '') =~ /\Ascript-/;
        return $outcome eq 'problem' && $state ne 'running'
            && $type =~ /\A(?:outcome-uncertain|script-failed|script-timeout)\z/ && $self->is_final($number);
    }
    return 0;
}

# A policy may still decide: it waits until nothing of the last run lives, and a second between two commands.
sub is_final {
    my ($self, $number) = @_;
    return 1 if policy_of($self->{policies}, $number) eq 'fail';
    $self->{doubt_since}{$number} = now() if !$self->{doubt_since}{$number} || $self->something_lives($number);
    return now() > $self->{doubt_since}{$number} + $POLICY_SECONDS;
}

# Has anything the lock of script.c?
sub something_lives {
    my ($self, $number) = @_;
    my $inode = (stat "$self->{locks}/$self->{prefix}$number")[1] // return 0;
    open my $locks, '<', '/proc/locks' or return 0;
    return scalar grep { /FLOCK .*:$inode / } <$locks>;
}

1;
