# Claim: root runs no script and none of the words of another account's store, and leaves no file in it:
# every way in is refused before anything is made and says what to run instead, or acts as the account
# that the store belongs to; what was stored is cleaned like a request; TCP needs script_dirs.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use IO::Socket::UNIX;
use FastCgi qw(fastcgi_request params);
use File::Path qw(remove_tree make_path);
use Gateway qw(write_config start_gateway socket_path);
use JSON::PP qw(decode_json);
use Process qw(free_port is_alive wait_until stop_process);
use Sandbox;
use Test::More;

my $sandbox = Sandbox->new;
my $config = $sandbox->path('conf/retrysafe.json');
my $store = $sandbox->path('store');
my $account = $sandbox->user;
my $n = 0;

$sandbox->place_scripts('bare');
script('www/id.pl', "printf 'Content-Type: text/plain\\n\\n%s' \$(id -u)");
script('bin/probe', 'env -0 >&2; env -0 >' . $sandbox->path('run/seen') . '; exit 2');
script('www/dies.pl', 'kill -9 $$');
configure();

if ($> == 0) {
    subtest 'before the first request' => \&check_nothing_made;
    subtest 'serve and recover' => \&check_refused;
    subtest 'a command that is safe to paste' => \&check_paste;
    subtest 'as CGI' => \&check_cgi;
    subtest 'under a FastCGI server' => \&check_spawned;
    subtest 'verbs' => \&check_verbs;
    subtest 'check says what the account sees' => \&check_check;
    subtest 'allow_root' => \&check_allowed;
}
subtest 'what was stored is cleaned' => \&check_stored;
subtest 'TCP' => \&check_tcp;
$sandbox->finish;

sub script {
    my ($file, $text) = @_;
    my $path = $sandbox->write($file, "#!/bin/sh\ncat >/dev/null\n$text\n");
    chmod 0755, $path or die "$path: $!\n";
}

sub configure {
    my (%more) = @_;
    write_config($sandbox, routes => [
        { match => '/dies.pl', on_uncertain => 'probe', probe => [$sandbox->path('bin/probe')] }, { match => '*' },
    ], spool => "$store/spool", %more);
}

# Runs a command as we are, for a quarter of a minute at most; its exit status and what it printed.
sub run {
    my (@command) = @_;
    my $log = $sandbox->path('log/run-' . ++$n);
    my $pid = $sandbox->start(name => "run-$n", command => ['/usr/bin/timeout', 15, @command],
        env => { PATH => $sandbox->path('bin') . ':/usr/sbin:/usr/bin:/sbin:/bin' });
    waitpid $pid, 0;
    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, Process::contents($log));
}

sub retrysafe { run($sandbox->binary, @_) }

# What root owns in the store and its spool.
sub made_by_root { grep { (stat $_)[4] == 0 } glob "$store/* $store/*/* $store/.[a-z]*" }

# Serves one POST as the account; its answer.
sub ask {
    my ($uri, %more) = @_;
    return fastcgi_request(socket_path($sandbox), params => [params(script => $sandbox->path("www$uri"), uri => $uri,
        key => 'root-key-' . ++$n, %more)])->{response};
}

sub with_gateway {
    my ($do) = @_;
    my $pid = start_gateway($sandbox);
    my @result = $do->();
    stop_process($pid);
    return @result;
}

sub check_nothing_made {
    for my $verb (['serve', '--listen', 'unix:' . socket_path($sandbox)], map { [$_] } qw(recover purge list stats check)) {
        my ($exit, $said) = retrysafe(@$verb, '--config', $config);
        is_deeply [glob "$store/* $store/.[a-z]*"], [], "@$verb makes nothing ($exit)";
    }
    ok !-e socket_path($sandbox), 'no socket either';
    is((with_gateway(sub { ask('/id.pl') }))[0]->status, 200, 'the first request of the account works');
}

