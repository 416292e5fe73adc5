# Claim: a person who presses a button gets, in each wiring, a page in the language the browser asks
# for, without a word for programmers outside of the closed details; a second press gets the waiting page,
# which becomes the result, whatever that is; `page_template` frames all of them.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client qw(request);
use Effects;
use Gateway qw(write_config verb);
use JSON::PP ();
use Process qw(wait_until);
use Sandbox;
use Site;
use Test::More;

my $HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';
my $REF = qr/[0-9a-f]{32}/;
my %BUSY = (soft_timeout => '20s');
my %ROUTE = (match => '*', %BUSY);
my @ROUTES = (
    { match => '*/required-*', key => 'required' },
    { match => '*/small-*', max_request => 3 },
    { match => '*/large-*', max_response => '1K' },
    { match => '*/wait-*', in_progress => 'wait', wait => '300ms', soft_timeout => '20s' },
    { match => '*/soft-*', soft_timeout => '300ms' },
    { match => '*/busy-*', in_progress_status => 429, soft_timeout => '20s' },
    { match => '*/unique-*', unique => ['form:a'] },
    { match => '*/late-*', timeout => '1s', kill_after => 0 },
    \%ROUTE,
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, { route => \%BUSY, routes => \@ROUTES });
my $nginx = $site->wiring('nginx');

# Each language by a word that none of the others has in its place.
my %WAITING = (
    en => 'This is being carried out', de => 'Der Vorgang läuft', fr => 'L’opération est en cours',
    es => 'La operación está en curso', pt => 'A operação está em curso', it => 'L’operazione è in corso',
    nl => 'Dit wordt uitgevoerd', pl => 'Operacja jest w toku', ja => '処理中です', zh => '操作正在进行中',
);

place_scripts();
subtest $_->name => \&check_second_press, $_ for $site->wirings;
subtest "second press: $_->[0]" => \&check_other_ways, @$_
    for ['wait', 'wait'], ['soft_timeout', 'soft'], ['in_progress_status', 'busy'];
subtest 'not for another principal' => \&check_principal;
subtest 'becomes: uncertain' => \&check_uncertain;
subtest 'becomes: released' => \&check_released;
subtest 'becomes: released, and then done by another press' => \&check_released_and_done;
subtest 'becomes: expired' => \&check_expired;
subtest 'becomes: an error of the service' => \&check_error;
subtest 'problems' => \&check_problems;
subtest 'languages' => \&check_languages;
subtest 'the way back' => \&check_way_back;
subtest 'a template' => \&check_template;
$sandbox->finish;

# ---- asking ----

# Under www/PREFIX/NAME for every prefix: it runs, waits at the gate, and does $code.
sub script {
    my ($name, $code) = @_;
    my %prefix = map { ($_->legacy => $_) } $site->wirings;
    for my $prefix (keys %prefix) {
        chmod 0755, $sandbox->write("www/$prefix/$name", <<"END");
#!/usr/bin/perl
use lib __FILE__ =~ m{\\A(.*)/}s ? \$1 : '.';
use Effect;
my %query = Effect::query();
Effect::body();
Effect::record(Effect::nonce(), 'run');
Effect::wait_gate(\$query{gate}) if \$query{gate};
$code
END
    }
}

sub place_scripts {
    script("$_-plain.pl", 'print "Content-Type: text/html\n\n<p>done</p>\n";')
        for qw(required small unique wait soft busy any);
    script('any-dies.pl', 'kill 9, $$;');
    script('any-silent.pl', '');
    script('any-error.pl', 'print "Status: 402 Payment Required\nContent-Type: text/html\n\n<p>declined</p>\n";');
    script('any-releases.pl', 'print "Retrysafe-Outcome: release\nContent-Type: text/html\n\n<p>nothing</p>\n";');
    script('any-first-releases.pl', <<'END');
my $seen = __FILE__ . ".seen-$query{gate}";
if (-e $seen) { print "Content-Type: text/html\n\n<p>done</p>\n" }
else {
    open my $f, '>', $seen; close $f;
    print "Retrysafe-Outcome: release\nContent-Type: text/html\n\n<p>nothing</p>\n";
}
END
    script('any-expires.pl', 'print "Retrysafe-TTL: 1s\nContent-Type: text/html\n\n<p>done</p>\n";');
    script('large-plain.pl', 'print "Content-Type: text/html\n\n", "x" x 2000;');
    script('late-plain.pl', 'sleep 10;');
    # It makes a note of each release beside itself.
    chmod 0777, $sandbox->path('www/' . $nginx->legacy) or die "www: $!\n";
}

