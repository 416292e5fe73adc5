# Claim: the first request of all may have a body that does not stay in memory, also where nothing
# but CGI requests makes the store and its spool.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Gateway qw(write_config);
use Sandbox;
use Test::More;

my $sandbox = Sandbox->new;
my $config = write_config($sandbox, spool => $sandbox->path('store') . '/spool',
    allow_root => JSON::PP::true); # this test runs the program itself
my $script = $sandbox->write('www/first.sh', "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nwc -c\n");
my $body = $sandbox->write('body', 'x' x 2_000_000);

chmod 0755, $script;
chown $>, -1, $sandbox->path('store');
for my $then ('', 'a replay') {
    my $raw = ask();
    is $raw =~ /\AStatus: (\d+)/ ? $1 : 0, 200, 'a large body' . ($then && ", $then") or diag $raw;
    is $raw =~ /^Idempotent-Replayed: true\r$/m ? 'a replay' : '', $then, '... as it should be';
    like $raw, qr/\r\n\r\n2000000\b/, '... all of it';
}
$sandbox->finish;

sub ask {
    my @variables = (
        'PATH=/usr/bin:/bin', 'GATEWAY_INTERFACE=CGI/1.1', 'SERVER_PROTOCOL=HTTP/1.1', 'REQUEST_METHOD=POST',
        'SCRIPT_NAME=/first.sh', "SCRIPT_FILENAME=$script", 'CONTENT_LENGTH=2000000',
        'HTTP_IDEMPOTENCY_KEY=first', "RETRYSAFE_CONFIG=$config",
    );
    my $program = $sandbox->binary . '.cgi';
    open my $from, '-|', 'sh', '-c', 'f=$1; shift; exec env -i "$@" <"$f" 2>/dev/null', 'sh', $body, @variables, $program, $script
        or die "$program: $!\n";
    local $/;
    return scalar <$from>;
}
