# SPDX-License-Identifier: ISC
#
# Effects.pm - counts what the test scripts did
#
# tests/scripts/Effect.pm writes one line an event, "key pid nonce event"; the event "run" stands
# for one run of a script.  This is the only evidence of effects: nothing that retrysafe says
# counts.
package Effects;
use strict;
use warnings;
use Process qw(wait_until);

sub new {
    my ($class, $sandbox) = @_;
    return bless { file => $sandbox->path('www/effects.log') }, $class;
}

# All events, or those of one key, as [key, pid, nonce, event].
sub events {
    my ($self, $key) = @_;
    return grep { !defined $key || $_->[0] eq $key }
        map { [split] } split /^/, Process::contents($self->{file});
}

# How many runs there were, of one key or of all.
sub runs {
    my ($self, $key) = @_;
    return scalar grep { $_->[3] eq 'run' } $self->events($key);
}

# Waits until the log holds an event of a key; returns it, or nothing after $seconds.
sub await {
    my ($self, $key, $event, $seconds) = @_;
    return wait_until { (grep { $_->[3] eq $event } $self->events($key))[0] } $seconds;
}

1;
