# Claim: docs/http.md and the program agree: every problem, status, member, state, header field and
# variable, in the code and as a real server delivers it; its examples are real; JSON and HTML say the same.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client qw(request);
use Digest::SHA qw(hmac_sha256_hex);
use Effects;
use FastCgi qw(fastcgi_request params);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP qw(decode_json);
use Process qw(wait_until);
use Sandbox;
use Server;
use Test::More;

my $DOCS = 'https://api.example.org/retrysafe';
my $SCRIPTS = 'For authors of the service\'s scripts';
my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $page = Process::contents($sandbox->root . '/docs/http.md');
my $source = join '', map { Process::contents($_) } glob $sandbox->root . '/src/{,*/,*/*/}*.[ch]';
my $problem_c = source('http/problem.c');
my ($keys, %seen) = 0;

sub source { Process::contents($sandbox->root . "/src/$_[0]") }

# ---- the page ----

my %sections = $page =~ /^#+ ([^\n]+)\n(.*?)(?=^#+ |\z)/msg;

# The rows, as lists of cells, of the n-th table of a section.
sub table {
    my ($title, $n) = @_;
    my @tables = ($sections{$title} // die "no section: $title\n") =~ /((?:^\|.*\n)+)/mg;
    my @rows = map { [map { s/\A\s+|\s+\z//gr } (split /\|/, $_, -1)[1 .. tr/|// - 1]] }
        split /^/, $tables[$n // 0] // die "no such table in: $title\n";
    return @rows[2 .. $#rows];
}

sub names { map { /`([^`]+)`/g } @_ }

# What the first column of a table names.
sub named { sort map { names($_->[0]) } table(@_) }

sub unique { my %all = map { $_ => 1 } @_; return sort keys %all }

my %page = map { my ($type) = names($_->[0]); $type => {
    status => $_->[1], same => $_->[3], new => $_->[4], after => $_->[5], states => $_->[6],
} } table('Problems');

# ---- the code ----

subtest 'problems of the code' => sub {
    my @code = $problem_c =~ /\[PROBLEM_\w+\] = \{\s*"([a-z-]+)",\s*(\d+),\s*(\w+),\s*(\w+)/g;
    my %word = (true => 'yes', false => 'no');
    my %code;
    while (my ($type, $status, $same, $new) = splice @code, 0, 4) {
        $code{$type} = "$status $word{$same} $word{$new}";
    }
    cmp_ok scalar keys %code, '>', 20, 'there are problems';
    is_deeply { map { $_ => join ' ', map { /^(\w+)/ } @{ $page{$_} }{qw(status same new)} } keys %page },
        \%code, 'type, status, and both answers';
};

subtest 'names of the code' => sub {
    my ($pack) = $problem_c =~ /json_pack\((.*?)\);/s;
    is_deeply [named('Members')], [unique($pack =~ /"([a-z_]+)"/g)], 'members of a problem';
    is_deeply [named($SCRIPTS)],
        [unique($source =~ /IDEMPOTENCY_[A-Z]+(?:_[A-Z]+)*/g)], 'variables';
    my ($dropped) = source('cgi/response.c') =~ /\bdropped\[\] = \{(.*?)\};/s;
    is_deeply [named($SCRIPTS, 2)],
        [unique($dropped =~ /"([^"]+)"/g)], 'fields that are dropped';
    is_deeply [unique(named($SCRIPTS, 1),
        grep { /^Retrysafe-/ } named('Of requests'), named('The message', 1))],
        [unique($source =~ /\bRetrysafe-[A-Z]\w+/g, named('The message', 1))], 'fields of our own';
    my @written = ($problem_c =~ /write_field\(\s*&?\w+, "([\w-]+)"/g, source('gateway/reply.c') =~ /"([A-Z][\w-]+): /g);
    is_deeply [named('Of responses')], [grep { $_ ne 'Status' } unique(@written)], 'fields of an answer';
    my @read = ($source =~ /variables_get\([^()]*"(?:HTTP_)?((?<=HTTP_)\w+|CONTENT_\w+)"/g,
        $source =~ /\[\\"HTTP_(\w+)\\"\]/g, $source =~ /"(?:\[\\")?header:([\w-]+)(?:\\"\])?"/g,
        map { source("gateway/$_.c") =~ /"HTTP_(\w+)"/g } qw(fingerprint site));
    is_deeply [map { uc =~ tr/-/_/r } named('Of requests')], [unique(map { uc =~ tr/-/_/r } @read)],
        'fields of a request';
    my %states = map { $_ => 1 } source('store/operation.c') =~ /\[STATE_\w+\] = "(\w+)"/g;
    is_deeply [grep { !$states{$_} } named('Members', 1), $sections{'The message'} =~ /`(absent)`/], [],
        'states that there are';
    my %limit = $source =~ /#define (KEY_MAX|WEBHOOK_URL_MAX)\s+(\d+)/g;
    like $page, qr/\b1 to $limit{KEY_MAX} printable/, 'the longest key';
    like $page, qr/\bat most\s+$limit{WEBHOOK_URL_MAX}\s+bytes/, 'the longest URL';
};

# ---- the running program ----

my %script = (effect => [qw(effect tiny big unique hook env semantic)], slow => [qw(slow one late)],
    die => ['die']);
$sandbox->place_scripts('bare', 'socket');
for my $of (keys %script) {
    $sandbox->copy($sandbox->root . "/tests/scripts/$of.pl", "www/socket/$_.pl")
        for grep { $_ ne $of && $_ ne 'env' } @{ $script{$of} };
}
$sandbox->copy($sandbox->root . '/tests/scripts/env.pl', 'www/socket/semantic.pl');
$sandbox->copy($sandbox->root . '/cgi-bin/order.pl', 'www/socket/order.pl');
$sandbox->give_dir('www/var', 0755);
script('report', 'Effect::wait_gate("report");', 'Content-Type: text/plain\n\nthe report of 2026\n');
script('release', '', 'Content-Type: text/plain\nRetrysafe-Outcome: release\n\nnothing\n');
script('gives-back', '', 'Content-Type: text/plain\nRetrysafe-Outcome: release\n\nnothing\n');
script('brief', '', 'Content-Type: text/plain\nRetrysafe-TTL: 1s\n\nbrief\n');
my %value = (Status => '201 Created', 'Content-Length' => 3);
script('fields', '', join '\n', 'Content-Type: text/plain', 'X-Kept: 1',
    (map { s/\*/X/r . ': ' . ($value{$_} // 'x') } named($SCRIPTS, 2)), '', 'body\n');
chmod 0644, $sandbox->path('www/socket/digest.pl');
# A file that is open for writing cannot be executed (ETXTBSY), which passes.
chmod 0755, $sandbox->write('www/socket/unstarted.pl', "#!/bin/sh\n");
open my $writer, '>>', $sandbox->path('www/socket/unstarted.pl') or die "unstarted.pl: $!\n";
symlink $sandbox->path('www/bare/effect.pl'), $sandbox->path('www/socket/outside.pl');
my @settings = (
    docs_url => $DOCS, script_dirs => [$sandbox->path('www/socket')],
    routes => [
        { match => '*/order.pl', key => 'required' },
        { match => '*/report.pl', prefer => JSON::PP::true() },
        { match => '*/gives-back.pl', prefer => JSON::PP::true() },
        { match => '*/tiny.pl', max_request => 10 },
        { match => '*/big.pl', max_response => '1K' },
        { match => '*/one.pl', max_running => 1 },
        { match => '*/late.pl', timeout => '1s', kill_after => 0 },
        { match => '*/unique.pl', unique => ['json:/email'] },
        { match => '*/hook.pl', webhook_allow => ['https://good.example/'] },
        { match => '*/semantic.pl', guarantee => 'semantic' },
        { match => '*' },
    ],
);
write_config($sandbox, @settings);
start_gateway($sandbox);
my $port = Server->start($sandbox, 'nginx')->port;

# A script of www/socket that runs some Perl and prints an answer.
sub script {
    my ($name, $code, $answer) = @_;
    chmod 0755, $sandbox->write("www/socket/$name.pl", <<"END");
#!/usr/bin/perl
use lib __FILE__ =~ m{\\A(.*)/}s ? \$1 : '.';
use Effect;
Effect::body();
Effect::record(Effect::nonce(), 'run');
$code
print "$answer";
END
}

sub new_key { 'h-' . ++$keys }

# One POST: ask(SCRIPT, KEY or undef, body => 'a=1', headers => [...]).
sub ask {
    my ($script, $key, %more) = @_;
    my @headers = (defined $key ? ('Idempotency-Key' => qq("$key")) : (), @{ delete $more{headers} // [] });
    return request($port, ($more{method} // 'POST'), "/socket/$script", body => 'a=1', %more, headers => \@headers);
}

# What $second says while a request for slow.pl or the like, with $key, is being carried out.
sub during {
    my ($script, $key, $second) = @_;
    my $client = Client->connect($port);
    $client->send(Client::request_bytes(POST => "/socket/$script?gate=$key",
        headers => ['Idempotency-Key' => qq("$key")], body => 'a=1'));
    $effects->await($key, 'run', 10) or diag "$script does not run";
    my $answer = $second->("$script?gate=$key");
    $sandbox->open_gate($key);
    $client->read_answer;
    return $answer;
}

# As it is with another configuration; each gets the header fields that are to be sent.
sub with_config {
    my ($write, @headers) = @_;
    $write->();
    my $answer = ask('effect.pl', new_key(), headers => \@headers);
    write_config($sandbox, @settings);
    return $answer;
}

sub email { (body => $_[0], headers => ['Content-Type' => 'application/json', @_[1 .. $#_]]) }

# How each problem comes about.
my %provoke = (
    'key-missing' => sub { ask('order.pl', undef, headers => [@_]) },
    'key-invalid' => sub { ask('effect.pl', 'x' x 256, headers => [@_]) },
    'request-invalid' => sub { ask('unique.pl', new_key(), email('{', @_)) },
    'request-incomplete' => sub {
        my %field = @_;
        my @params = params(script => $sandbox->path('www/socket/effect.pl'), uri => '/socket/effect.pl',
            key => new_key(), body => 'much more', more => [$field{Accept} ? (HTTP_ACCEPT => $field{Accept}) : ()]);
        fastcgi_request(socket_path($sandbox), params => \@params, body => 'a=1')->{response};
    },
    'request-too-large' => sub { ask('tiny.pl', new_key(), body => 'x' x 11, headers => [@_]) },
    'key-reused' => sub { twice('effect.pl', body => 'b=2', headers => [@_]) },
    'in-progress' => sub {
        my ($key, @headers) = (new_key(), @_);
        during('slow.pl', $key, sub { ask($_[0], $key, headers => \@headers) });
    },
    'other-principal' => sub { twice('effect.pl', headers => [Authorization => 'Bearer other', @_]) },
    'result-expired' => sub { twice('big.pl?bytes=2000', headers => [@_]) },
    'outcome-uncertain' => sub { twice('die.pl', headers => [@_]) },
    'script-failed' => sub { ask('die.pl', new_key(), headers => [@_]) },
    'script-timeout' => sub { ask('late.pl', new_key(), headers => [@_]) },
    'script-missing' => sub { ask('none.pl', new_key(), headers => [@_]) },
    'script-not-executable' => sub { ask('digest.pl', new_key(), headers => [@_]) },
    'script-not-allowed' => sub { ask('outside.pl', new_key(), headers => [@_]) },
    'script-not-started' => sub { ask('unstarted.pl', new_key(), headers => [@_]) },
    'store-unavailable' => sub {
        with_config(sub { write_config($sandbox, @settings, store => 'sqlite:/nonexistent/s.db') }, @_);
    },
    'overloaded' => sub {
        my @headers = @_;
        during('one.pl', new_key(), sub { ask('one.pl', new_key(), headers => \@headers) });
    },
    'configuration' => sub { with_config(sub { $sandbox->write('conf/retrysafe.json', '{') }, @_) },
    'duplicate' => sub {
        my $json = qq({"email":"ada\@example.org"});
        ask('unique.pl', new_key(), email($json));
        ask('unique.pl', new_key(), email($json, @_));
    },
    'operation-unknown' => sub {
        request($port, GET => '/socket/effect.pl?_operation=' . '0' x 32, headers => [@_]);
    },
    'operation-released' => sub {
        my @headers = @_;
        my $ref = ask('gives-back.pl', new_key(), headers => [Prefer => 'respond-async'])->facts->{operation};
        my $answer;
        wait_until {
            $answer = request($port, GET => "/socket/gives-back.pl?_operation=$ref", headers => \@headers);
            $answer->status != 202;
        } 10;
        $answer;
    },
    'webhook-refused' => sub {
        ask('hook.pl', new_key(), headers => ['Retrysafe-Webhook' => 'https://good.example.evil/', @_]);
    },
    'accepted' => sub { ask('report.pl', new_key(), headers => [Prefer => 'respond-async', @_]) },
);

# The second answer to one key; %more is only for the second.
sub twice {
    my ($script, %more) = @_;
    my $key = new_key();
    ask($script, $key);
    return ask($script, $key, %more);
}

sub note_fields {
    my ($answer) = @_;
    $seen{$_} = 1 for map { $_->[0] } @{ $answer->{headers} };
    return $answer;
}

is_deeply [sort keys %provoke], [sort keys %page], 'every problem of the page is provoked';
my @no_link = names((grep { $_->[0] eq '`Link`' } table('Of responses'))[0][1] =~ /missing on (.*)/);
subtest $_ => \&check_problem, $_ for sort keys %provoke;

sub check_problem {
    my ($type) = @_;
    my $said = $page{$type} // {};
    my $answer = note_fields($provoke{$type}->());
    my $facts = $answer->facts;
    my $is_problem = $said->{status} >= 400;
    my ($status, $reason) = ($answer->status, $answer->{reason});

    is $status, $said->{status}, 'status' or diag $answer->raw;
    is $answer->header('Content-Type'), $is_problem ? 'application/problem+json' : 'application/json', 'form';
    is $facts->{type}, $is_problem ? "urn:retrysafe:problem:$type" : undef, 'type';
    is $facts->{status}, $status, 'status in the body';
    ok !ref $facts->{$_} && length $facts->{$_}, $_ for qw(title detail);
    is_deeply [map { $_ ? 'yes' : 'no' } @$facts{qw(retry_same_key new_key_is_safe)}],
        [map { /^(\w+)/ } @$said{qw(same new)}], 'the same key again? a new one?';
    my $after = $answer->header('Retry-After');
    $said->{after} =~ /^yes/ ? like $after, qr/\A[1-9]\d*\z/, 'Retry-After' : is $after, undef, 'no Retry-After';
    my $state = $facts->{operation_state} // '';
    ok length $said->{states} ? $said->{states} =~ /\b\Q$state\E\b/ : $state eq '', "state: $state";
    is exists $facts->{operation} ? 1 : 0, length $state ? 1 : 0, 'an operation, where there is a state';
    is $facts->{location}, $answer->header('Location'), 'location as in the field';
    is defined $facts->{location} ? 1 : 0, $state eq 'running' ? 1 : 0, 'while it runs';
    is $answer->header('Cache-Control'), 'no-store', 'no-store';
    my $link = $answer->header('Link');
    is $link, qq(<$DOCS>; rel="describedby"), 'Link'
        if defined $link || !grep { $_ eq $type } @no_link;
    $seen{member}{$_} = 1 for keys %$facts;
    $seen{state}{$state} = 1 if length $state;
    check_page($type, $facts, $reason, note_fields($provoke{$type}->(Accept => 'text/html')), $link);
}

# The page for people says what the JSON says.
sub check_page {
    my ($type, $facts, $reason, $html, $link) = @_;
    # A person who presses a second time gets the waiting page, not an error.
    ($facts, $reason) = ({ %$facts, type => undef, status => 202, title => undef, detail => undef }, 'Accepted')
        if $type eq 'in-progress';
    my %entity = (amp => '&', lt => '<', gt => '>', quot => '"', '#39' => "'");
    my $text = sub { defined $_[0] ? $_[0] =~ s/&(#?\w+);/$entity{$1}/gr : undef };
    my %term = map { $text->($_) } $html->body =~ m{<dt>(.*?)</dt>\s*<dd>(.*?)</dd>}sg;
    my ($title) = $html->body =~ m{<title>(.*?)</title>}s;
    my ($h1) = $html->body =~ m{<h1>(.*?)</h1>\s*<p>.+?</p>}s;

    is $html->header('Content-Type'), 'text/html; charset=utf-8', 'a page';
    is $html->header('Cache-Control'), 'no-store', 'no-store, too';
    is $html->header('Link'), $link, 'with the same Link';
    is_deeply [map { $html->header($_) } qw(Content-Language Vary)], ['en', 'Accept, Accept-Language'],
        'in English';
    is scalar($html->body =~ /href="\Q$DOCS\E"/), defined $link ? 1 : '', 'and one for people';
    is $h1, $title, 'a title for people';
    $facts->{$_} //= $term{$_} for qw(title detail);
    is_deeply [@term{qw(title detail)}], [@$facts{qw(title detail)}], 'title and detail';
    is $term{status}, "$facts->{status} $reason", 'status';
    is $term{type}, $facts->{type}, 'type';
    is exists $term{operation} ? 1 : 0, exists $facts->{operation} ? 1 : 0, 'operation';
    is $term{operation_state}, $facts->{operation_state}, 'its state';
    is_deeply [@term{qw(retry_same_key new_key_is_safe)}],
        [map { $_ ? 'true' : 'false' } @$facts{qw(retry_same_key new_key_is_safe)}], 'both answers';
    my ($seconds, $leads_to) = ($html->header('Refresh') // '') =~ m{\A(\d+); url=(.*)\z};
    is_deeply [$seconds, $leads_to], [map { $html->header($_) } qw(Retry-After Location)],
        'leads to the result' if $facts->{location};
}

subtest 'Accept' => sub {
    my $firefox = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';
    my $chrome = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,'
        . '*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';
    for ([1, $firefox], [1, $chrome], [1, 'text/html'], [0, 'application/json'], [0, '*/*'], [0],
        [0, 'application/problem+json'], [0, 'text/html;q=0.5, application/json'])
    {
        my ($is_page, $accept) = @$_;
        my $answer = $provoke{'key-missing'}->(defined $accept ? (Accept => $accept) : ());
        is $answer->header('Content-Type'), $is_page ? 'text/html; charset=utf-8' : 'application/problem+json',
            $accept // 'none';
    }
    write_config($sandbox, @settings, docs_url => undef);
    is $provoke{'key-missing'}->()->header('Link'), undef, 'no Link without docs_url';
    write_config($sandbox, @settings);
};

# ---- the examples ----

subtest 'examples' => sub {
    my @examples = $page =~ /^```console\n(.*?)^```$/msg;
    my (%ref, $first);
    cmp_ok scalar @examples, '>', 5, 'there are some';
    for (@examples) {
        my ($command, $answer) = /\A\$ (curl (?:[^\n]*\\\n)*[^\n]*\n)(.*)\z/s;
        ok defined $command, 'a command' or next;
        if ($command =~ /"report-7"/) {
            $first = Client->connect($port);
            $first->send(Client::request_bytes(POST => '/socket/report.pl', body => 'year=2026',
                headers => ['Idempotency-Key' => '"report-7"']));
            $effects->await('report-7', 'run', 10);
        } elsif ($command =~ /_operation=/) {
            $sandbox->open_gate('report');
            wait_until { my ($exit) = verb($sandbox, qw(list --state running --route */report.pl)); $exit == 1 } 10;
        }
        check_example($command, $answer, \%ref);
    }
};

# The command of an example gets the answer that the page shows.
sub check_example {
    my ($command, $shown, $ref) = @_;
    my ($title) = $command =~ /(.*)/;
    my %passing = map { $_ => 1 } qw(server date connection content-length);

    $command =~ s{https://api\.example\.org/cgi-bin/}{http://127.0.0.1:$port/socket/};
    $command =~ s{(_operation=)(\w+)}{$1 . ($ref->{$2} // $2)}e;
    my $raw = `curl -s ${\ substr $command, 5}`;
    my ($head, $body) = split /\n\n/, $shown, 2;
    $head =~ s/(?:\n|\z)/\r\n/g;
    my @both = (Answer->parse("$head\r\n$body", 1), Answer->parse($raw, 1));
    my ($old, $new) = map { $_->facts->{operation} } @both;
    $ref->{$old} = $new if $old && $new;
    my @text = map {
        my $answer = $_;
        my @fields = sort grep { !$passing{ lc((split /:/)[0]) } } map { "$_->[0]: $_->[1]" } @{ $answer->{headers} };
        my $what = %{ $answer->facts } ? JSON::PP->new->canonical->pretty->encode($answer->facts) : $answer->body;
        join("\n", "$answer->{status} $answer->{reason}", @fields, '', $what)
            =~ s{/socket/}{/cgi-bin/}gr =~ s/\b[0-9a-f]{32}\b/REF/gr =~ s/(?<=Retry-After: )\d+/N/r;
    } @both;
    is $text[1], $text[0], $title;
}

# ---- for authors of scripts ----

subtest 'variables and fields' => sub {
    my $key = new_key();
    my @env = map { decode_json(ask('semantic.pl', $key)->body)->{env} } 1, 2;
    is_deeply [grep { /^IDEMPOTENCY_/ } unique(map { keys %$_ } @env)],
        [named($SCRIPTS)], 'variables';
    is $env[1]{IDEMPOTENCY_REPLAY}, 1, 'IDEMPOTENCY_REPLAY where the result is shown again';
    is_deeply [@{ $env[0] }{qw(IDEMPOTENCY_KEY IDEMPOTENCY_ATTEMPT IDEMPOTENCY_REPLAY)}], [$key, 1, undef],
        'at the first run';
    my $fields = note_fields(ask('fields.pl', new_key()));
    is_deeply [sort map { $_->[0] } @{ $fields->{headers} }],
        [qw(Connection Content-Length Content-Type Date Server X-Kept)], 'what is dropped';
    is $fields->body, "body\n", 'with a length of its own';
    delete $seen{'X-Kept'};

    $key = new_key();
    my @answers = map { ask('release.pl', $key) } 1, 2;
    is_deeply [map { [$_->status, $_->is_replay ? 1 : 0] } @answers], [[200, 0], [200, 0]], 'Retrysafe-Outcome';
    is $effects->runs($key), 2, 'each ran';

    $key = new_key();
    @answers = map { note_fields(ask('brief.pl', $key)) } 1, 2;
    is $answers[1]->is_replay, 1, 'Retrysafe-TTL: replayed';
    wait_until { ask('brief.pl', $key)->status == 410 } 5;
    verb($sandbox, 'purge');
    my $answer = ask('brief.pl', $key);
    is $answer->problem, 'result-expired', 'and over';
    $seen{state}{ $answer->facts->{operation_state} // 'none' } = 1;
};

# ---- webhooks ----

subtest 'the message of a webhook' => sub {
    my $file = $sandbox->root . '/src/notify/message.c';
    plan skip_all => 'this tree has no retrysafe-notify' if !-e $file;
    my ($pack) = Process::contents($file) =~ /json_pack\((.*?)\);/s;
    is_deeply [named('The message')], [unique($pack =~ /"([a-z_]+)"/g)], 'members';
    is_deeply [named('The message', 1)],
        [unique(join('', map { Process::contents($_) } glob $sandbox->root . '/src/{notify,notify/}*.c')
            =~ /"(Retrysafe-\w+)"/g)], 'fields';
};

subtest 'the signature of a webhook' => sub {
    my $python = (grep { -x } map { "$_/python3" } split /:/, $ENV{PATH})[0];
    plan skip_all => 'python3 is not installed' if !$python;
    my ($code) = $page =~ /^```python\n(.*?)^```$/ms;
    my ($secret, $body) = ('00ff' x 16, '{"operation":"x"}');
    my $hex = hmac_sha256_hex("1000.$body", pack 'H*', $secret);
    $sandbox->write('run/check.py', $code . <<"END");
good = "t=1000,v1=$hex"
for signature, body, now in ((good, b'$body', 1010), (good, b'x', 1010), (good, b'$body', 1400),
        ("t=1000,v1=00", b'$body', 1010), ("t=1000", b'$body', 1010), ("", b'$body', 1010)):
    print(is_genuine("$secret", signature, body, now))
END
    my $said = qx($python ${\ $sandbox->path('run/check.py')} 2>&1);
    is $said, "True\n" . "False\n" x 5, 'a genuine one and five others';
};

# ---- nothing else was seen ----

is_deeply [sort keys %{ delete $seen{member} }], [named('Members')], 'the members that came';
is_deeply [sort keys %{ delete $seen{state} }], [named('Members', 1)], 'the states that came';
my %server = map { $_ => 1 } qw(Server Date Connection Transfer-Encoding);
is_deeply [grep { !$server{$_} } sort keys %seen], [named('Of responses')], 'the fields that came';
$sandbox->finish;
