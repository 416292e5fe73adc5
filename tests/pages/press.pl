# Claim: in a real browser two presses of a form's button, the second while the first is being carried
# out, show the waiting page, which becomes the script's page by itself; the script ran once.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Process qw(wait_until);
use Sandbox;
use Site;
use Test::More;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, 'nginx', { routes => [
    { match => '*/slow.pl', key_from => ['form:key'], soft_timeout => '20s' }, { match => '*' }] });
my $nginx = $site->wiring('nginx');
$sandbox->write('www/form.html', <<'END');
<!DOCTYPE html><html lang="de"><title>Form</title>
<form method="post" action="/socket/slow.pl?gate=press">
<input type="hidden" name="key" value="press"><button>Pay</button></form></html>
END
my $out = $sandbox->path('log/browser');
my $url = 'http://127.0.0.1:' . $nginx->port . '/form.html';
my $browser = $sandbox->start(name => 'browser', user => scalar getpwuid $>,
    env => { map { $_ => $ENV{$_} } qw(NODE_PATH BROWSER PATH) },
    command => ['/usr/bin/env', 'node', $sandbox->root . '/tests/pages/look.mjs', 'press', $url]);

sub says { my ($pattern) = @_; scalar grep { $_ =~ $pattern } split /\n/, Process::contents($out) }
ok wait_until(sub { says(qr/^waits: /) }, 100), 'the waiting page is there';
ok says(qr/^waits: de Der Vorgang läuft$/), "in the browser's language";
is $effects->runs('press'), 1, 'it runs once';
$sandbox->open_gate('press');
ok wait_until(sub { says(qr/^ends: /) }, 90), 'it becomes something else';
ok says(qr{^ends: slow [0-9a-f]{16}$}), "the script's page" or diag Process::contents($out);
ok says(qr{^way back: /(?!/)}), 'and has led back into the site';
is $effects->runs('press'), 1, 'one run';
waitpid $browser, 0;
is $?, 0, 'the browser has no complaint';
$sandbox->finish;
