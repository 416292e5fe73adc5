# Claim: README, docs/, manual pages, annotated configuration, its schema and CHANGES.md say what the program
# does: every setting with default and range, every verb, problem, file and target they name; README stays
# short, every link leads somewhere, and every decision says whether it still holds.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP ();
use Schema qw(schema_errors);
use Test::More;

my $program = ($ENV{RETRYSAFE_BUILD} // 'build') . '/retrysafe';
my $json = JSON::PP->new->ascii->canonical->allow_nonref;

# Every source of the program, from any folder of src/.
sub sources { glob 'src/{,*/,*/*/}*.[ch]' }

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar readline $fh;
}

sub ask {
    my (@words) = @_;
    open my $fh, '-|', $program, @words or die "$program: $!\n";
    my @lines = readline $fh;
    chomp @lines;
    close $fh or die "$program @words: status $?\n";
    return @lines;
}

# The same JSON, however it is spaced.
sub same { $json->encode($json->decode($_[0])) }

# Every page of Markdown, but CHANGES.md, which also tells of what is gone.
my @pages = ('README.md', 'CONTRIBUTING.md', 'tests/README.md', glob 'docs/{,*/}*.md');
my $manual = slurp('man/retrysafe.1');
my $settings_manual = slurp('man/retrysafe.json.5');
my $changes = slurp('CHANGES.md');

# Every line of `retrysafe settings`.
my @settings = map {
    my %setting;
    @setting{qw(where name type default min max about)} = split /\t/;
    \%setting;
} ask('settings');

my %section = (top => 'SETTINGS OF THE TOP LEVEL', route => 'SETTINGS OF A ROUTE',
    limits => 'LIMITS OF A SCRIPT');
my $example = $json->decode(slurp('conf/retrysafe.json'));
my $schema = $json->decode(slurp('conf/retrysafe.schema.json'));
my %object = (top => $schema, route => $schema->{'$defs'}{route}, limits => $schema->{'$defs'}{limits});

# "1s to 30d", as the documents write it; '' where there is no range.
sub range_of {
    my ($setting) = @_;
    return $setting->{max} eq '-' ? '' : "$setting->{min} to $setting->{max}" =~ tr/"//dr;
}

# An entry of the manual, from its tag to its default.
sub described {
    my ($setting) = @_;
    my ($text) = $settings_manual =~ /^\.Sh \Q$section{$setting->{where}}\E\n(.*?)^\.Sh /ms;
    return $text =~ /^\.It Cm \Q$setting->{name}\E\n((?:(?!^\.It Cm ).*\n)*?Default: .*\.)$/m ? $1 : undef;
}

