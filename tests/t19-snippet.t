# Claim: what `snippet` prints is what conf/ says, with this host's paths; each real server takes the text as it
# is, replays a retry, and runs or refuses every file of the directory; `init` makes what `check` then passes, and
# overwrites nothing.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client ();
use File::Path qw(remove_tree);
use Gateway qw(write_config start_gateway socket_path);
use JSON::PP qw(decode_json);
use Process qw(free_port stop_process);
use Sandbox;
use Server;
use Test::More;

my $SECRET = 'hunter2';
# With suffixes that some server knows, that none knows, in capitals, and without any.
my @PROGRAMS = qw(contact.sh report.py plain FORM.PL old.cgi shop.php a.b.pl.orig);
my @TEXTS = ('effect.pl,v', qw(contact.sh~ order.pl.bak notes.txt index.html style.css lib/Secret.pm lib/plain retrysafe.json
    .env .git/config));

my $sandbox = Sandbox->new;
my $binary = $sandbox->binary;
my $config = write_config($sandbox, script_dirs => [map { $sandbox->path($_) } qw(www/shop apart/desk)]);
fill($_) for qw(www/shop apart/desk);
start_gateway($sandbox);

my @names = map { /^(\S+)/ } lines(run_verb('snippet', '--list'));

subtest 'the list' => \&check_list;
subtest 'the same as conf/' => \&check_same;
subtest 'paths' => \&check_paths;
subtest $_ => \&check_wiring, $_ for grep { $_ ne 'htaccess-suexec' && $_ ne 'control-file' } @names;
subtest 'control-file' => \&check_control_file;
subtest 'htaccess-suexec' => \&check_suexec;
subtest 'init' => \&check_init;
$sandbox->finish;

# ---- the verbs ----

# Runs a verb as the sandbox's user; what it printed, what it complained of, and its exit status.
sub run_verb_as {
    my ($user, $env, @words) = @_;
    my $name = 'verb-' . ++$sandbox->{verbs};
    my $pid = $sandbox->start(name => $name, user => $user, env => $env,
        command => ['/bin/sh', '-c', 'out=$1; shift; exec "$@" 2>>"$out"', 'sh', $sandbox->path('run', "$name.err"),
            $binary, @words]);
    waitpid $pid, 0;
    my $exit = $? >> 8;
    return { out => $sandbox->read("log/$name"), err => $sandbox->read("run/$name.err"), exit => $exit };
}

sub run_verb { run_verb_as($sandbox->user, {}, @_) }

sub lines { split /^/, $_[0]{out} }

# The text of a wiring.
sub text {
    my ($name, @more) = @_;
    my $socket = $name eq 'lighttpd-spawned' ? $sandbox->path('run/spawned.sock') : socket_path($sandbox);
    my @listen = $name =~ /spawned|socket|proxy|nginx/ ? ('--listen', "unix:$socket") : ();
    my $got = run_verb('snippet', $name, '--config', $config, @listen, @more);
    is $got->{exit}, 0, 'printed' or diag $got->{err};
    unlike $got->{out}, qr/\@[A-Z_]+\@/, 'everything is filled in';
    return $got->{out};
}

sub check_list {
    cmp_ok scalar @names, '>=', 12, 'there are wirings';
    is_deeply [sort @names], [sort map { s{.*/}{}r } glob $sandbox->root . '/conf/snippets/*'], 'those of conf/snippets/';
    my @objects = map { decode_json($_) } lines(run_verb('snippet', '--list', '--json'));
    is_deeply [map { $_->{wiring} } @objects], \@names, 'as JSON, too';
    my $json = decode_json(run_verb('snippet', 'nginx', '--json')->{out});
    is $json->{text}, run_verb('snippet', 'nginx')->{out}, 'and the text';
    my $got = run_verb('snippet', 'lighttpd-spawnd');
    is $got->{exit}, 100, 'there is no such wiring';
    is $got->{out}, '', '... nothing is printed';
    like $got->{err}, qr/did you mean "lighttpd-spawned"\?\n\z/, '... but the nearest name';
    is run_verb('snippet', @$_)->{exit}, 100, "snippet @$_"
        for [], ['nginx', '--list'], ['--list', '--script', '/a/b'], ['nginx', 'nginx'], ['nginx', '--dir', '/a'],
        ['apache-fcgid', '--listen', 'unix:/a'], ['nginx', '--listen', '127.0.0.1:9000'], ['nginx', '--script', '/'];
}

