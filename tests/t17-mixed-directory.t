# Claim: in every wiring of conf/ a file in the scripts' directory is run and protected, or refused,
# whatever its name is; the text of a script, a library, a backup or a note is never sent.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Process;
use Sandbox;
use Site;
use Test::More;

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $SECRET = 'hunter2';
# With suffixes that some wiring knows, that none knows, in capitals, and without any.
my @PROGRAMS = qw(contact.sh report.py plain FORM.PL old.cgi shop.php a.b.pl.orig);
my @TEXTS = ('effect.pl,v', qw(contact.sh~ order.pl.bak notes.txt index.html style.css lib/Secret.pm lib/plain retrysafe.json
    .env .git/config));

subtest 'no page wires a suffix' => \&check_pages;
subtest $_->name => \&check_wiring, $_ for $site->wirings;
$sandbox->finish;

sub check_wiring {
    my ($wiring) = @_;
    my $prefix = $wiring->prefix;
    for my $name (@PROGRAMS) {
        my $file = $sandbox->write("www/$prefix/$name", <<"END");
#!/bin/sh
# PASSWORD=$SECRET
echo "\$IDEMPOTENCY_KEY" >>@{[$sandbox->path("www/$prefix.runs")]}
printf 'Content-Type: text/plain\\n\\nran %s\\n' "\$PATH_INFO"
END
        chmod 0755, $file or die "$file: $!\n";
    }
    mkdir $sandbox->path("www/$prefix/$_") for qw(lib .git);
    $sandbox->write("www/$prefix/$_", "PASSWORD=$SECRET\n") for @TEXTS;
    system('chown', '-R', 'www-data', $sandbox->path('www')) if !$>;
    $sandbox->write("www/$prefix.runs", '');
    chmod 0666, $sandbox->path("www/$prefix.runs");

    for my $name (@PROGRAMS) {
        is get($wiring, $name)->body, "ran \n", "$name is run";
        is get($wiring, "$name/more")->body, "ran /more\n", '... with path information';
        next if $wiring->is_control;    # its server runs it without us
        my $key = $wiring->kind . "-$prefix-$name";
        my @answers = map { $wiring->request(POST => $name, key => $key, body => 'a=1') } 1, 2;
        is $answers[1]->header('Idempotent-Replayed'), 'true', '... and protected';
        is scalar(grep { $_ eq "$key\n" } split /^/, $sandbox->read("www/$prefix.runs")), 1, '... run once';
    }
    for my $name (@TEXTS, map { uc } @TEXTS) {
        my $answer = get($wiring, $name);
        unlike $answer->raw, qr/\Q$SECRET/, "$name is not sent";
        cmp_ok $answer->status, '>=', 400, '... but refused';
    }
    # A server that answers with files knows ranges and conditions.
    unlike get($wiring, 'contact.sh~', Range => 'bytes=0-50')->raw, qr/\Q$SECRET/, 'nor a part of it';
}

sub get {
    my ($wiring, $name, @headers) = @_;
    return $wiring->request(GET => $name, headers => [@headers]);
}

# What a reader copies.
sub check_pages {
    my $root = $sandbox->root;
    for my $file ("$root/README.md", glob "$root/docs/deploy/*.md $root/conf/* $root/conf/snippets/*") {
        my @lines = grep { !/^\s*#|exclude-extensions|deny all/ } split /^/, Process::contents($file);
        my @found = grep { /cgi\.assign\s*=\s*\(\s*"[^"]|fastcgi\.server\s*=\s*\(\s*"\.
            |FilesMatch\s+"\\\.|FcgidWrapper.*\s\.\w+$|location\s+~.*\\\./x && !/retrysafe\\\.json/ } @lines;
        is "@found", '', $file =~ s{^\Q$root\E/}{}r;
    }
}