# The object of conf/retrysafe.json in which a setting is shown.
sub shown_in {
    my ($setting) = @_;
    my @routes = ($example->{defaults}, @{ $example->{routes} });
    my @objects = $setting->{where} eq 'top' ? $example
        : $setting->{where} eq 'route' ? @routes : map { $_->{limits} // () } @routes;
    return (grep { exists $_->{"//$setting->{name}"} } @objects)[0];
}

subtest 'settings' => sub {
    for my $setting (@settings) {
        my ($name, $default, $range) = (@$setting{qw(name default)}, range_of($setting));
        my $what = "$name ($setting->{where})";
        my $said = described($setting);
        ok defined $said, "$what is in retrysafe.json(5)" or next;
        my ($says_default) = $said =~ /Default: (.*)\.$/;
        $default eq '-' ? is $says_default, 'none', "$what: it says that there is no default"
            : is same($says_default), same($default), "$what: it says the default";
        like $said =~ tr/\n/ /r, qr/(?<![\w.])\Q$range\E(?!\w)/, "$what: it says the range" if $range ne '';
        my $shown = shown_in($setting);
        ok $shown && exists $shown->{$name}, "$what is in conf/retrysafe.json, explained" or next;
        like $shown->{"//$name"}, qr/(?<![\w.])\Q$range\E(?!\w)/, "$what: with the range" if $range ne '';
        is $json->encode($shown->{$name}), same($default), "$what: it is shown with its default"
            if $default ne '-';
    }
    my @described = map { $settings_manual =~ /^\.Sh \Q$_\E\n(.*?)^\.Sh /ms ? $1 =~ /^\.It Cm (\w+)$/mg : () }
        values %section;
    is_deeply [sort @described], [sort map { $_->{name} } @settings],
        'retrysafe.json(5) describes nothing else';
    cmp_ok scalar @settings, '>', 50, 'there are settings';
};

# A number of the table in the unit of the schema: bytes.
sub bytes {
    my ($n, $unit) = $_[0] =~ /^"?([0-9]+)([KMG]?)"?$/ or die "$_[0] is no size\n";
    return $n * { '' => 1, K => 1024, M => 1024**2, G => 1024**3 }->{$unit};
}

# What the schema must say of a setting, as far as the table knows it.
sub wanted_of {
    my ($setting) = @_;
    my ($type, $min, $max) = @$setting{qw(type min max)};
    my $range = range_of($setting);
    my %want = (description => $setting->{about});
    $want{description} .= " ($range)" if $type eq 'duration' || $type eq 'size';
    $want{default} = $json->decode($setting->{default}) if $setting->{default} ne '-';
    if ($type eq 'duration') {
        $want{'$ref'} = $min eq '0' ? '#/$defs/duration_or_none' : '#/$defs/duration';
    } elsif ($type eq 'size') {
        @want{qw($ref minimum maximum)} = ('#/$defs/size', bytes($min), bytes($max));
    } elsif ($type eq 'number') {
        @want{qw(type minimum maximum)} = ('integer', $min + 0, $max + 0);
    } elsif ($type eq 'true|false') {
        $want{type} = 'boolean';
    } elsif ($type =~ /\|/) {    # a word that is a number may be written as one
        $want{enum} = [map { /^[0-9]+$/ ? ($_ + 0, "$_") : $_ } split /\|/, $type];
    } elsif ($type =~ /^list\b/ && $max ne '-') {
        @want{qw(type maxItems)} = ('array', $max + 0);
        $want{minItems} = $min + 0 if $min;
    }
    return \%want;
}

subtest 'schema' => sub {
    for my $setting (@settings) {
        my ($where, $name) = @$setting{qw(where name)};
        my $said = $object{$where}{properties}{$name};
        ok $said, "$name ($where) is in the schema" or next;
        my $want = wanted_of($setting);
        my %same = map { $_ => $said->{$_} } grep { exists $said->{$_} } keys %$want,
            qw(default enum minimum maximum minItems maxItems);
        is $json->encode(\%same), $json->encode($want), "$name ($where): as the program says";
    }
    for my $where (sort keys %object) {
        my @names = map { $_->{name} } grep { $_->{where} eq $where } @settings;
        push @names, '$schema' if $where eq 'top';
        is_deeply [sort keys %{ $object{$where}{properties} }], [sort @names], "$where: nothing else";
    }
    for my $file (glob 'conf/*.json') {
        next if $file =~ /schema/;
        is_deeply [schema_errors($schema, $json->decode(slurp($file)))], [], "$file agrees with it";
    }
};

my $dir = tempdir('rs-t40-docs-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# Is it a configuration to the program?  Its store, "none" under $dir, is never made.
sub program_takes {
    my ($text) = @_;
    open my $fh, '>', "$dir/c.json" or die "$dir/c.json: $!\n";
    print $fh $text;
    close $fh or die "$dir/c.json: $!\n";
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $program, 'check', "$dir/c.json" or die "$program: $!\n";
    }
    my $said = do { local $/; readline $out };
    close $out;
    return $said !~ /c\.json:[0-9]+:/;    # of anything else, such as a script that is not there
}

sub schema_takes { !schema_errors($schema, $json->decode($_[0])) }

# A configuration with one setting in one place.
sub with {
    my ($where, $name, $value) = @_;
    my %given = ($name => $value);
    my %cf = (store => "sqlite:$dir/none/x.db", $where eq 'top' ? %given : ());
    $cf{routes} = [{ match => '/a', %given }] if $where eq 'route';
    $cf{defaults} = \%given if $where eq 'defaults';
    $cf{routes} = [{ match => '/a', limits => \%given }] if $where eq 'limits';
    return $json->encode(\%cf);
}

subtest 'both refuse' => sub {
    my @bad = (
        [top => sotre => 'sqlite:/x.db'], [top => store => '/x.db'], [top => ttl => '1h'],
        [top => workers => 0], [top => workers => 257], [top => workers => '8'],
        [top => log => 'xml'], [top => script_dirs => []], [top => docs_url => 'example.org'],
        [top => page_template => ''], [top => page_template => 7],
        [top => routes => [{ ttl => '1h' }]], [top => routes => {}], [top => defaults => []],
        [defaults => match => '/a'], [defaults => script => '/a'], [defaults => '$schema' => 'x'],
        [route => match => 'order.pl'], [route => tll => '1h'], [route => ttl => 60],
        [route => ttl => '1 hour'], [route => ttl => 0], [route => kill_after => 5],
        [route => max_request => '10MB'], [route => max_request => -1],
        [route => max_response => 1023], [route => interpreter => ['perl']],
        [route => methods => ['GET']], [route => methods => ['post']],
        [route => methods => ['POST', 'POST']], [route => key_from => ['Idempotency-Key']],
        [route => key_from => []], [route => key_from => ['json:id']],
        [route => key_from => ['json:/a~2']], [route => unique => ['derive']],
        [route => fingerprint => ['uri']], [route => ignore => ['header:Date']],
        [route => ignore => ['/a~']], [route => scope => ['X-Tenant']],
        [route => in_progress_status => 400], [route => replay_status => 201],
        [route => prefer => 'true'], [route => release_on => ['5XX']],
        [route => release_on => [503]], [route => replay_drop => ['X-Trace:']],
        [route => webhook => 'https:///done'], [route => webhook => undef],
        [route => webhook_allow => ['https://good.example']],
        [route => webhook_allow => ['https://me@good.example/']],
        [route => duplicate_status => 500], [route => limits => []],
        [limits => mem => '1G'], [limits => cpu => 30], [limits => processes => 0],
        [limits => file_size => 0], [limits => timeout => '5s'],
    );
    for (@bad) {
        my $text = with(@$_);
        ok !program_takes($text), "the program: $text";
        ok !schema_takes($text), "the schema: $text";
    }
};

# Values of every kind, one JSON text a line.
my @scalars = map { $json->decode($_) } split /\n/, <<'END';
null
true
[]
[1]
{}
0
1
409
1024
1.5
-1
""
"x"
"0"
"5s"
"1500ms"
"2h"
"64K"
"1G"
"200"
"/x"
"*x"
"~/x"
"sqlite:x"
"http://h"
"https://h.example:8/x?y#z"
{"cpu": "1s", "//": 1}
[{"match": "/"}]
END
my @lists = map { $json->decode($_) } split /\n/, <<'END';
null
"/x"
{}
[]
[""]
["POST"]
["M-SEARCH", "PUT"]
["/x"]
["/x", "", ""]
["x", "y"]
["x y"]
["\u00e4"]
["X_Y", "cookie:a"]
["header:A"]
["query:a=b", "form:a b", "form:\u00e4"]
["form:a/b~"]
["json:/a/0/~1/"]
["json:"]
["/"]
["json:/a", "derive"]
["body", "json:/a"]
["2xx", "599"]
["http://h/"]
["https://h:1/a@b"]
["https://[::1]:8/"]
END

# An editor must not complain of what is right.
subtest 'the schema refuses only what the program refuses' => sub {
    my (%one_of, $taken, @wrong);
    $one_of{"$_->{where} $_->{type} $_->{min}"} //= $_ for @settings;
    for my $setting (map { $one_of{$_} } sort keys %one_of) {
        my $type = $setting->{type};
        my @values = $type =~ /^list\b/ ? @lists : @scalars;
        push @values, split /\|/, $type if $type =~ /\|/;
        for my $text (map { with(@$setting{qw(where name)}, $_) } @values) {
            next if !program_takes($text);
            $taken++;
            push @wrong, map { "$text: $_" } schema_errors($schema, $json->decode($text));
        }
    }
    is "@wrong", '', 'in settings of every type';
    cmp_ok $taken, '>', 2 * keys %one_of, 'and many values were right';
};

subtest 'verbs' => sub {
    my %verbs = map { $_ => 1 } 'help', map { /^  (\w+)/ ? $1 : () } ask('help');
    my %described = map { $_ => 1 } $manual =~ /^\.It Ic (\w+)/mg;
    is_deeply [sort keys %described], [sort keys %verbs], 'retrysafe(1) describes the verbs that there are';
    my %options = map { $_ => 1 } join("\n", ask('help')) =~ /--(\w+)/g;
    my %written = map { $_ => 1 } $manual =~ /Fl -(\w+)/g;
    is_deeply [sort keys %written], [sort keys %options], 'and their options';
    my @codes = slurp('src/base/exit_code.h') =~ /#define EXIT_\w+\s+(\d+)/g;
    my %listed = map { $_ => 1 } $manual =~ /^\.It (\d+)$/mg;
    is_deeply [sort keys %listed], [sort 0, @codes], 'and the exit codes';
};

subtest 'problems' => sub {
    my %status = slurp('src/http/problem.c') =~ /\[PROBLEM_\w+\] = \{"([a-z-]+)", (\d+)/g;
    my %said = slurp('docs/http.md') =~ /^\| `([a-z-]+)` \| (\d+) \|/mg;
    my ($operators) = slurp('docs/operations.md') =~ /^## What an answer says about the setup\n(.*?)^## /ms;
    my @named = map { /`([a-z-]+)`/g } $operators =~ /^\| ([^|]*) \|/mg;
    cmp_ok scalar keys %status, '>', 15, 'there are problems';
    is_deeply \%said, \%status, 'docs/http.md has all of them, with their status';
    is_deeply [grep { !$status{$_} } @named], [], 'docs/operations.md names no others';
    cmp_ok scalar @named, '>', 15, 'and says of most of them what they depend on';
};

subtest 'version' => sub {
    my ($version) = slurp('src/base/version.h') =~ /RETRYSAFE_VERSION "([^"]+)"/;
    my ($newest) = $changes =~ /^## (\S+) - \S/m;
    is $newest, $version, 'CHANGES.md begins with the version of the program';
    is((ask('version'))[0], "retrysafe $version", 'which the program says, too');
};

