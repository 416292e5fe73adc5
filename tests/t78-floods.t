# Claim: a script that writes errors without end delays neither the answer that is due by soft_timeout
# nor other requests, and does not fill the log once no request waits for it.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(fastcgi_request params);
use Gateway qw(write_config start_gateway socket_path verb);
use Process qw(stop_process wait_until);
use Sandbox;
use Test::More;
use Time::HiRes qw(time);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
$sandbox->place_scripts('bare');
chmod 0755, $sandbox->write('www/bare/complain.pl', <<'END');
#!/usr/bin/perl
# Complains for four seconds, as fast as it is heard.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;
my ($nonce, $until) = (Effect::nonce(), time + 4);
Effect::record($nonce, 'run');
print STDERR 'x' x 1000, "\n" while time < $until;
print "Content-Type: text/plain\n\ndone\n";
END
write_config($sandbox, routes => [{ match => '*', soft_timeout => '500ms' }]);
my $gateway = start_gateway($sandbox);

sub ask {
    my ($script, $key) = @_;
    return fastcgi_request(socket_path($sandbox), body => 'a=1', params =>
        [params(script => $sandbox->path("www/bare/$script"), key => $key, body => 'a=1')])->{response};
}

my $began = time;
my $answer = ask('complain.pl', 'flood');
is_deeply [$answer->status, $answer->problem], [409, 'in-progress'], 'answered before its end'
    or diag $answer->raw;
cmp_ok time - $began, '<', 3.5, 'while it still complains';
is ask('effect.pl', 'other')->status, 200, 'others are served meanwhile';
ok wait_until(sub { my $a = ask('complain.pl', 'flood'); $a->is_replay }, 15), 'its result is recorded';
is $effects->runs('flood'), 1, 'one run';
my $log = -s $sandbox->path('log/gateway');
cmp_ok $log, '<', 3_000_000, 'the log did not grow without end' or diag $log;
like $sandbox->read('log/gateway'), qr/the rest of a script's error output is dropped/, 'and says so';
stop_process($gateway);
$sandbox->finish;
