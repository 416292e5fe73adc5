# Claim: what is not protected is streamed in both directions without a byte changed, stored or kept
# in memory, whatever the script does with its body and its output, and a client that leaves frees
# the worker at once.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Digest::SHA qw(sha256_hex);
use Effects;
use FastCgi qw(:all);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP qw(decode_json);
use Process qw(wait_until stop_process);
use Sandbox;
use Site;
use Test::More;
use Time::HiRes ();

my $MIB = 1 << 20;
my $AT_ONCE = 2;

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
my $socket = socket_path($sandbox);

subtest $_->name => \&check_server, $_ for $site->wirings;
ok !-e $sandbox->path('store/retrysafe.db'), 'nothing of this is stored, nor is there a store';

# From here on with one worker: if it is not free, the next request shows it.
# No store, and no spool, is there yet.
{
    my $body = 'c' x (12 * $MIB);
    my $answer = fastcgi_request($socket, body => $body, seconds => 20, params => [
        params(script => $sandbox->path('www/bare/digest.pl'), more => [HTTP_TRANSFER_ENCODING => 'chunked'])]);
    like $answer->{stdout}, qr/\n@{[length $body]} @{[sha256_hex($body)]}\n\z/, '12 MiB in chunks';
}
ok stop_process($site->gateway), 'the gateway ends';
subtest 'what may be held' => \&check_limits;
write_config($sandbox, workers => 1, max_passing => 1);
my $gateway = start_gateway($sandbox, name => 'gateway-1');
my ($keeper) = children_of($gateway);
my $n_posts = 0;

subtest 'the output arrives while the script runs' => \&check_output;
subtest 'the body arrives while it is sent' => \&check_input;
subtest 'not a byte is changed' => \&check_bytes;
subtest 'an upload of 64 MiB' => \&check_upload;
subtest 'a download of 200 MiB' => \&check_download;
subtest 'a slow reader of much' => \&check_held;
subtest 'scripts that do as they like' => \&check_scripts;
subtest 'a client that leaves' => \&check_leaving;
subtest 'a server that is late with the end of no body' => \&check_late_end;
subtest 'protected after unprotected' => \&check_mixture;
is scalar(operations()), $n_posts, 'only what is protected is in the store';
$sandbox->finish;

sub operations {
    my ($exit, @operations) = verb($sandbox, 'list', '--limit', '1000');
    return @operations;
}

sub children_of {
    my ($pid) = @_;
    return grep { Process::contents("/proc/$_/stat") =~ /\) \S \Q$pid\E / } $sandbox->gateways;
}

# ---- through the servers ----

sub check_server {
    my ($wiring) = @_;
    my @pieces = ('abc', 'd' x 20000, 'e' x 300_000);
    my $seen = decode_json($wiring->request(POST => 'env.pl', chunks => \@pieces)->body);
    is $seen->{env}{CONTENT_LENGTH}, 320_003, 'chunks get a CONTENT_LENGTH';
    is $seen->{body_sha256}, sha256_hex(join '', @pieces), 'the body of chunks';

    my $runs = $effects->runs;
    my $head = $wiring->request(HEAD => 'effect.pl?bytes=5000', key => 'key');
    is_deeply [$head->status, $head->body, length $head->raw < 2000], [200, '', 1], 'HEAD';
    my $options = $wiring->request(OPTIONS => 'effect.pl', key => 'key');
    is $options->status, 200, 'OPTIONS' or diag $options->raw;
    like $options->body, qr/^nonce/, 'comes from the script';
    is $effects->runs, $runs + 2, 'both ran';

    # nginx stops sending a body when the answer begins; a body this large is then not sent to its end.
    my $body = 'u' x (8 * $MIB);
    for my $row (['noread.pl', qr/\Anot read, \w+\n\z/],
            ['bigfirst.pl', qr/\n\w+ @{[length $body]} @{[sha256_hex($body)]}\n\z/]) {
        my ($script, $wanted) = @$row;
        # mod_cgid reads no output before it has sent the body, with us and without.
        next if $script eq 'bigfirst.pl' && $wiring->name =~ /mod_cgid|Action/;
        my $answer = $wiring->request(POST => $script, body => $body, seconds => 10);
        like substr($answer->body, -200), $wanted, "$script and 8 MiB";
        ok $answer->{complete}, 'to its end';
    }

    $runs = $effects->runs;
    my @answers = crowd(50, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        my $answer = $wiring->request(GET => 'effect.pl?bytes=70000', key => 'key');
        return $answer->status . ' ' . sha256_hex($answer->body) . ' ' . length $answer->body;
    });
    is scalar(grep { /^200 \w+ 700\d\d$/ } @answers), 50, '50 GETs at once'
        or diag join "\n", sort @answers;
    my %different = map { $_ => 1 } @answers;
    is keys %different, 50, '50 answers';
    is $effects->runs, $runs + 50, '50 runs';
}

