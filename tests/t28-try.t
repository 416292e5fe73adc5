# Claim: `retrysafe try` says of a URL whether its script is protected: one run and one replay in each
# wiring, two runs without us, and where nothing was learned it says so; and it shows both answers.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Gateway qw(write_config start_gateway);
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Process qw(stop_process wait_until);
use Sandbox;
use Site;
use Test::More;

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
my $build = $ENV{RETRYSAFE_BUILD} // 'build';
$build = $sandbox->root . "/$build" if $build !~ m{\A/};
my $n = 0;

subtest $_->name => \&check_wiring, $_ for $site->wirings;
subtest "$_ without us" => \&check_bare, $_ for qw(lighttpd apache);
subtest 'what retrysafe refuses' => \&check_refused;
subtest 'what proves nothing' => \&check_unknown;
subtest 'no answer' => \&check_no_answer;
subtest 'what it shows' => \&check_show;
subtest 'the command line' => \&check_command_line;
$sandbox->finish;

# Exit status, standard output, standard error.
sub try_url {
    my (@arguments) = @_;
    my ($out, $error) = map { $sandbox->path('log', "try-$_-" . ++$n) } qw(out err);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $out and open STDERR, '>', $error or die;
        exec "$build/retrysafe", 'try', @arguments or die "exec: $!\n";
    }
    waitpid $pid, 0;
    return ($? >> 8, map { Process::contents($_) } $out, $error);
}

sub try_json {
    my ($exit, $out) = try_url('--json', @_);
    return ($exit, eval { decode_json($out) } // { text => $out });
}

sub url { my ($wiring, $script) = @_; return 'http://127.0.0.1:' . $wiring->port . '/' . $wiring->prefix . "/$script" }

sub check_wiring {
    my ($wiring) = @_;
    my ($exit, $got) = try_json(url($wiring, 'effect.pl'), '-d', 'a=1', '-d', 'b=2');
    is_deeply [$exit, @$got{qw(verdict text fix)}], [0, 'protected', 'protected: one run, one replay', undef], 'protected';
    is_deeply [map { $got->{$_}{status}, $got->{$_}{replayed} ? 1 : 0 } qw(first retry)], [200, 0, 200, 1], 'the answers';
    is $effects->runs($got->{key}), 1, 'one run';
}

sub check_bare {
    my ($kind) = @_;
    my ($exit, $got) = try_json(url($site->bare($kind), 'effect.pl'), '-d', 'a=1');
    is_deeply [$exit, $got->{verdict}], [1, 'not-protected'], 'not protected';
    like $got->{text}, qr/\Anot protected: two runs/, 'it says so';
    like $got->{fix}, qr/retrysafe snippet.*route.*match/, 'and where to look';
    is $effects->runs($got->{key}), 2, 'two runs';
}

sub check_refused {
    my ($wiring) = grep { $_->kind eq 'nginx' } $site->wirings;
    my ($exit, $got) = try_json(url($wiring, 'effect.pl'), '-H', 'Idempotency-Key: two-keys');
    is_deeply [$exit, $got->{verdict}, $got->{first}{problem}], [1, 'refused', 'key-invalid'], 'two keys';
    like $got->{text}, qr/nothing ran/, 'nothing ran';
    ($exit, $got) = try_json(url($wiring, 'die.pl'));
    is_deeply [$exit, $got->{verdict}, $got->{first}{problem}, $got->{retry}{problem}],
        [0, 'protected', 'script-failed', 'outcome-uncertain'], 'a script that dies is not run again';
    like $got->{text}, qr/one run, whose outcome is not known/, 'and it says what that means';
}

sub check_unknown {
    for my $row ([404, qr/no script there/], [405, qr/no script there/], [302, qr/redirect/], [401, qr/credentials/],
        [403, qr/credentials/], [500, qr/without a word/], [503, qr/no gateway/]) {
        my ($status, $text) = @$row;
        my $server = tiny_server($status);
        my ($exit, $got) = try_json("http://127.0.0.1:$server->{port}/x");
        is_deeply [$exit, $got->{verdict}, $got->{first}{status}], [1, 'unknown', $status], "$status: not known";
        like $got->{text}, $text, 'it says why';
        stop_process($server->{pid});
    }
}

# Answers each connection with the status and more header fields.
sub tiny_server {
    my ($status, @more) = @_;
    my $listener = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";
    return { port => $listener->sockport, pid => $pid } if $pid;
    while (my $client = $listener->accept) {
        local $/ = "\r\n\r\n";
        <$client>;
        print $client join "\r\n", "HTTP/1.1 $status Text", 'Content-Length: 0', 'Connection: close', @more, '', '';
        close $client;
    }
    POSIX::_exit(0);
}

sub check_no_answer {
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
    my $port = $listener->sockport;
    close $listener;
    my ($exit, $got) = try_json("http://127.0.0.1:$port/x");
    is_deeply [$exit, $got->{verdict}, $got->{retry}], [111, 'unknown', undef], 'no server: not known';
    ok $got->{first}{error}, 'and the error';
}

sub check_show {
    my ($wiring) = $site->wirings;
    my ($exit, $out) = try_url(url($wiring, 'effect.pl'), '-d', 'a=1');
    is $exit, 0, 'protected';
    my @lines = split /\n/, $out;
    is $lines[0], 'protected: one run, one replay', 'the verdict comes first';
    like $out, qr/^first +\| retry, with the same key$/m, 'two columns';
    like $out, qr/^HTTP\S* 200 .*\| HTTP\S* 200/m, 'with both answers side by side';
    like $out, qr/\| Idempotent-Replayed: true$/m, 'the mark';
    is scalar(grep { length > 80 } @lines), 0, 'no line is longer than 80 columns';
    my $evil = tiny_server(200, "Content-Type: \e[2Jtext/\x07evil");
    ($exit, $out) = try_url("http://127.0.0.1:$evil->{port}/x");
    stop_process($evil->{pid});
    like $out, qr/Content-Type: \\x1b\[2Jtext/, 'control characters are shown';
    unlike $out, qr/[\x00-\x09\x0b-\x1f]/, 'and do nothing';
}

sub check_command_line {
    for my $row ([[], qr/\Ausage: /], [['http://x/', 'http://y/'], qr/\Ausage: /], [['--what', 'http://x/'], qr/what/],
        [['-H', 'no-colon', 'http://x/'], qr/write 'Name: value'/], [['ftp://x/'], qr/no URL of http/]) {
        my ($arguments, $error) = @$row;
        my ($exit, $out, $said) = try_url(@$arguments);
        is_deeply [$exit, $out], [100, ''], "@$arguments: an error";
        like $said, $error, 'that is named';
    }
    my ($exit, $out) = try_url('--help');
    is $exit, 0, 'help';
    like $out, qr/\Ausage: retrysafe try URL/, 'says how';
    like `ldd "$build/retrysafe-doctor"`, qr/libcurl/, 'the program beside it loads libcurl';
    unlike `ldd "$build/retrysafe"`, qr/libcurl/, 'retrysafe does not';
}
