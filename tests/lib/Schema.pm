# SPDX-License-Identifier: ISC
#
# Schema.pm - does a JSON value agree with a JSON Schema (2020-12)?
#
#   my @errors = schema_errors($schema, $value);    # "/routes/0/ttl: ..."; none: it agrees
#
# Both as JSON::PP decodes them.  Knows the keywords that conf/retrysafe.schema.json uses, and dies
# of any other, so that nothing is taken for checked that is not.  A number is an integer when it is
# written as one.
package Schema;
use strict;
use warnings;
use B ();
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(schema_errors);

my $json = JSON::PP->new->canonical->allow_nonref;
my %IS_REMARK = map { $_ => 1 } qw($schema $defs title description default);

my %keywords = (
    '$ref' => sub { check($_[0], resolve($_[0]{'$root'}, $_[1]), $_[2]) },
    type => sub {
        my ($at, $types, $value) = @_;
        my $is = type_of($value);
        return if grep { $_ eq $is } ref $types ? @$types : $types;
        return "$at->{place}: is of type $is";
    },
    enum => sub {
        my ($at, $allowed, $value) = @_;
        my $text = $json->encode($value);
        return if grep { $json->encode($_) eq $text } @$allowed;
        return "$at->{place}: $text is none of its values";
    },
    pattern => sub {
        my ($at, $pattern, $value) = @_;
        return if type_of($value) ne 'string' || $value =~ /$pattern/;
        return "$at->{place}: does not look like $pattern";
    },
    minimum => sub {
        my ($at, $least, $value) = @_;
        return if type_of($value) !~ /^(?:integer|number)$/ || $value >= $least;
        return "$at->{place}: is less than $least";
    },
    maximum => sub {
        my ($at, $most, $value) = @_;
        return if type_of($value) !~ /^(?:integer|number)$/ || $value <= $most;
        return "$at->{place}: is more than $most";
    },
    minItems => sub {
        my ($at, $least, $value) = @_;
        return if ref $value ne 'ARRAY' || @$value >= $least;
        return "$at->{place}: has fewer than $least entries";
    },
    maxItems => sub {
        my ($at, $most, $value) = @_;
        return if ref $value ne 'ARRAY' || @$value <= $most;
        return "$at->{place}: has more than $most entries";
    },
    uniqueItems => sub {
        my ($at, $wanted, $value) = @_;
        return if !$wanted || ref $value ne 'ARRAY';
        my %seen;
        return map { $seen{ $json->encode($_) }++ ? "$at->{place}: has an entry twice" : () } @$value;
    },
    prefixItems => sub {
        my ($at, $schemas, $value) = @_;
        return if ref $value ne 'ARRAY';
        return map { check(below($at, $_), $schemas->[$_], $value->[$_]) }
            grep { $_ < @$value } 0 .. $#$schemas;
    },
    items => sub {
        my ($at, $schema, $value) = @_;
        return if ref $value ne 'ARRAY';
        my $first = @{ $at->{schema}{prefixItems} // [] };
        return map { check(below($at, $_), $schema, $value->[$_]) } $first .. $#$value;
    },
    required => sub {
        my ($at, $names, $value) = @_;
        return if ref $value ne 'HASH';
        return map { exists $value->{$_} ? () : "$at->{place}: has no $_" } @$names;
    },
    properties => sub {
        my ($at, $schemas, $value) = @_;
        return if ref $value ne 'HASH';
        return map { check(below($at, $_), $schemas->{$_}, $value->{$_}) }
            grep { exists $schemas->{$_} } sort keys %$value;
    },
    patternProperties => sub {
        my ($at, $schemas, $value) = @_;
        return if ref $value ne 'HASH';
        return map {
            my $name = $_;
            map { check(below($at, $name), $schemas->{$_}, $value->{$name}) }
                grep { $name =~ /$_/ } sort keys %$schemas;
        } sort keys %$value;
    },
    additionalProperties => sub {
        my ($at, $schema, $value) = @_;
        return if ref $value ne 'HASH';
        my $known = $at->{schema}{properties} // {};
        my @patterns = keys %{ $at->{schema}{patternProperties} // {} };
        return map { check(below($at, $_), $schema, $value->{$_}) }
            grep { my $name = $_; !exists $known->{$name} && !grep { $name =~ /$_/ } @patterns }
            sort keys %$value;
    },
);

sub schema_errors {
    my ($schema, $value) = @_;
    return check({ '$root' => $schema, place => '' }, $schema, $value);
}

# The errors of one value.  $at: the place of the value, and the schema that a keyword stands in.
sub check {
    my ($at, $schema, $value) = @_;
    if (ref $schema ne 'HASH') {
        return if $schema;
        return "$at->{place}: is not allowed";
    }
    my %here = (%$at, schema => $schema);
    return map {
        my $keyword = $keywords{$_} or die "Schema.pm does not know $_\n";
        $keyword->(\%here, $schema->{$_}, $value);
    } grep { !$IS_REMARK{$_} } sort keys %$schema;
}

sub below { return { %{ $_[0] }, place => "$_[0]{place}/$_[1]" } }

# "#/$defs/path": the schema at that pointer.
sub resolve {
    my ($root, $pointer) = @_;
    my $at = $root;
    for my $name (split m{/}, $pointer =~ s{^#/}{}r) {
        $at = $at->{$name} // die "the schema has no $pointer\n";
    }
    return $at;
}

sub type_of {
    my ($value) = @_;
    return 'null' if !defined $value;
    return 'boolean' if JSON::PP::is_bool($value);
    return ref $value eq 'HASH' ? 'object' : 'array' if ref $value;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return 'string' if $flags & B::SVp_POK;
    return $flags & B::SVp_NOK ? 'number' : 'integer';
}

1;