# ---- spoken directly ----

# A request whose body is still to come; takes what FastCgi::params() takes.
sub open_request {
    my ($script, %how) = @_;
    my $conn = FastCgi->connect($socket);
    my @params = params(script => $sandbox->path("www/bare/$script"), %how);
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''));
    return $conn;
}

# A whole request; the answer as FastCgi.pm has it.
sub ask {
    my ($script, %how) = @_;
    my @params = params(script => $sandbox->path("www/bare/$script"), %how);
    return fastcgi_request($socket, params => \@params, body => $how{body}, seconds => 10);
}

# Takes records off until $is_enough->($answer), at most ten seconds; returns the answer so far.
sub read_some {
    my ($conn, $is_enough) = @_;
    my %answer = (stdout => '', stderr => '', other => [], broken => '', ended => '');
    wait_until {
        $conn->take_in;
        1 while $conn->take_record(\%answer);
        $is_enough->(\%answer) || $conn->{ended};
    };
    return \%answer;
}

sub worker_is_free {
    my ($what) = @_;
    my $answer;
    # With max_passing 1 the next one is refused until the one before is over.
    wait_until {
        $answer = eval { ask('effect.pl', method => 'GET') };
        $answer->{response} && $answer->{response}->status == 200;
    } $AT_ONCE;
    is $answer->{response} && $answer->{response}->status, 200, "$what: the next one is served";
}

sub check_output {
    my $conn = open_request('stream.pl', method => 'GET', query => 'gate=output');
    $conn->send(record(STDIN_DATA, 1, ''));
    my $answer = read_some($conn, sub { $_[0]{stdout} =~ /first/ });
    like $answer->{stdout}, qr/\AContent-Type: text\/plain\r\n\r\nfirst \w+\n\z/, 'the first line';
    ok !defined $answer->{app_status}, 'before the end';
    $sandbox->open_gate('output');
    is $conn->read_answer->{stdout}, "last\n", 'then the last';
}

sub check_input {
    my $conn = open_request('stream.pl', body => 'x' x 300_000);
    for my $got (100_000, 200_000, 300_000) {
        $conn->send(stream(STDIN_DATA, 1, 'x' x 100_000));
        ok $effects->await('-', "got-$got", 10), "$got bytes are there before more is sent";
    }
    # A server that has the beginning of an answer may send no more of the body.
    $conn->take_in;
    is length $conn->{in}, 0, 'no output leaves before the end of the body';
    $conn->send(record(STDIN_DATA, 1, ''));
    my $answer = $conn->read_answer;
    like $answer->{stdout}, qr/\AContent-Type: .*first \w+\n(?:got \d+\n)+got 300000\nlast\n\z/s, 'then all of it';
    is $answer->{app_status}, 0, 'and it ends';
}

# More than a route keeps, and more than may be held early.
sub check_limits {
    my @chunked = params(script => $sandbox->path('www/bare/digest.pl'),
        more => [HTTP_TRANSFER_ENCODING => 'chunked']);
    my $digest = sha256_hex('c' x 300_000);
    write_config($sandbox, max_passed => '1M', routes => [{ match => '*', max_request => '100K' }]);
    my $gateway = start_gateway($sandbox, name => 'gateway-limits');
    my ($passed, $refused) = map { fastcgi_request($socket, params => \@chunked, body => 'c' x $_, seconds => 10) }
        300_000, 2 * $MIB;
    like $passed->{stdout}, qr/\n300000 $digest\n\z/, 'chunks over max_request';
    is $refused->{response}->status . ' ' . $refused->{response}->problem, '413 request-too-large',
        'chunks over max_passed';
    # 1 MiB and its head are more than is held; the script gets its body all the same.
    like substr(ask('bigfirst.pl', body => 'z' x (3 * $MIB))->{stdout}, -90), qr/ 3145728 \w{64}\n\z/,
        'early output over max_passed';
    ok stop_process($gateway), 'the gateway ends';
}