subtest 'names' => sub {
    my $source = join '', map { slurp($_) } sources();
    my %targets = map { $_ => 1 } slurp('Makefile') =~ /^([a-z]+):.*## /mg;
    for my $file (@pages, glob 'man/*') {
        my $text = slurp($file);
        my ($dir) = $file =~ m{^(.*/)?[^/]+\z};
        $dir //= '';
        my @missing = grep { !$targets{$_} } $text =~ /`make ([a-z]+)/g;
        # Paths, and files of src/ and tests/ by what they are called there.
        my @files = $text =~ m{`([\w./-]+\.(?:[cht]|pm|pl|sh|md|json|conf|service|socket|timer|yml))`}g;
        push @missing, grep { my $name = $_; !grep { -e "$_$name" } '', 'src/', $dir, 'tests/', 'tests/lib/' }
            grep { !m{^(?:src/)?[\w/]+\.[ch]\z} } @files;
        push @missing, grep { !-e } $text =~ m{`((?:conf|tests|docs|cgi-bin|demo|man|bench)/[\w./-]*)`}g;
        # Links are relative to the file that has them.
        push @missing, grep { !-e "$dir$_" } $text =~ m{\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)}g;
        is "@missing", '', "$file: all files and make targets it names are there";
        my @absent = grep { !-e && !-e "src/$_" && !-e "tests/$_" } grep { m{^(?:src/)?[\w/]+\.[ch]\z} } @files;
        push @absent, grep { !-e } $text =~ m{`(src/[\w./-]*)`}g;
        # Folders of src/; tests/README.md names those of a sandbox in the same way.
        push @absent, grep { !-e "src/$_" && !-e } $file =~ m{^tests/} ? () : $text =~ m{`([\w/]+/)`}g;
        push @absent, grep { $source !~ /\b$_\(/ } $text =~ /`([a-z]\w*)\(\)`/g;
        is "@absent", '', "$file: all sources, folders and functions it names are there";
    }
};

subtest 'tour' => sub {
    my %told = map { $_ => 1 } slurp('docs/architecture.md') =~ m{`([\w/]+)\.[ch]`}g;
    my @silent = grep { !$told{$_} } map { m{^src/(.+)\.c\z} } sources();
    is "@silent", '', 'every file of src/ is in docs/architecture.md';
    my %folders = map { $_ => 1 } map { m{^src/(.+)/} } sources();
    my @unknown = grep { !$folders{$_} } slurp('docs/architecture.md') =~ m{^\| `([\w/]+)/` \|}mg;
    is "@unknown", '', 'and it has no other folders';
};

subtest 'README' => sub {
    my @lines = split /\n/, slurp('README.md');
    cmp_ok scalar @lines, '<=', 250, 'is short';
};

# A page without its examples.
sub prose { slurp($_[0]) =~ s/^```.*?^```$//msgr =~ s/^    .*$//mgr }

# What a page's headings are called in links, as GitHub makes it.
sub anchors {
    my ($page) = @_;
    my (%seen, @anchors);
    for (prose($page) =~ /^#+ (.*)$/mg) {
        my $anchor = lc s/\[([^\]]*)\]\([^)]*\)/$1/gr;
        $anchor =~ s/[^\w\s-]//g;
        $anchor =~ s/ /-/g;
        push @anchors, $seen{$anchor}++ ? "$anchor-" . ($seen{$anchor} - 1) : $anchor;
    }
    return @anchors;
}

subtest 'links' => sub {
    my $links = 0;
    for my $page (@pages, 'CHANGES.md') {
        my ($dir) = $page =~ m{^(.*/)};
        my @wrong;
        for my $link (prose($page) =~ /\]\(((?!https?:)[^)\s]+)\)/g) {
            my ($to, $anchor) = $link =~ /^([^#]*)(?:#(.*))?\z/;
            my $file = $to eq '' ? $page : ($dir // '') . $to;
            $links++;
            push @wrong, $link if !-e $file || (defined $anchor && !grep { $_ eq $anchor } anchors($file));
        }
        is "@wrong", '', "$page: every link leads to a file, and to a heading of it";
    }
    cmp_ok $links, '>', 50, 'there are links';
};

subtest 'decisions' => sub {
    my %is_there = map { m{/(\d{4})-} ? ($1 => 1) : () } glob 'docs/decisions/*.md';
    for my $file (glob 'docs/decisions/*.md') {
        my ($number) = $file =~ m{/(\d{4})-};
        my ($title, $status) = slurp($file) =~ /\A# (\d+)\. [^\n]+\n\nStatus: ([^\n]+)\n\n/;
        is $title, $number + 0, "$file: its number";
        like $status, qr/^(?:accepted|(?:superseded|amended) by \d{4}(?:, \d{4})*)\z/, "$file: its status";
        my @others = ($status // '') =~ /\b(\d{4})\b/g;
        is_deeply [grep { !$is_there{$_} || $_ <= $number } @others], [], "$file: decisions that came later";
    }
};

done_testing();
