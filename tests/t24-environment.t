# Claim: in every wiring a script gets what the gateway tells it and nothing of the gateway's own:
# environment, descriptors, signals, umask, session and standard input are clean, and its complaints
# are in the server's error log, marked with the ref; no key or credential is.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Effects;
use Gateway qw(start_gateway verb);
use JSON::PP qw(decode_json);
use Process qw(wait_until stop_process);
use Sandbox;
use Site;
use Test::More;

my $BODY = join '', map { chr } 0 .. 255;

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
my $n = 0;
my %downstream;

# Our own gateway gets an environment that must not reach a script.
stop_process($site->gateway);
my $dirt = 'trap "" INT HUP USR2 XFSZ; umask 027; exec 7</etc/passwd 9>/dev/null; exec "$@"';
start_gateway(
    $sandbox,
    name => 'dirty',
    env => { CANARY => 1, LD_CANARY => 1, HTTP_PROXY => 'http://evil.example/', HTTP_CANARY => 1,
        IDEMPOTENCY_KEY => 'canary', REMOTE_USER => 'canary', PERL5OPT => '-MCANARY' },
    wrapper => ['/bin/bash', '-c', $dirt, 'bash'],
);

my %bare = map { $_ => view($site->bare($_)->request(POST => 'env.pl', body => $BODY)) }
    qw(lighttpd apache);
my %umask = map { $_ => $bare{$_}{umask} } keys %bare;

subtest $_->name => \&check_wiring, $_ for $site->wirings;
subtest 'the logs' => sub {
    my @logs = $sandbox->logs;
    cmp_ok scalar(@logs), '>', 50, 'there are some';
    is scalar(grep { /secret-(?:key|token|body)/ } @logs), 0, 'neither key nor credential nor body';
};
$sandbox->finish;

# What env.pl saw.
sub view {
    my ($answer) = @_;
    return eval { decode_json($answer->body) } // do { diag 'env.pl: ', $answer->raw; {} };
}

sub check_wiring {
    my ($wiring) = @_;
    my @headers = (Proxy => 'http://evil.example/', 'Content-Type' => 'text/x-test',
        Authorization => 'Bearer secret-token', 'Idempotency-Operation' => 'evil');
    my $key = 'secret-key-' . ++$n;
    my $seen = view($wiring->request(POST => 'env.pl?a=%20b', key => $key, body => $BODY,
        headers => \@headers));
    check_process($wiring, $seen);
    ok $seen->{stdin_seekable}, 'standard input can be read twice';
    check_told($seen->{env}, $key);
    check_names($wiring, $seen->{env});

    for my $method ('POST', 'GET') {
        my $passed = view($wiring->request($method => 'env.pl', headers => \@headers,
            $method eq 'POST' ? (body => $BODY) : ()));
        check_process($wiring, $passed, $method eq 'GET');
        is_deeply [grep { /^IDEMPOTENCY_/ } keys %{ $passed->{env} }], [],
            "$method that passes through: nothing is told";
        check_names($wiring, $passed->{env});
    }
    check_complaints($wiring);
}

# Everything but the environment.
sub check_process {
    my ($wiring, $seen, $has_no_body) = @_;
    my $body = $has_no_body ? '' : $BODY;
    is $seen->{body_sha256}, sha256_hex($body), 'the body is right';
    ok $seen->{stdin_ends}, 'and ends';
    is_deeply [sort keys %{ $seen->{fd} }], [0, 1, 2], 'no descriptors but 0, 1, 2'
        or diag explain $seen->{fd};
    is_deeply [@$seen{qw(signals_ignored signals_blocked)}], [[], []], 'signals are clean';
    ok $seen->{leads_session} && $seen->{leads_group}, 'it leads its own session';
    my $is_own = $wiring->prefix =~ /\A(?:socket|split|proxy|proxypass)\z/;
    is $seen->{umask}, $is_own ? '0027' : $umask{ $wiring->kind }, 'the umask as without us';
}

sub check_told {
    my ($env, $key) = @_;
    is $env->{IDEMPOTENCY_KEY}, $key, 'IDEMPOTENCY_KEY';
    is $env->{IDEMPOTENCY_ATTEMPT}, '1', 'IDEMPOTENCY_ATTEMPT';
    my ($exit, $operation) = verb($sandbox, 'show', $env->{IDEMPOTENCY_OPERATION});
    is_deeply [$exit, $operation->{ref}, $operation->{state}],
        [0, $env->{IDEMPOTENCY_OPERATION}, 'done'], 'IDEMPOTENCY_OPERATION is its ref';
    my $uuid = $env->{IDEMPOTENCY_DOWNSTREAM_KEY} // '';
    # RFC 9562: its version and variant.
    like $uuid, qr/\A[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/,
        'IDEMPOTENCY_DOWNSTREAM_KEY is a UUID';
    ok !$downstream{$uuid}++, 'that no other operation has';
}

# Only what the script gets without us, what the server sends to a gateway, and what we tell it.
sub check_names {
    my ($wiring, $env) = @_;
    my $bare = $bare{ $wiring->kind eq 'nginx' ? 'lighttpd' : $wiring->kind }{env};
    my %is_known = map { $_ => 1 } (
        keys %$bare, map({ "IDEMPOTENCY_$_" } qw(KEY OPERATION ATTEMPT DOWNSTREAM_KEY)),
        # The fields that this test sends, and what servers send to gateways only.
        qw(HTTP_AUTHORIZATION HTTP_IDEMPOTENCY_KEY HTTP_IDEMPOTENCY_OPERATION CONTENT_TYPE),
        qw(REDIRECT_STATUS PATH DOCUMENT_URI REQUEST_SCHEME REMOTE_USER HTTP_CONNECTION),
    );
    is_deeply [grep { !$is_known{$_} } sort keys %$env], [], 'nothing more in its environment';
    is_deeply [grep { /PROXY|CANARY|RETRYSAFE|TEST_SANDBOX|PERL5OPT/i } keys %$env], [],
        'nothing that is ours or dangerous';
    isnt $env->{REMOTE_USER} // '', 'canary', 'not our REMOTE_USER';
}

sub check_complaints {
    my ($wiring) = @_;
    my $key = 'secret-key-' . ++$n;
    my $answer = $wiring->request(POST => 'stderr.pl', key => $key, body => 'secret-body');
    is $answer->status, 200, 'a script that complains' or diag $answer->raw;
    my ($event) = $effects->events($key);
    my $nonce = $event->[2];
    my $log = $wiring->kind . ($wiring->prefix =~ /\A(?:cgi|control)\z/ ? '-script' : '-error');
    for my $number ('one', 'two', 'three') {
        ok wait_until { grep { /retrysafe [0-9a-f]{32}: complaint $number $nonce/ }
            split /^/, $sandbox->read("run/$log.log") }, "complaint $number is in $log.log, marked"
            or diag join "\n", grep { /complaint/ } $sandbox->logs(5);
    }
}