sub check_bytes {
    my $all = join '', map { chr } 0 .. 255;
    for my $body ('', "\0\r\n\0", $all x 10, $all x 2000) {
        my $answer = ask('binary.pl', body => $body);
        my ($nonce) = $answer->{stdout} =~ /^X-Nonce: (\w+)/m;
        my $wanted = "Content-Type: application/octet-stream\r\nX-Nonce: $nonce\r\n\r\n$all$body";
        ok $answer->{stdout} eq $wanted, length($body) . ' bytes there and back';
    }
    for my $row ('nph', 'folded', 'chunked', 'short-length', 'dup', 'bare-lf', 'no-header') {
        my ($one, $two) = map { ask('response.pl', method => $_, query => "row=$row", body => '') }
            'GET', 'POST';
        my $text = $one->{stdout} =~ s/[0-9a-f]{16}/N/r;
        is $text, $two->{stdout} =~ s/[0-9a-f]{16}/N/r, "$row: GET and POST alike";
        unlike $text, qr/\A(?:Status: 50|\z)/, 'as the script wrote it';
    }
    my $empty = ask('response.pl', method => 'GET', query => 'row=empty');
    is $empty->{response}->status . ' ' . $empty->{response}->problem, '502 script-failed',
        'a script that says nothing';
}

# Resident KiB of gateway and keeper.
sub resident {
    my $sum = 0;
    Process::contents("/proc/$_/status") =~ /^VmRSS:\s+(\d+)/m and $sum += $1 for $gateway, $keeper;
    return $sum;
}

sub is_flat {
    my ($before, @seen) = @_;
    my ($most) = sort { $b <=> $a } @seen;
    cmp_ok $most - $before, '<', 2048, "memory is flat ($before KiB, at most $most)";
}

sub check_upload {
    my $digest = Digest::SHA->new(256);
    my $block = join '', map { pack 'N', $_ * 2654435761 & 0xffffffff } 1 .. $MIB / 4;
    worker_is_free('before');
    my $before = resident();
    my @seen;

    my $conn = open_request('digest.pl', more => [CONTENT_LENGTH => 64 * $MIB]);
    for my $i (1 .. 64) {
        substr $block, 0, 4, pack 'N', $i;
        $digest->add($block);
        $conn->send(stream(STDIN_DATA, 1, $block));
        push @seen, resident();
    }
    $conn->send(record(STDIN_DATA, 1, ''));
    my $wanted = 64 * $MIB . ' ' . $digest->hexdigest;
    like $conn->read_answer->{stdout}, qr/\n$wanted\n\z/, 'all of it';
    is_flat($before, @seen, resident());
}

sub check_download {
    my $bytes = 200 * $MIB;
    my ($got, $wanted) = map { Digest::SHA->new(256) } 1, 2;
    my $block = (join '', map { chr } 0 .. 255) x 4096;
    $wanted->add($block) for 1 .. 200;
    my $before = resident();
    my ($length, @seen) = (0);

    my $conn = open_request('toobig.pl', method => 'GET', query => "bytes=$bytes");
    $conn->send(record(STDIN_DATA, 1, ''));
    my $head = '';
    my %answer = (stdout => '', stderr => '', other => [], broken => '');
    my $select = IO::Select->new($conn->{socket});
    until (defined $answer{app_status} || $conn->{ended}) {
        $select->can_read(10) or last;
        $conn->take_in;
        1 while $conn->take_record(\%answer);
        my $new = substr $answer{stdout}, 0, length $answer{stdout}, '';
        if ($length == 0 && $head !~ /\r\n\r\n/) {
            $head .= $new;
            $new = $head =~ s/(?<=\r\n\r\n)(.*)\z//s ? $1 : '';
        }
        push @seen, resident() if int(($length + length $new) / $MIB) > int($length / $MIB);
        $length += length $new;
        $got->add($new);
    }
    like $head, qr/\AStatus: 201 Created\r\n/, 'the header as it was';
    is $length, $bytes, 'all of it';
    is $got->hexdigest, $wanted->hexdigest, 'as it was';
    is_flat($before, @seen, resident());
}