# ---- conf/ ----

# What a file says to the server, line by line, without comments and indentation.
sub said {
    my ($text) = @_;
    $text =~ s/\\\n\s*//g;
    return map { s/\s+/ /gr =~ s/\A | \z//gr } grep { /\S/ && !/^\s*#/ } split /\n/, $text;
}

# Each line of a text is in conf/, but for the lines that map the URL, which the servers of conf/ do not need.
sub check_same {
    my %fill = (
        'lighttpd-spawned' => ['lighttpd.conf', PATTERN => '^/spawned/', URL => '/spawned/', SOCKET => '"env.RUN + "/spawned.sock'],
        'lighttpd-socket' => ['lighttpd.conf', PATTERN => '^/socket/', URL => '/socket/'],
        'lighttpd-cgi' => ['lighttpd.conf', PATTERN => '^/cgi/'],
        'apache-fcgid' => ['apache.conf', SECTION => 'Directory "${DOCROOT}/fcgid"', END_SECTION => 'Directory'],
        'apache-proxy' => ['apache.conf', SECTION => 'Directory "${DOCROOT}/proxy"', END_SECTION => 'Directory'],
        'apache-proxypass' => ['apache.conf', PROXY_PATTERN => '^/(proxypass/.+)$', URL => '/proxypass/', ROOT => '${DOCROOT}'],
        'apache-action' => ['apache.conf', SECTION => 'Directory "${DOCROOT}/action"', END_SECTION => 'Directory'],
        'htaccess-fcgid' => ['htaccess-fcgidwrapper'],
        'htaccess-suexec' => ['htaccess-fcgidwrapper'],
        'htaccess-action' => ['htaccess-action'],
        nginx => ['nginx.conf', LOCATION => '^~ /socket/'],
    );
    # URL and directory; the two lines that suEXEC needs; the connection that nginx's example keeps open.
    my $own = qr/^(?:alias\.url|ScriptAlias|root |server\.modules)|retrysafe-start|^fastcgi_pass|retrysafe-gateway/;
    for my $name (grep { $_ ne 'control-file' } @names) {
        my ($file, %place) = @{ $fill{$name} // die "$name: where is it in conf/?\n" };
        my $conf = $sandbox->root . "/conf/$file";
        my %there = map { $_ => 1 } said(Process::contents($conf));
        $there{$_} = 1 for $name eq 'apache-action' ? said(Process::contents($sandbox->root . '/conf/htaccess-action')) : ();
        my $text = Process::contents($sandbox->root . "/conf/snippets/$name");
        %place = (BIN => '${BIN}', CONFIG => '${CONFIG}', SOCKET => '${RUN}/retrysafe.sock', FILES => '', END_FILES => '', %place);
        my @lines = said($text =~ s/\@([A-Z_]+)\@/$place{$1} \/\/ "\@$1\@"/ger);
        # lighttpd writes a variable outside of the quotes.
        for (@lines) {
            s/"\$\{(BIN|RUN)\}/env.$1 + "/g, s/"\$\{(CONFIG)\}"/env.$1/g, s/""env/env/ if $name =~ /^lighttpd/;
        }
        my @missing = grep { !$there{$_} && !/$own/ } @lines;
        # A condition in one line.
        cmp_ok scalar(grep { $there{$_} } @lines), '>=', 4, "$name: it says something";
        is join("\n", @missing), '', "$name: all of it is in conf/$file";
    }
}

# ---- paths ----

sub check_paths {
    for my $bad ('/srv/a"b/x.pl', '/srv/a b/x.pl', "/srv/a\nb/x.pl", '/srv/$a/x.pl', '/srv/a;b/x.pl', '/srv/a{b/x.pl',
        "/srv/a'b/x.pl", '/srv/a\\b/x.pl', '/srv/a#b/x.pl', '/srv/a(b/x.pl', '/srv/a*b/x.pl', '/x.pl') {
        my $got = run_verb('snippet', 'nginx', '--config', $config, '--script', $bad);
        is $got->{exit}, 100, "refused: $bad";
        is $got->{out}, '', '... nothing is printed';
    }
    my $got = run_verb('snippet', 'lighttpd-spawned', '--config', $config, '--script', '/srv/./a.b//x+y.pl');
    like $got->{out}, qr{=~ "\^/a\[\.\]b/x\[\+\]y\[\.\]pl\(\?:/\|\$\)"}, 'a pattern fits this name alone';
    like $got->{out}, qr{=> "/srv/a\.b/x\+y\.pl"}, 'and the path is a plain one';
    my $none = $sandbox->path('conf/none.json');
    $got = run_verb('snippet', 'apache-fcgid', '--config', $none);
    is $got->{exit}, 0, 'a configuration that is not there yet';
    like $got->{out}, qr/RETRYSAFE_CONFIG "\Q$none\E"/, '... is named';
    like $got->{err}, qr/is not there yet; retrysafe init writes a first one/, '... with a remark';
    $sandbox->write('conf/wrong.json', '{ "routs": [] }');
    is run_verb('snippet', 'nginx', '--config', $sandbox->path('conf/wrong.json'))->{exit}, 100, 'a wrong one is told';
}

# ---- the servers ----

# A directory with programs, and with files that are none.
sub fill {
    my ($dir) = @_;
    for my $name (@PROGRAMS) {
        my $file = $sandbox->write("$dir/$name", <<"END");
#!/bin/sh
# PASSWORD=$SECRET
echo "\$IDEMPOTENCY_KEY" >>@{[$sandbox->path('run/runs')]}
printf 'Content-Type: text/plain\\n\\nran %s by %s\\n' "\$PATH_INFO" "\$(id -un)"
END
        chmod 0755, $file or die "$file: $!\n";
    }
    mkdir $sandbox->path("$dir/$_") for qw(lib .git);
    $sandbox->write("$dir/$_", "PASSWORD=$SECRET\n") for @TEXTS;
    system('chown', '-R', $sandbox->user, $sandbox->path($dir =~ s{/.*}{}r)) if !$>;
    $sandbox->write('run/runs', '');
    chmod 0666, $sandbox->path('run/runs');
}

# The complete server around a text: part 1 of its file in conf/, which loads modules and names files.
sub server_conf {
    my ($name, $port, $text) = @_;
    my ($run, $www, $user) = ($sandbox->path('run'), $sandbox->path('www'), $sandbox->user);
    if ($name =~ /^lighttpd/) {
        return ('lighttpd', <<"END");
server.document-root = "$www"
server.bind = "127.0.0.1"
server.port = $port
server.pid-file = "$run/lighttpd.pid"
server.upload-dirs = ( "$run" )
server.errorlog = "$run/lighttpd-error.log"
server.breakagelog = "$run/lighttpd-script.log"
server.username = "$user"
server.groupname = "$user"
$text
END
    }
    my $kind = $name eq 'nginx' ? 'nginx' : 'apache';
    my ($first) = Process::contents($sandbox->root . "/conf/$kind.conf") =~ /^(.*?)^# ---- 2\./ms;
    my %place = (RUN => $run, DOCROOT => $www, PORT => $port, BIN => $sandbox->path('bin'));
    $first =~ s{\@([A-Z]+)\@|\$\{([A-Z]+)\}}{$place{$1 // $2} // ''}ge;
    return ($kind, "$first\n$text\n}\n}\n") if $kind eq 'nginx';
    return ($kind, "$first\n$text\n") if $name !~ /^htaccess/;
    # What .htaccess needs of the server.
    $sandbox->write('www/shop/.htaccess', $text);
    return ($kind, <<"END");
$first
ScriptAlias "/cgi-bin/retrysafe.cgi" "$place{BIN}/retrysafe.cgi"
<Directory "$place{BIN}">
	Require all granted
	Options +FollowSymLinks
	SetEnv RETRYSAFE_CONFIG "$config"
	CGIPassAuth On
</Directory>
<Directory "$www/shop">
	AllowOverride FileInfo AuthConfig
	Options +ExecCGI
</Directory>
END
}

sub with_server {
    my ($name, $text, $check) = @_;
    my $port = free_port();
    my ($kind, $conf) = server_conf($name, $port, $text);
    my $pid = Server::start_conf($sandbox, $kind, $port, $sandbox->write("conf/$name.conf", $conf));
    $check->(sub {
        my ($method, $path, %more) = @_;
        my $key = delete $more{key};
        return Client::request($port, $method, $path, %more, defined $key ? (headers => ['Idempotency-Key' => qq("$key")]) : ());
    });
    ok defined stop_process($pid, 'TERM', 15), 'the server ended';
    unlink $sandbox->path('www/shop/.htaccess');
}

# A program is run; with a key, once.
sub is_protected {
    my ($ask, $path, $key) = @_;
    my @answers = map { $ask->(POST => $path, key => $key, body => 'a=1') } 1, 2;
    is $answers[0]->status, 200, "$path: run" or diag $answers[0]->raw;
    is $answers[1]->header('Idempotent-Replayed'), 'true', '... the retry is a replay';
    is $answers[1]->body, $answers[0]->body, '... of the same answer';
    is scalar(grep { $_ eq "$key\n" } split /^/, $sandbox->read('run/runs')), 1, '... it ran once';
}

sub check_directory {
    my ($name, $ask) = @_;
    for my $program (@PROGRAMS) {
        like $ask->(GET => "/shop/$program")->body, qr/\Aran  by/, "$program is run";
        like $ask->(GET => "/shop/$program/more")->body, qr{\Aran /more by}, '... with path information';
        is_protected($ask, "/shop/$program", "$name-$program");
    }
    for my $path (map { ("/shop/$_", "/shop/" . uc) } @TEXTS) {
        my $answer = $ask->(GET => $path);
        unlike $answer->raw, qr/\Q$SECRET/, "$path is not sent";
        cmp_ok $answer->status, '>=', 400, '... but refused';
    }
    # Other spellings of the same file.
    unlike $ask->(GET => $_)->raw, qr/\Q$SECRET/, "$_ is not sent"
        for map { ("//shop/$_", "/./shop/$_", "/x/../shop/$_", "/%73hop/$_", "/shop//$_", "/shop/lib/../$_") } qw(notes.txt contact.sh);
}

sub check_wiring {
    my ($name) = @_;
    with_server($name, text($name), sub { check_directory($name, @_) });
    my $is_htaccess = $name =~ /^htaccess/;
    my $dir = $is_htaccess ? 'www/shop' : 'apart/desk';
    my $url = $dir =~ s{.*/}{/}r;
    with_server($name, text($name, '--script', $sandbox->path($dir, 'contact.sh')), sub {
        my ($ask) = @_;
        is_protected($ask, "$url/contact.sh", "$name-one");
        like $ask->(GET => "$url/contact.sh/more")->body, qr{\Aran /more by}, '... with path information';
        # The others are as the server has them, which knows nothing of /desk/.
        for my $other ($is_htaccess ? () : (@PROGRAMS[1, 2], @TEXTS, 'contact.shx', 'contact+sh')) {
            my $answer = $ask->(GET => "$url/$other");
            unlike $answer->raw, qr/\Q$SECRET/, "$other is not sent";
            cmp_ok $answer->status, '>=', 400, '... it has no URL';
        }
    });
}

sub check_control_file {
    my $text = text('control-file', '--script', $sandbox->path('apart/desk/contact.sh'));
    chmod 0755, $sandbox->write('www/control/contact', $text) or die "chmod: $!\n";
    my $cgi = qq(server.modules += ( "mod_cgi" )\n\$HTTP["url"] =~ "^/control/" { cgi.assign = ( "" => "" ) }\n);
    with_server('lighttpd-control', $cgi, sub { is_protected($_[0], '/control/contact', 'control') });
}

# suEXEC starts programs below /var/www only, and none of accounts with a number below 100.
sub check_suexec {
    plan skip_all => 'only root can start a server with suEXEC' if $>;
    plan skip_all => 'suEXEC is not installed' if !-x '/usr/lib/apache2/suexec';
    my $web = "/var/www/rs-t19-$$";
    my $shop = "$web/shop";
    my $end = sub { remove_tree($web) };
    mkdir $_ or die "$_: $!\n" for $web, $shop, map { "$web/$_" } qw(store shop/lib shop/.git);
    chmod 0700, "$web/store";
    is system('cp', '-p', (map { $sandbox->path("www/shop/$_") } @PROGRAMS), $shop), 0, 'the programs are copied';
    for my $file (@TEXTS) {
        open my $fh, '>', "$shop/$file" or die "$shop/$file: $!\n";
        print {$fh} "PASSWORD=$SECRET\n";
    }
    my $own = $sandbox->write('conf/suexec.json',
        JSON::PP->new->encode({ store => "sqlite:$web/store/s.db", script_dirs => [$shop], routes => [{ match => '*' }] }));
    my $got = run_verb('snippet', 'htaccess-suexec', '--config', $own);
    # The commands of its head, as they stand.
    my ($commands) = $got->{out} =~ /^(#     printf .*?^#     chmod .*?\n)/ms;
    is system('sh', '-ec', $commands =~ s/^#     //mgr), 0, 'its commands make the starter';
    open my $fh, '>', "$shop/.htaccess" or die "$shop/.htaccess: $!\n";
    print {$fh} $got->{out};
    close $fh or die "close: $!\n";
    system('chown', '-R', 'nobody:nogroup', $web);
    my $server = <<"END";
LoadModule suexec_module /usr/lib/apache2/modules/mod_suexec.so
SuexecUserGroup nobody nogroup
ScriptAlias "/shop/" "$shop/"
<Directory "$shop">
	Require all granted
	AllowOverride FileInfo AuthConfig
	Options +ExecCGI
</Directory>
END
    eval { with_server('apache-suexec', $server, sub {
        my ($ask) = @_;
        check_directory('suexec', $ask);
        is $ask->(GET => '/shop/plain')->body, "ran  by nobody\n", 'as the account';
        cmp_ok $ask->(GET => '/shop/retrysafe-start.fcgi')->status, '>=', 400, 'the starter is refused';
    }); 1 } or fail $@;
    $end->();
}

# ---- init ----

sub check_init {
    plan skip_all => 'needs root' if $>;
    my $home = $sandbox->give_dir('home', 0755);
    for my $case (['lighttpd', 'server.modules'], ['apache', 'FcgidWrapper|Action'], ['nginx', 'fastcgi_pass']) {
        my ($server, $says) = @$case;
        my $dir = "$home/$server";
        my $got = run_verb('init', '--dir', $dir, '--server', $server);
        is $got->{exit}, 0, "$server: done" or diag $got->{err};
        like $got->{out}, qr/$says/, 'the snippet of that server';
        my ($head) = $got->{out} =~ /\A(.*?)^\n/ms;
        unlike $head, qr/^[^#]/m, '... behind comments';
        is $got->{err}, '', 'and no complaint';
        is sprintf('%04o', (stat "$dir/store")[2] & 07777), '0700', "the store's directory is this account's alone";
        is sprintf('%04o', (stat "$dir/retrysafe.json")[2] & 07777), '0600', 'so is the configuration';
        is run_verb('check', '--config', "$dir/retrysafe.json")->{exit}, 0, 'check passes';
        my $before = Process::contents("$dir/retrysafe.json");
        $got = run_verb('init', '--dir', $dir, '--server', $server, '--json');
        is $got->{exit}, 1, 'a second time: no';
        like $got->{err}, qr/was there already: it was not changed/, '... it says why';
        is Process::contents("$dir/retrysafe.json"), $before, '... nothing is overwritten';
        my $json = decode_json($got->{out});
        ok !$json->{config_made} && !$json->{store_made} && $json->{text} =~ /$says/, '... and it goes on';
    }
    for my $way (['named', '--config'], ['env']) {
        my ($name, @option) = @$way;
        my $file = "$home/$name/own.json";
        my $env = @option ? {} : { RETRYSAFE_CONFIG => $file };
        is run_verb_as($sandbox->user, $env, 'init', map { ($_, $file) } @option)->{exit}, 0, 'a file of another name';
        is run_verb_as($sandbox->user, $env, 'check', map { ($_, $file) } @option)->{exit}, 0, '... which check takes';
        ok -d "$home/$name/store", '... with the store beside it';
    }
    my $got = run_verb_as($sandbox->user, { HOME => "$home/me" }, 'init');
    is $got->{exit}, 0, 'in the home' or diag $got->{err};
    is run_verb_as($sandbox->user, { HOME => "$home/me" }, 'check')->{exit}, 0, '... where verbs look for it';
    $sandbox->write('home/wrong/retrysafe.json', '{ "routs": [] }');
    $got = run_verb('init', '--dir', "$home/wrong");
    is $got->{exit}, 100, 'a configuration that is there and is wrong';
    like $got->{err}, qr/did you mean "routes"/, '... is told';
    is run_verb('init', '--dir', "$home/x", '--server', 'ngins')->{exit}, 100, 'no such server';
    ok !-e "$home/x", '... and nothing is made';

    # Root makes nothing for itself.
    my $dir = $sandbox->path('etc');
    $got = run_verb_as(undef, {}, 'init', '--dir', $dir, '--server', 'nginx');
    is $got->{exit}, 0, 'root, for the account of the servers' or diag $got->{err};
    is getpwuid((stat "$dir/store")[4]), 'www-data', "the store's directory belongs to it";
    is((stat "$dir/retrysafe.json")[4], 0, 'and the configuration to root');
    like $got->{out}, qr/^#     (runuser -u www-data -- retrysafe check --config \S+)$/m, 'it says what to run';
    my ($command) = $got->{out} =~ /^#     (runuser.*)$/m;
    is system('sh', '-c', $command =~ s/retrysafe/$binary/r . ' >/dev/null'), 0, '... and that passes';
    is run_verb_as(undef, {}, 'check', '--config', "$dir/retrysafe.json")->{exit}, 0, "root's own check passes";

    my $strict = $sandbox->path('strict');
    is system('sh', '-c', "umask 077; exec $binary init --dir $strict --server nginx >/dev/null"), 0, 'root with a strict umask';

    my $theirs = $sandbox->give_dir('theirs', 0755);
    for my $in ($theirs, "$theirs/new") {
        $got = run_verb_as(undef, {}, 'init', '--dir', $in, '--server', 'nginx');
        is $got->{exit}, 0, 'root, in the directory of another account' or diag $got->{err};
        is_deeply [map { (stat "$in/$_")[4] } qw(store retrysafe.json)], [((getpwnam $sandbox->user)[2]) x 2],
            '... everything is its own';
    }

    mkdir $sandbox->path('closed'), 0700 or die "closed: $!\n";
    $got = run_verb_as(undef, {}, 'init', '--dir', $sandbox->path('closed/in'), '--server', 'nginx');
    is $got->{exit}, 100, 'where the account may not go';
    like $got->{err}, qr/nothing was made: www-data.* may not enter \S*closed;/, '... it says so';
    ok !-e $sandbox->path('closed/in'), '... and nothing is made';
}