sub check_refused {
    for my $verb (['serve', '--listen', 'unix:' . socket_path($sandbox)], ['recover']) {
        my ($exit, $said) = retrysafe(@$verb, '--config', $config);
        is $exit, 100, "$verb->[0] is refused";
        like $said, qr/belongs to \Q$account\E; run: runuser -u \Q$account\E -- retrysafe $verb->[0] --config \S+$/m,
            'and says what to run instead';
    }
    my ($exit, $said) = run('env', "RETRYSAFE_CONFIG=$config", $sandbox->binary, 'serve', '--listen',
        'unix:' . socket_path($sandbox));
    is $exit, 100, 'however the configuration is found';
    ($exit, $said) = run('env', "HOME=/", $sandbox->binary, 'serve', '--listen', 'unix:' . socket_path($sandbox));
    is $exit, 100, 'also when it is not';
}

sub check_paste {
    my $name = q{conf/it's $(touch pasted) `x`; & "y".json};
    my $odd = $sandbox->write($name, $sandbox->read('conf/retrysafe.json'));
    my ($exit, $said) = retrysafe('recover', '--config', $odd);
    my ($command) = $said =~ /; run: (.*)$/m;
    ok defined $command, 'a command' or return diag $said;
    ($exit, $said) = run('/bin/sh', '-c', $command);
    is $exit, 0, 'it works' or diag "$command\n$said";
    like $said, qr/^0 settled, 0 still uncertain$/m, 'as the verb';
    ok !-e '/pasted' && !-e $sandbox->path('pasted'), 'and nothing else was run';
    my $bad = $sandbox->write("conf/a\e[31m\n.json", $sandbox->read('conf/retrysafe.json'));
    ($exit, $said) = retrysafe('recover', '--config', $bad);
    unlike $said, qr/run: /, 'no command with what a terminal would obey';
    is_deeply [made_by_root()], [], 'nothing is made by root';
}

sub check_cgi {
    my @env = ('PATH=/usr/bin:/bin', 'GATEWAY_INTERFACE=CGI/1.1', 'SERVER_PROTOCOL=HTTP/1.1', 'SCRIPT_NAME=/id.pl',
        'SCRIPT_FILENAME=' . $sandbox->path('www/id.pl'), 'CONTENT_LENGTH=0', "RETRYSAFE_CONFIG=$config");
    for my $method (qw(POST GET)) {
        my ($exit, $said) = run('env', '-i', @env, "REQUEST_METHOD=$method", 'HTTP_IDEMPOTENCY_KEY=cgi',
            $sandbox->binary('retrysafe.cgi'), $sandbox->path('www/id.pl'));
        like $said, qr/^Status: 500\b.*urn:retrysafe:problem:configuration/ms, "$method: refused";
        unlike $said, qr/^0\z/m, "$method: no script ran";
    }
    is_deeply [made_by_root()], [], 'nothing is made by root';
}

sub check_spawned {
    my $socket = IO::Socket::UNIX->new(Type => IO::Socket::SOCK_STREAM(), Local => $sandbox->path('run/spawned.sock'),
        Listen => 5) or die "socket: $!\n";
    my $pid = $sandbox->start(name => 'spawned', stdin => $socket, command => ['/usr/bin/timeout', 15, $sandbox->binary, '--config', $config]);
    waitpid $pid, 0;
    is $? >> 8, 100, 'refused at the start';
    like $sandbox->read('log/spawned'), qr/root runs no scripts/, 'and says so';
    $pid = $sandbox->start(name => 'spawned-2', stdin => $socket, command => ['/usr/bin/timeout', 15, $sandbox->binary], env => { HOME => '/' });
    waitpid $pid, 0;
    is $? >> 8, 100, 'also without a configuration';
    is_deeply [made_by_root()], [], 'nothing is made by root';
}

sub check_verbs {
    my $ref;
    with_gateway(sub { ask('/dies.pl') });
    my ($exit, $said) = retrysafe('list', '--json', '--config', $config);
    ($ref) = map { $_->{ref} } grep { $_->{state} eq 'uncertain' } map { decode_json($_) } split /^/, $said;
    ok $ref, 'list' or diag $said;
    my $response = $sandbox->write('conf/response', "Content-Type: text/plain\n\nby hand\n");
    chmod 0600, $response or die "$response: $!\n";
    chmod 0700, $sandbox->path('conf') or die "conf: $!\n";
    my @verbs = (['show', $ref], ['stats'], ['check'], ['purge'], ['purge', '--archive', $sandbox->path('conf/archive')],
        ['settle', $ref, '--done', $response, '--why', 'seen']);
    for my $verb (@verbs) {
        ($exit, $said) = retrysafe(@$verb, '--config', $config);
        is $exit, $verb->[0] eq 'check' ? 100 : 0, "@$verb" or diag $said;
        is_deeply [made_by_root()], [], "$verb->[0]: nothing is made by root";
    }
    chmod 0755, $sandbox->path('conf') or die "conf: $!\n";
    is((with_gateway(sub { ask('/id.pl') }))[0]->status, 200, 'the account goes on');
}

sub check_check {
    my ($exit, $said) = retrysafe('check', '--config', $config);
    is $exit, 0, 'all is well' or diag $said;
    chmod 0600, $config;
    ($exit, $said) = retrysafe('check', '--config', $config);
    is $exit, 100, 'a configuration that only root may read';
    like $said, qr/cannot read/, 'it says so';
    chmod 0644, $config;
    configure(routes => [{ match => '/x', script => $sandbox->path('www/id.pl') }]);
    chmod 0700, $sandbox->path('www/id.pl');
    ($exit, $said) = retrysafe('check', '--config', $config);
    is $exit, 100, 'a script that only root may run' or diag $said;
    chmod 0755, $sandbox->path('www/id.pl');
    configure(store => 'sqlite:' . $sandbox->path('nowhere/db'), spool => $sandbox->path('nowhere/spool'));
    ($exit, $said) = retrysafe('check', '--config', $config);
    is $exit, 100, 'a store whose directory is not there';
    like $said, qr/install -d -o www-data -m 0700 \Q@{[$sandbox->path('nowhere')]}\E/, 'it says how';
    ok !-e $sandbox->path('nowhere'), 'and makes none';
    configure();
}

sub check_allowed {
    my @listen = ('--listen', 'unix:' . $sandbox->path('run/root.sock'));
    my $own = $sandbox->path('own');
    make_path("$own/store", { mode => 0700 });
    my @place = (store => "sqlite:$own/store/db", spool => "$own/store/spool");
    my $refused = sub {
        my ($what, $pattern) = @_;
        my ($exit, $said) = retrysafe('serve', @listen, '--config', $config);
        is $exit, 100, "$what: refused";
        like $said, $pattern, 'and says why';
        is_deeply [glob "$own/store/*"], [], 'nothing is made';
    };

    configure(@place);
    $refused->('a store of root\'s', qr/"allow_root": true/);
    configure(allow_root => JSON::PP::true);
    $refused->('a store of another account', qr/belongs to \Q$account\E/);
    configure(@place, allow_root => JSON::PP::true);
    chmod 0666, $config;
    $refused->('a configuration that others may write', qr/others than root may change \Q$config\E/);
    chmod 0644, $config;
    chown +(getpwnam $account)[2, 3], $own;
    $refused->('a directory of another account above', qr/others than root may change/);
    chown 0, 0, $own;
    # Who owns a link on the way decides which file it is, even if root alone may change each of them.
    my $links = $sandbox->path('run/links');
    make_path($links);
    symlink $config, "$links/config.json" or die "$links: $!\n";
    chown +(getpwnam $account)[2, 3], $links;
    {
        my $own_file = $config;
        $config = "$links/config.json";
        $refused->('a link in a directory of another account', qr/others than root may change \Q$config\E/);
        $config = "$own/config.json";
        symlink "../run/links/config.json", $config or die "$config: $!\n";
        $refused->('a link to that link', qr/others than root may change \Q$config\E/);
        unlink $config;
        $config = $own_file;
    }
    my $pid = $sandbox->start(name => 'root', command => [$sandbox->binary, 'serve', @listen, '--config', $config]);
    # The socket's file is there a moment before it listens.
    wait_until { !is_alive($pid) || IO::Socket::UNIX->new(Type => IO::Socket::SOCK_STREAM(), Peer => $sandbox->path('run/root.sock')) } 10;
    my $answer = eval { fastcgi_request($sandbox->path('run/root.sock'), params => [params(script => $sandbox->path('www/id.pl'),
        uri => '/id.pl', key => 'allowed')])->{response} };
    is $answer && $answer->body, '0', 'the operator may have it so' or diag $sandbox->read('log/root');
    # It is looked at again when the configuration is read again.
    configure(@place);
    $answer = fastcgi_request($sandbox->path('run/root.sock'), params => [params(script => $sandbox->path('www/id.pl'),
        uri => '/id.pl', method => 'GET')])->{response};
    is $answer->problem, 'configuration', 'and may end it';
    stop_process($pid);
    configure();
}

# What an older configuration, or another hand, has left in the store.
sub check_stored {
    with_gateway(sub { ask('/dies.pl') });
    my $run = $sandbox->path('run/seen');
    unlink $run;
    my $add = join '', map { unpack('H*', $_) . '00' } 'HTTP_PROXY=evil', 'LD_PRELOAD=/nowhere.so', 'BASH_FUNC_ls%%=() { :; }',
        'RETRYSAFE_CONFIG=/x', 'KEPT=yes', 'SERVER_NAME=last';
    my $file = "$store/retrysafe.db";
    system('sqlite3', $file, "UPDATE request SET variables=CAST(variables || x'$add' AS BLOB)") == 0 or die "sqlite3\n";
    my $pid = $sandbox->start(name => 'recover', user => $account, command => [$sandbox->binary, 'recover', '--config', $config]);
    waitpid $pid, 0;
    is $? >> 8, 1, 'the probe does not know' or diag $sandbox->read('log/recover');
    my %seen = map { /\A([^=]*)=(.*)\z/s ? ($1 => $2) : () } split /\0/, Process::contents($run);
    is $seen{KEPT}, 'yes', 'the probe gets what was stored';
    like $seen{IDEMPOTENCY_KEY} // '', qr/\Aroot-key-/, 'with its key';
    is $seen{SERVER_NAME}, 'last', 'the last of two';
    is_deeply [grep { /\A(?:HTTP_PROXY|LD_PRELOAD|BASH_FUNC.*|RETRYSAFE_CONFIG)\z/ } sort keys %seen], [],
        'and nothing that a new request would not hand on';
}

sub check_tcp {
    my $port = free_port();
    my $serve = sub {
        my $pid = $sandbox->start(name => 'tcp-' . ++$n, user => $account, command => [$sandbox->binary, 'serve',
            '--config', $config, '--listen', "127.0.0.1:$port"]);
        # It takes connections a moment before it says that it is ready.
        wait_until { !is_alive($pid) || $sandbox->read("log/tcp-$n") =~ /info: ready/ } 10;
        return ($pid, $sandbox->read("log/tcp-$n"));
    };
    configure(script_dirs => undef);
    my ($pid, $said) = $serve->();
    ok !is_alive($pid), 'without script_dirs it does not start';
    like $said, qr/on TCP "script_dirs" is needed/, 'and says why';
    configure();
    ($pid, $said) = $serve->();
    like $said, qr/warning: TCP: every program/, 'with it it warns';
    my $other = $sandbox->write('conf/other.json', '{"script_dirs": ["/"]}');
    my @ask = params(script => '/bin/sh', uri => '/sh', method => 'GET', more => [RETRYSAFE_CONFIG => $other]);
    is fastcgi_request("127.0.0.1:$port", params => \@ask)->{response}->problem, 'script-not-allowed',
        'a peer cannot name another configuration';
    configure(script_dirs => undef);
    is fastcgi_request("127.0.0.1:$port", params => [params(script => $sandbox->path('www/id.pl'), uri => '/id.pl',
        method => 'GET')])->{response}->problem, 'configuration', 'nor does it go on when script_dirs has gone';
    stop_process($pid);
    configure();
}