sub browser { (Accept => $HTML, 'Content-Type' => 'application/x-www-form-urlencoded', @_) }

sub press {
    my ($wiring, $target, $key, @headers) = @_;
    my $client = $wiring->connect;
    $client->send($wiring->bytes(POST => $target, key => $key, body => 'a=1', headers => \@headers));
    return $client;
}

sub ask { press(@_)->read_answer }

sub get {
    my ($wiring, $target, @headers) = @_;
    return request($wiring->port, GET => $target, headers => \@headers);
}

sub refresh_of { ($_[0]->header('Refresh') // '') =~ /\A([1-9]\d*); url=(\S+)\z/ }

# What a person sees: the page without its details, style and reference, as text.
sub seen {
    my ($page) = @_;
    my $text = $page->body =~ s{<details>.*?</details>}{ }sgr =~ s{<style>.*?</style>}{ }sgr
        =~ s{<code>$REF</code>}{ }gr =~ s{<a href="[^"]*">}{ }gr =~ s{<[^>]*>}{ }gr;
    return $text =~ s/\s+/ /gr;
}

# What holds of every page; returns what a person sees.
sub check_page {
    my ($page, $language, $what) = @_;
    my $text = seen($page);
    is $page->header('Content-Type'), 'text/html; charset=utf-8', "$what: a page" or diag $page->raw;
    is $page->header('Content-Language'), $language, "$what: in $language";
    like $page->body, qr/\A<!DOCTYPE html>\n<html lang="$language" dir="ltr">/, "$what: says so";
    is $page->header('Cache-Control'), 'no-store', "$what: no-store";
    like $page->header('Content-Security-Policy'), qr/\Adefault-src 'none'/, "$what: loads nothing";
    unlike $text, qr{urn:|Idempotency|retrysafe|\bPOST\b|\bGET\b|HTTP|\b[1-5]\d\d\b|retry_same|_operation|\bkey\b|JSON|script}i,
        "$what: nothing technical";
    like $page->body, qr{<details>\n<summary>[^<]+</summary>.*<dt>retry_same_key</dt>\n<dd>(?:true|false)</dd>}s,
        "$what: but in closed details";
    return $text;
}

# Presses while the first press runs, and follows the waiting page to what it becomes.
sub follow {
    my ($wiring, $target, $key, %more) = @_;
    my $first = press($wiring, $target, $key, browser());
    ok $effects->await($key, 'run', 10), 'the first press runs';
    my $page = ask($wiring, $target, $key, browser(@{ $more{headers} // [] }));
    is $page->status, 202, 'the second press: 202' or diag $page->raw;
    check_page($page, $more{language} // 'en', 'the waiting page');
    my ($seconds, $url) = refresh_of($page);
    is $url, $page->header('Location'), 'it leads to the address of the operation' or return $page;
    is $seconds, $page->header('Retry-After'), 'in time';
    $page = get($wiring, $url, browser());
    is_deeply [$page->status, (refresh_of($page))[1]], [202, $url], 'where it waits on';
    $sandbox->open_gate($key);
    $more{first}->($first->read_answer) if $more{first};
    $first->read_answer;
    wait_until { ($page = get($wiring, $url, browser()))->status != 202 } 10;
    is $page->header('Refresh'), undef, 'until there is something else';
    return ($page, $url);
}

# ---- the second press ----

sub check_second_press {
    my ($wiring) = @_;
    my $key = join '-', 'twice', $wiring->kind, $wiring->prefix;
    my $target = $wiring->is_control ? "slow.pl?gate=$key" : "any-plain.pl?gate=$key";
    my ($page) = follow($wiring, $target, $key,
        headers => ['Accept-Language' => 'de-AT,de;q=0.9,en;q=0.8'], language => 'de');
    is $page->is_replay, 1, 'the result' or diag $page->raw;
    like $page->body, $wiring->is_control ? qr/\Aslow / : qr/\A<p>done/, 'as the script made it';
    is $effects->runs($key), 1, 'one run';
}

sub check_other_ways {
    my ($how, $route) = @_;
    my $key = "ways-$route";
    my $target = "$route-plain.pl?gate=$key";
    my $first = press($nginx, $target, $key, browser());
    $effects->await($key, 'run', 10);
    my $json = ask($nginx, $target, $key);
    is $json->status, $route eq 'busy' ? 429 : 409, 'a program gets the error';
    is $json->problem, 'in-progress', 'as before';
    my $page = ask($nginx, $target, $key, browser());
    is $page->status, 202, 'a person gets the waiting page';
    check_page($page, 'en', 'it');
    is scalar(my @leads = refresh_of($page)), 2, 'which leads on';
    is $first->read_answer->status, 202, 'and so does the first press' if $route eq 'soft';
    $sandbox->open_gate($key);
    $first->read_answer;
    my $result;
    wait_until { ($result = get($nginx, (refresh_of($page))[1], browser()))->status != 202 } 10;
    is $result->body, "<p>done</p>\n", 'to the result';
    is $effects->runs($key), 1, 'one run';
}

sub check_principal {
    my ($key, $target) = ('principal', 'any-plain.pl?gate=principal');
    my $first = press($nginx, $target, $key, browser(Authorization => 'Bearer alice'));
    $effects->await($key, 'run', 10);
    my $page = ask($nginx, $target, $key, browser(Authorization => 'Bearer mallory'));
    is $page->status, 409, 'somebody else: a problem';
    like $page->body, qr/<dd>urn:retrysafe:problem:other-principal</, 'other-principal';
    like check_page($page, 'en', 'it'), qr/Please do not send it again/, 'and no advice to send it again';
    ok !refresh_of($page) && $page->raw !~ /_operation=/, 'that leads nowhere';
    my $own = ask($nginx, $target, $key, browser(Authorization => 'Bearer alice'));
    is $own->status, 202, 'Alice herself waits';
    is get($nginx, (refresh_of($own))[1], browser(Authorization => 'Bearer mallory'))->status, 404,
        'on a page that is hers';
    $sandbox->open_gate($key);
    $first->read_answer;
}

# ---- what it becomes ----

sub check_uncertain {
    my ($page) = follow($nginx, 'any-dies.pl?gate=dies', 'dies', first => sub {
        is $_[0]->status, 502, 'the first press is told that it failed';
        like check_page($_[0], 'en', 'it'), qr/Something went wrong .* Please do not send it again/, 'in words';
    });
    is $page->status, 409, 'nobody can tell';
    like check_page($page, 'en', 'it'), qr/It is not known whether this was carried out .* do not send it again/,
        'and it says so';
    like $page->body, qr{<code>$REF</code>}, 'with a reference to quote';
}

sub check_released {
    my ($page, $url) = follow($nginx, 'any-releases.pl?gate=releases', 'releases');
    is $page->status, 404, 'there is no operation any more';
    my $text = check_page($page, 'en', 'it');
    like $text, qr/Nothing was carried out .* You can safely send it again/, 'nothing was done: send it again';
    my $json = get($nginx, $url);
    is_deeply [$json->problem, @{ $json->facts }{qw(retry_same_key new_key_is_safe)}],
        ['operation-released', JSON::PP::true(), JSON::PP::true()], 'a program is told so, too';
    is get($nginx, $url, Authorization => 'Bearer mallory')->problem, 'operation-unknown', 'but nobody else';
    is get($nginx, $url =~ s/releases\.pl/plain.pl/r)->problem, 'operation-unknown', 'and not elsewhere';
    my $other = $url =~ s/.\z/$& eq '0' ? '1' : '0'/er;
    is get($nginx, $other)->problem, 'operation-unknown', 'nor of a ref that never was';
    my ($exit, @left) = verb($sandbox, 'list', '--state', 'running');
    is $exit, 1, 'nothing runs';
    is ask($nginx, 'any-releases.pl?gate=releases', 'releases', browser())->body, "<p>nothing</p>\n",
        'sent again, it runs again';
    is $effects->runs('releases'), 2, 'twice in all';
}

sub check_released_and_done {
    my ($key, $target) = ('again', 'any-first-releases.pl?gate=again');
    my ($page, $url) = follow($nginx, $target, $key);
    is $page->status, 404, 'released' or diag $page->raw;
    my $done = ask($nginx, $target, $key, browser());
    is $done->body, "<p>done</p>\n", 'another press does it';
    $page = get($nginx, $url, browser());
    is_deeply [$page->is_replay ? 1 : 0, $page->body], [1, "<p>done</p>\n"],
        'and the waiting page shows that, and never "nothing was carried out"';
}

sub check_expired {
    my ($key, $target) = ('expires', 'any-expires.pl?gate=expires');
    my ($page, $url) = follow($nginx, $target, $key);
    is $page->body, "<p>done</p>\n", 'the result';
    wait_until { ($page = get($nginx, $url, browser()))->status == 410 } 10;
    like check_page($page, 'en', 'later'), qr/This was already carried out .* do not send it again/, 'it was done';
}

sub check_error {
    my ($page) = follow($nginx, 'any-error.pl?gate=error', 'error');
    is_deeply [$page->status, $page->body], [402, "<p>declined</p>\n"], "the script's own";
}

# ---- every problem that a press can bring ----

sub check_problems {
    my $plain = sub { my $target = shift; my $key = shift; ask($nginx, $target, $key, browser(@_)) };
    ask($nginx, 'any-plain.pl', 'reused');
    ask($nginx, 'unique-plain.pl', 'unique-1', browser());
    ask($nginx, 'large-plain.pl', 'large');
    my %provoked = (
        'key-missing' => $plain->('required-plain.pl', undef),
        'key-invalid' => $plain->('any-plain.pl', 'x' x 300),
        'request-too-large' => $nginx->request(POST => 'small-plain.pl', key => 'small', body => 'a=12345',
            headers => [browser()]),
        'key-reused' => $nginx->request(POST => 'any-plain.pl', key => 'reused', body => 'a=2', headers => [browser()]),
        'result-expired' => $plain->('large-plain.pl', 'large'),
        'script-failed' => $plain->('any-silent.pl', 'silent'),
        'script-timeout' => $plain->('late-plain.pl', 'late'),
        'script-missing' => $plain->('any-none.pl', 'none'),
        'duplicate' => $plain->('unique-plain.pl', 'unique-2'),
        'operation-unknown' => get($nginx, '/socket/any-plain.pl?_operation=' . 'a' x 32, browser()),
    );
    for my $type (sort keys %provoked) {
        like $provoked{$type}->body, qr{<dd>urn:retrysafe:problem:$type</dd>}, "$type: provoked";
        check_page($provoked{$type}, 'en', $type);
        is $provoked{$type}->header('Refresh'), undef, "$type: sends nothing by itself";
    }
    # Recorded: the language of the first press.
    my @silent = map { ask($nginx, 'any-silent.pl', 'silent-de', browser('Accept-Language' => $_)) } 'de', 'fr';
    is $silent[1]->is_replay, 1, 'a recorded problem';
    is $silent[1]->body, $silent[0]->body, 'is the same again';
    check_page($silent[0], 'de', 'it');
}

# ---- languages ----

sub check_languages {
    my $first = press($nginx, 'any-plain.pl?gate=tongues', 'tongues', browser());
    $effects->await('tongues', 'run', 10);
    my %asked = ((map { $_ => $_ } keys %WAITING), 'de-AT,de;q=0.9,en;q=0.8' => 'de', 'pt-BR,pt;q=0.9' => 'pt',
        'zh-TW,zh;q=0.9' => 'zh', 'zh-Hant' => 'zh', 'sv, fr;q=0.3, it;q=0.7' => 'it', 'sv' => 'en', '*' => 'en',
        'en;q=0, *' => 'de', 'de;q=0, fr;q=0.1' => 'fr', ';;,q=1' => 'en');
    for my $field (sort keys %asked) {
        my $language = $asked{$field};
        my $page = ask($nginx, 'any-plain.pl?gate=tongues', 'tongues', browser('Accept-Language' => $field));
        like check_page($page, $language, $field), qr/\Q$WAITING{$language}\E/, "$field: its words";
    }
    is ask($nginx, 'any-plain.pl?gate=tongues', 'tongues', 'Accept-Language' => 'de')->header('Content-Language'),
        undef, 'JSON is in English';
    $sandbox->open_gate('tongues');
    $first->read_answer;
}

# ---- the way back ----

sub check_way_back {
    my $host = 'localhost';    # that Client names
    my %way = (
        "http://HOST/shop/order.html" => '/shop/order.html',
        "https://HOST/a?b=1&c='2'#d" => '/a?b=1&amp;c=&#39;2&#39;',
        "http://HOST//evil.example/" => '/evil.example/',
        map { $_ => '/' } 'http://evil.example/HOST/', 'http://HOST.evil.example/', 'http://HOST@evil.example/',
        'javascript:alert(1)', 'http://HOST/"><script>alert(1)</script>', "http://HOST/'onclick='x' y",
        'http://HOST/\\evil.example', '', 'x' x 4000,
    );
    for my $referer (sort keys %way) {
        my $page = ask($nginx, 'required-plain.pl', undef, browser(Referer => $referer =~ s/HOST/$host/r));
        my @links = grep { !/^https:/ } $page->body =~ /href="([^"]*)"/g;
        is_deeply \@links, [$way{$referer}], substr "from $referer", 0, 60 or diag $page->raw;
        unlike $page->body, qr/<script|onclick|evil\.example\/HOST/, 'nothing of it but that';
    }
}

# ---- the operator's frame ----

sub check_template {
    my $frame = "<!DOCTYPE html><html lang='{{language}}'><title>{{ title }} at Shop</title>\n"
        . "<h1>{{title}}</h1><p>{{text}}</p>{{actions}}<b>[{{reference}}]</b></html>\n";
    $sandbox->write('conf/frame.html', $frame);
    # Control files and other wirings keep theirs: this is the gateway behind nginx.
    write_config($sandbox, routes => \@ROUTES, page_template => 'frame.html');
    my $page = ask($nginx, 'required-plain.pl', undef, browser('Accept-Language' => 'de'));
    like $page->body, qr{\A<!DOCTYPE html><html lang='de'><title>Dieses Formular konnte nicht angenommen werden at Shop</title>},
        'the frame' or diag $page->raw;
    like $page->body, qr{<p>Die Seite hat .*</p><p class="do">Gehen Sie zurück.*<details>.*</details>\n<b>\[\]</b>}s,
        'filled in, without a reference';
    is $page->header('Content-Security-Policy'), undef, "what it loads is the operator's choice";
    my ($result) = do {
        my $first = press($nginx, 'any-plain.pl?gate=framed', 'framed', browser());
        $effects->await('framed', 'run', 10);
        $page = ask($nginx, 'any-plain.pl?gate=framed', 'framed', browser());
        like $page->body, qr{<b>\[$REF\]</b>}, 'the reference';
        my ($seconds, $url) = refresh_of($page);
        ok $url, 'the waiting page leads on in this frame, too';
        $sandbox->open_gate('framed');
        $first->read_answer;
        wait_until { ($page = get($nginx, $url, browser()))->status != 202 } 10;
        $page->body;
    };
    is $result, "<p>done</p>\n", 'to the result';
    like ask($nginx, 'any-silent.pl', 'silent-framed', browser())->body, qr/at Shop/, 'a recorded problem is framed';

    for (['{{text}}{{refrence}}', 'did you mean {{reference}}?'], ['<p>x', 'has no {{text}}'],
        ['{{text}}' . ' ' x (256 * 1024), 'larger than 256 KiB']) {
        my ($wrong, $says) = @$_;
        $sandbox->write('conf/wrong.html', $wrong);
        write_config($sandbox, routes => \@ROUTES, page_template => 'wrong.html');
        $page = ask($nginx, 'any-plain.pl', 'wrong', browser());
        is $page->status, 500, "$says: refused";
        like $page->body, qr{<dd>urn:retrysafe:problem:configuration</dd>}, 'as a mistake of the configuration';
        ok scalar(grep { /\Q$says\E/ && /page_template.*wrong\.html/ } $sandbox->logs), 'and the log says which';
    }
    write_config($sandbox, routes => \@ROUTES);
}
