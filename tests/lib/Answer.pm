# SPDX-License-Identifier: ISC
#
# Answer.pm - an HTTP answer as it arrived, and the comparison of two of them
#
#   status reason version   of the final answer; status is undef when there was none
#   headers                 [[name, value], ...] in order, repeats kept, values trimmed
#   body                    after chunks are undone
#   raw                     every byte that arrived
#   interim                 [status, ...] of the 1xx answers before it
#   complete                1 when the framing proves that the body is whole
#   ended                   how the connection ended: "eof", "reset", "timeout"; "" if it did not
#   seconds                 from the first byte sent to the last byte received
package Answer;
use strict;
use warnings;

# Fields that belong to a hop or a moment, not to the answer, and the marker itself.  Content-Length
# is framing as well: mod_cgid drops a script's own, and sends a length or chunks depending on how
# fast the script ends.  parse() has checked it against the body, and bodies are compared.
my %IS_TRANSIENT = map { $_ => 1 } qw(date server connection keep-alive transfer-encoding upgrade
    content-length idempotent-replayed);

# parse - as much of an answer as is there.  $is_over: no more bytes will come.  $is_head: the
# request was a HEAD.  Sets `complete` as soon as nothing is missing.
sub parse {
    my ($class, $raw, $is_over, $is_head) = @_;
    my %nothing = (headers => [], body => '', interim => [], complete => 0, ended => '');
    my $self = bless { raw => $raw, %nothing }, $class;
    my $rest = $raw;

    while ($rest =~ s/\A(HTTP\/[0-9.]+) ([0-9]{3})(?: ([^\r\n]*))?\r\n((?:[^\r\n]+\r\n)*)\r\n//) {
        my ($version, $status, $reason, $block) = ($1, $2, $3 // '', $4);
        if ($status >= 100 && $status < 200 && $status != 101) {
            push @{ $self->{interim} }, $status + 0;
            next;
        }
        @$self{qw(version status reason)} = ($version, $status + 0, $reason);
        $self->{headers} = [map { field($_) } split /^/, $block];
        $self->take_body($rest, $is_over, $is_head);
        last;
    }
    return $self;
}

# A header line as [name, value]; a line without a colon is all name.
sub field {
    my ($line) = @_;
    return $line =~ /\A([^:]*):[ \t]*(.*?)[ \t]*\r?\n\z/s ? [$1, $2] : [$line =~ s/\r?\n\z//r, ''];
}

sub take_body {
    my ($self, $rest, $is_over, $is_head) = @_;

    if ($is_head || $self->{status} =~ /\A(?:1..|204|304)\z/) {
        $self->{complete} = 1;
    } elsif (grep { /\bchunked\b/i } $self->all('Transfer-Encoding')) {
        $self->take_chunks($rest);
    } elsif (defined(my $length = $self->header('Content-Length'))) {
        $self->{complete} = length $rest >= $length ? 1 : 0;
        $self->{body} = substr $rest, 0, $length;
    } else {
        $self->{body} = $rest;
        $self->{complete} = $is_over ? 1 : 0;
    }
}

sub take_chunks {
    my ($self, $rest) = @_;
    my @parts;
    my $at = 0;
    while (1) {
        pos($rest) = $at;
        $rest =~ /\G([0-9A-Fa-f]+)[^\r\n]*\r\n/gc or last;
        my $size = hex $1;
        $at = pos $rest;
        if ($size == 0) {
            $self->{complete} = 1 if $rest =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc;
            last;
        }
        push @parts, substr $rest, $at, $size;
        last if length $rest < $at + $size + 2;
        $at += $size + 2;
    }
    $self->{body} = join '', @parts;
}

# The values of a field, in order.
sub all {
    my ($self, $name) = @_;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
}

# The first value of a field, or undef.
sub header {
    my ($self, $name) = @_;
    return ($self->all($name))[0];
}

sub status { $_[0]{status} // 0 }
sub body { $_[0]{body} }
sub raw { $_[0]{raw} }

# Everything that arrived before the body, for messages.
sub head { $_[0]{raw} =~ /\A(.*?\r\n)\r\n/s ? $1 : $_[0]{raw} }

# True when this is marked as a replay.
sub is_replay { ($_[0]->header('Idempotent-Replayed') // '') eq 'true' }

# The last part of a problem's type ("in-progress"), or "".
sub problem {
    my ($self) = @_;
    return '' if ($self->header('Content-Type') // '') !~ m{\Aapplication/problem\+json};
    require JSON::PP;
    my $facts = eval { JSON::PP::decode_json($self->{body}) } or return 'not JSON';
    return ($facts->{type} // '') =~ /([^:]*)\z/ ? $1 : '';
}

# The members of a problem as a hash.
sub facts {
    my ($self) = @_;
    require JSON::PP;
    return eval { JSON::PP::decode_json($self->{body}) } // {};
}

# What must be the same in an answer and its replay, as one string.  With `joined`, repeats of a
# field other than Set-Cookie are put together where the first one stood, as Apache does, so that
# answers from different servers can be compared.
sub essence {
    my ($self, $joined) = @_;
    my (@fields, %at);
    for (grep { !$IS_TRANSIENT{ lc $_->[0] } } @{ $self->{headers} }) {
        my ($name, $value) = @$_;
        my $same = lc $name;
        if ($joined && $same ne 'set-cookie' && exists $at{$same}) {
            $fields[$at{$same}] .= ", $value";
            next;
        }
        $at{$same} = @fields;
        push @fields, ($joined ? $same : $name) . ": $value";
    }
    @fields = sort @fields if $joined;
    my $reason = $joined ? '' : " $self->{reason}";
    return join("\n", ($self->{status} // 'no answer') . $reason, @fields, '', $self->{body});
}

# In one line, for messages.
sub summary {
    my ($self) = @_;
    return "no answer ($self->{ended})" if !$self->{status};
    my $marker = $self->is_replay ? ', replayed' : '';
    my $problem = $self->problem;
    $problem = ", $problem" if $problem;
    return "$self->{status}$marker$problem, " . length($self->{body}) . ' bytes'
        . ($self->{complete} ? '' : ', incomplete');
}

1;
