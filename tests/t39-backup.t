# Claim: `backup` copies the store while gateways write, and overwrites nothing; a copy in the place
# of the store runs nothing, through every server, until `store --accept-loss`.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Effects;
use Gateway qw(verb);
use Sandbox;
use Site;
use Test::More;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, 'lighttpd', 'nginx', 'apache');
my @wirings = map { $site->wiring($_) } 'nginx', 'lighttpd cgi.assign', 'Apache mod_fcgid';
my ($own) = @wirings;
my $n = 0;
$sandbox->give_dir('backups', 0700);
my $copy = $sandbox->path('backups/one');

my @first = map { ask($_, 'before') } @wirings;
is $_->status, 200, 'a run' for @first;
my $running = $own->connect;
$running->send($own->bytes(POST => 'effect.pl?gate=long', key => 'runs', body => 'a=1'));
ok $effects->await('runs', 'run', 10), 'one goes on';

subtest 'beside writers' => sub {
    my @all = crowd(6, sub {
        my ($i, $start) = @_;
        $start->();
        return (verb($sandbox, 'backup', $copy))[0] if $i == 0;
        return join ' ', map { ask($own, "crowd-$i-$_")->status } 1 .. 20;
    });
    is $all[0], 0, 'a backup';
    is_deeply [@all[1 .. 5]], [(join ' ', (200) x 20) x 5], 'every request is served';
    is sprintf('%04o', (stat $copy)[2] & 07777), '0600', 'for its account alone';
    is_deeply [glob $sandbox->path('backups/{*,.*}')], [map { $sandbox->path("backups/$_") } qw(one . ..)],
        'and nothing beside it';
    my ($exit) = verb($sandbox, 'backup', $copy);
    is $exit, 100, 'not over a file that is there';
    ($exit, my $made) = verb($sandbox, 'backup', $sandbox->path('backups/two'));
    is_deeply [$exit, $made->{bytes}], [0, -s $sandbox->path('backups/two')], 'another one, and its size';
    is +(verb($sandbox, 'backup'))[0], 100, 'a name is needed';
    is +(verb($sandbox, 'store'))[0], 100, 'as is an option';
    is +(verb($sandbox, 'store', '--accept-loss'))[0], 1, 'there is no copy to accept';
};

subtest 'a copy in the place of the store' => sub {
    my $after = ask($own, 'after');
    is $after->status, 200, 'a key that is claimed after the backup';
    my $store = $sandbox->path('store/retrysafe.db');
    unlink $store, "$store-wal", "$store-shm";
    as_user('cp', '-p', $copy, $store);
    for my $wiring (@wirings) {
        my $key = 'refused-' . ++$n;
        for my $name ('before', 'after', $key) {
            my $answer = ask($wiring, $name);
            is_deeply [$answer->status, $answer->problem], [503, 'store-unavailable'],
                $wiring->name . ": $name" or diag $answer->raw;
        }
        is $effects->runs($key), 0, 'nothing runs';
    }
    is $effects->runs('after'), 1, 'the key of after the backup has run once';
    is +(verb($sandbox, 'check'))[0], 100, '`check` says so';
    is +(verb($sandbox, 'list'))[0], 100, 'other verbs, too';
    my ($exit, $said) = verb($sandbox, 'store', '--accept-loss');
    is_deeply [$exit, $said->{accepted} ? 1 : 0], [0, 1], 'an operator accepts';
    is +(verb($sandbox, 'check'))[0], 0, '`check` is content';
    is_deeply [map { ask($wirings[$_], 'before')->body } 0 .. 2], [map { $_->body } @first],
        'what was recorded before is replayed';
    my $late = ask($own, 'runs', 'gate=long');
    is $late->problem, 'in-progress', 'what ran during the backup is known to run';
    $sandbox->open_gate('long');
    like $running->read_answer(20)->status, qr/\A(?:200|409)\z/, 'its caller is told what is true';
    ask($own, 'runs', 'gate=long');
    is $effects->runs('runs'), 1, 'it has run once';
    is ask($own, 'later')->status, 200, 'new keys are served';
};
$sandbox->finish;

sub ask {
    my ($wiring, $key, $query) = @_;
    return $wiring->request(POST => 'effect.pl' . ($query ? "?$query" : ''), key => $key, body => 'a=1',
        seconds => 40);
}

sub as_user {
    my (@command) = @_;
    my $pid = $sandbox->start(user => $sandbox->user, name => 'command-' . ++$n,
        command => ["/bin/$command[0]", @command[1 .. $#command]]);
    waitpid $pid, 0;
    is $?, 0, "@command" if $?;
}