# The room of what a slow reader has taken is free again.
sub check_held {
    my $conn = open_request('toobig.pl', method => 'GET', query => 'bytes=' . 60 * $MIB);
    $conn->send(record(STDIN_DATA, 1, ''));
    my ($largest, $held) = (0, 0);
    my $look = sub {
        for my $file (glob "/proc/$gateway/fd/*") {
            next if (readlink $file // '') !~ /deleted/;
            my ($size, $blocks) = (stat $file)[7, 12];
            $largest = $size if $size > $largest;
            $held = $blocks * 512 if $blocks * 512 > $held;
        }
    };
    wait_until { $look->(); $largest > 15 * $MIB } 10;
    my $taken = 0;
    while (!$conn->{ended}) {
        my $before = length $conn->{in};
        $conn->take_in for 1 .. 64;
        $look->();
        last if length $conn->{in} == $before && $taken++ > 200;
        select undef, undef, undef, 0.005;
    }
    my $answer = $conn->read_answer(20);
    is length $answer->{response}->body, 60 * $MIB, 'it gets every byte';
    cmp_ok $largest, '>', 15 * $MIB, 'of what was held for it';
    cmp_ok $held, '<', 24 * $MIB, 'in room for what it had not taken';
    worker_is_free('after a slow reader');
}

# Each with 3 MiB that few of them read.
sub check_scripts {
    my $body = 'z' x (3 * $MIB);
    my $digest = sha256_hex($body);
    my $flood = join '', map { "flood $_ " . 'x' x 80 . "\n" } 1 .. 11000;
    my @rows = (
        ['ignores its body', 'noread.pl', qr/\nnot read, \w+\n\z/],
        ['writes before it reads', 'bigfirst.pl', qr/\n\w{16} 3145728 $digest\n\z/],
        ['floods standard error', 'errflood.pl', qr/\nflooded, \w+\n\z/],
        ['leaves a process on standard output', 'grandchild.pl', qr/\nthe script is done, \w+\n\z/],
        ['leaves a process on both', 'heir.pl', qr/\nthe script is done, \w+\n\z/],
        ['closes standard output early', 'early.pl', qr/\nearly \w+\n\z/],
    );
    for my $row (@rows) {
        my ($what, $script, $wanted) = @$row;
        my $started = Time::HiRes::time();
        my $answer = ask($script, body => $body);
        like substr($answer->{stdout}, -200), $wanted, "$what: answered";
        is $answer->{app_status}, 0, 'to its end';
        cmp_ok Time::HiRes::time() - $started, '<', $AT_ONCE, 'at once';
        ok $answer->{stderr} eq $flood, 'and all of its standard error' if $script eq 'errflood.pl';
        worker_is_free($what);
    }
    $sandbox->open_gate($_) for qw(grandchild heir early);
    ok wait_until { (grep { $_->[3] eq 'end' } $effects->events)[0] },
        'what goes on after its answer comes to its end';
    ok wait_until { !scripts() }, 'no process is left';
}

sub scripts {
    my $dir = $sandbox->path('www');
    return grep { Process::contents("/proc/$_/cmdline") =~ /\Q$dir\E/ } $sandbox->processes;
}

sub check_leaving {
    for my $row (['while it is silent', 'stream.pl', 'gate=leave', qr/first/],
        ['while it writes', 'toobig.pl', 'bytes=' . 100 * $MIB, qr/Status/]) {
        my ($what, $script, $query, $seen) = @$row;
        my $conn = open_request($script, method => 'GET', query => $query);
        $conn->send(record(STDIN_DATA, 1, ''));
        like read_some($conn, sub { $_[0]{stdout} =~ $seen })->{stdout}, $seen, "$what: it runs";
        $conn->leave('fin');
        worker_is_free($what);
    }
    my $conn = open_request('digest.pl', more => [CONTENT_LENGTH => 64 * $MIB]);
    $conn->send(stream(STDIN_DATA, 1, 'x' x $MIB));
    $conn->leave('fin');
    worker_is_free('while it sends');
    wait_until { scripts() == 1 } 10;    # a worker that is free has not waited for its script's end
    is scalar(scripts()), 1, 'the silent script is left alone, and it alone';
    $sandbox->open_gate('leave');
    ok wait_until { !scripts() }, 'no process is left';
}

# mod_proxy_fcgi asks for a reply before it sends the empty record that ends a body; a connection that is
# closed before would be an error to it.
sub check_late_end {
    my $conn = FastCgi->connect($socket);
    my @params = params(script => $sandbox->path('www/bare/effect.pl'), method => 'GET');
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''));
    my $answer = $conn->read_answer;
    is $answer->{response}->status, 200, 'it has its answer';
    select undef, undef, undef, 0.1;
    ok $conn->send(record(STDIN_DATA, 1, '')), 'and can still send the end';
    $conn->take_in for 1 .. 3;
    isnt $conn->{ended}, 'reset', 'without an error';
}

# What one run leaves on the channel to the keeper must never be taken for the next one's.
sub check_mixture {
    my @wrong;
    for my $i (1 .. 60) {
        my $talk = ask('stderr.pl', method => 'GET');
        push @wrong, "standard error: $talk->{stderr}"
            if $talk->{stderr} !~ /\Acomplaint one .*^complaint two .*^complaint three .*end\z/ms;
        my $get = ask('effect.pl', method => 'GET');
        my $post = ask('effect.pl', key => "mix-$i", body => 'a=1');
        $n_posts++;
        push @wrong, $post->{stdout}
            if $post->{response}->status != 200 || $post->{response}->is_replay
            || $post->{response}->body eq $get->{response}->body || $post->{stderr} ne '';
    }
    is "@wrong", '', 'every run gets its own answer';
    is scalar(grep { /^mix-/ } map { $_->[0] } $effects->events), 60, 'and ran once';
}
