# Claim: whatever a server sends, a request gets its script and its route, or is refused: front controllers
# without a file, Action with `virtual`, balancers, an empty SCRIPT_NAME, variables sent twice; no spelling
# of a URL or a method gets past a route, and the file that was checked is the one that runs.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client qw(request);
use Effects;
use FastCgi qw(fastcgi_request params);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP qw(decode_json);
use POSIX ();
use Process qw(free_port);
use Sandbox;
use Server;
use Test::More;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $www = $sandbox->path('www');
my $n = 0;
my $SAY = "Content-Type: text/plain\\n\\n";

$sandbox->place_scripts(qw(scripts act bal cgi rooted), 'front');
symlink 'scripts', "$www/linked" or die "linked: $!\n";
# A part of the name of an existing file is another file.
$sandbox->write('www/order.txt', '');
my @front = map { +{ match => "/$_", script => "$www/scripts/env.pl" } }
    qw(order bare info split pass balpass twofold app/ gwfile/virtual.pl);
write_config($sandbox, routes => [
    @front,
    { match => '/glob/*.do', script => "$www/scripts/env.pl" },
    (map { +{ match => "/$_/effect.pl", key => 'required' } } qw(encoded single pathed)),
    { match => '/cgi/effect.pl', key => 'required' },
    { match => '/mounted/*', key => 'required' },
    { match => '/*/env.pl' }, { match => '/aliased*' },
]);
start_gateway($sandbox);
my ($exit, $checked) = verb($sandbox, 'check');
is $exit, 0, '`check` is content with routes that have no file behind their URL';

my %port = map { $_ => free_port() } qw(nginx apache lighttpd);
Server::start_conf($sandbox, nginx => $port{nginx}, nginx_conf());
Server::start_conf($sandbox, apache => $port{apache}, apache_conf());
Server::start_conf($sandbox, lighttpd => $port{lighttpd}, lighttpd_conf());

# What the script sees: server, URL, SCRIPT_NAME, PATH_INFO; its directory, when it is not scripts.
my @seen = (
    ['nginx', '/order', '/order', undef],
    ['nginx', '/order/5', '/order', '/5'],
    ['nginx', '/order/5%20x?q=1', '/order', '/5 x'],
    ['nginx', '/order/', '/order', '/'],
    ['nginx', '//order///5', '/order', '/5'],
    ['nginx', '/bare/5', '/bare', '/5'],
    ['nginx', '/info/a/b', '/info', '/a/b'],
    ['nginx', '/split/a', '/split', '/a'],
    ['nginx', '/app/x', '/app', '/x'],
    ['nginx', '/app/', '/app', '/'],
    ['nginx', '/glob/a/b.do', '/glob/a/b.do', undef],
    ['nginx', '/glob/b.do/more', '/glob/b.do', '/more'],
    ['nginx', '/rooted/env.pl', '/rooted/env.pl', undef, 'rooted'],
    ['nginx', '/rooted/env.pl/i/j', '/rooted/env.pl', '/i/j', 'rooted'],
    ['nginx', '/mounted/env', '', '/mounted/env'],
    ['nginx', '/twice/env.pl/i', '/twice/env.pl', '/i'],
    ['nginx', '/twofold/x', '/twofold', '/x'],
    ['apache', '/act/env.pl', '/act/env.pl', undef, 'act'],
    ['apache', '/act/env.pl/e%20x?q=1', '/act/env.pl', '/e x', 'act'],
    ['apache', '/actfcgid/env.pl/e', '/actfcgid/env.pl', '/e', 'actfcgid'],
    ['apache', '/bal/env.pl/e%20x', '/bal/env.pl', '/e x', 'bal'],
    ['apache', '/order', '/order', undef],
    ['apache', '/order/5%20x', '/order', '/5 x'],
    ['apache', '/pass/5', '/pass', '/5'],
    ['apache', '/pass/bin/sh', '/pass', '/bin/sh'],
    ['apache', '/balpass/a/b', '/balpass', '/a/b'],
    ['apache', '/match/env.pl/x%20y', '/match/env.pl', '/x y'],
    ['apache', '/aliased/5', '/aliased', '/5'],
    ['lighttpd', '/order', '/order', undef],
    ['lighttpd', '/order/5%20x', '/order', '/5 x'],
    ['lighttpd', '/bal/env.pl/x', '/bal/env.pl', '/x', 'bal'],
);
mkdir "$www/actfcgid" or die "actfcgid: $!\n";
$sandbox->copy("$www/scripts/$_", "www/actfcgid/$_") for qw(env.pl Effect.pm);
subtest "$_->[0]: $_->[1]" => \&check_seen, @$_ for @seen;
subtest 'twice: what counts' => \&check_twice;
subtest 'what is refused' => \&check_refused;
subtest "$_: spellings of a URL" => \&check_spellings, $_ for qw(nginx apache lighttpd);
subtest 'methods in any case' => \&check_methods;
subtest 'the last front controller' => \&check_address;
subtest 'a link that changes' => \&check_link;
subtest 'an interpreter, and a link' => \&check_interpreter;
$sandbox->finish;

# ---- servers ----

sub nginx_conf {
    my $dir = $sandbox->dir;
    my $user = $> == 0 ? 'user www-data;' : '';
    my $temp = join "\n", map { "${_}_temp_path $dir/run/nginx-$_;" } qw(client_body fastcgi proxy scgi uwsgi);
    my $file = 'fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;';
    my %location = (
        '/order' => $file, '/app/' => $file, '/glob' => $file, '~ ^/+order//' => $file, '/bare' => '',
        '/cgi' => $file, '~ ^/+cgi/+' => $file,
        '/info' => "$file fastcgi_param PATH_INFO \$fastcgi_script_name;",
        '~ ^/split(/.*)?$' => "$file fastcgi_param PATH_INFO \$1;",
        '/rooted' => "$file fastcgi_param SCRIPT_NAME ''; fastcgi_param PATH_INFO \$fastcgi_script_name;",
        '/mounted' => "fastcgi_param SCRIPT_FILENAME $www/scripts/env.pl; fastcgi_param SCRIPT_NAME '';"
            . 'fastcgi_param PATH_INFO $fastcgi_script_name;',
        '~ ^/twice/(.*)' => "fastcgi_param SCRIPT_FILENAME /nowhere; fastcgi_param SCRIPT_FILENAME $www/scripts/\$1;"
            . 'fastcgi_param SERVER_NAME shop.example; fastcgi_param HTTP_HOST one; fastcgi_param HTTP_HOST two;',
        '/twofold' => "$file fastcgi_param SCRIPT_NAME /wrong; fastcgi_param SCRIPT_NAME \$fastcgi_script_name;",
        '/lengths' => "$file fastcgi_param CONTENT_LENGTH 7;",
        '/verbs' => "$file fastcgi_param REQUEST_METHOD GET;",
        '/encoded' => "fastcgi_param SCRIPT_NAME \$request_uri; fastcgi_param SCRIPT_FILENAME $www/cgi/effect.pl;",
        # Their SCRIPT_NAME has to be found in the URL, which the client makes longer.
        '/single' => "fastcgi_param SCRIPT_NAME ''; fastcgi_param PATH_INFO \$fastcgi_script_name;"
            . "fastcgi_param SCRIPT_FILENAME $www/cgi/effect.pl;",
        '/pathed' => "fastcgi_param SCRIPT_FILENAME $www/cgi/effect.pl;",
        '/none' => $file, '/urlless' => "fastcgi_param SCRIPT_NAME ''; fastcgi_param DOCUMENT_URI '';"
            . "fastcgi_param REQUEST_URI ''; fastcgi_param SCRIPT_FILENAME $www/scripts/env.pl;",
    );
    my $locations = join "\n", map {
        "location $_ { include /etc/nginx/fastcgi_params; $location{$_} fastcgi_pass unix:$dir/run/retrysafe.sock; }"
    } sort keys %location;
    return $sandbox->write('conf/urls-nginx.conf', <<"END");
$user daemon off; pid $dir/run/nginx.pid; error_log $dir/run/nginx.log; events { }
http { access_log off; $temp
server { listen 127.0.0.1:$port{nginx}; root $www; merge_slashes off;
$locations
} }
END
}

sub apache_conf {
    my $dir = $sandbox->dir;
    my $sock = "unix:$dir/run/retrysafe.sock|fcgi://localhost";
    my $load = join "\n", map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so" }
        qw(mpm_event authz_core alias mime actions fcgid proxy proxy_fcgi proxy_balancer slotmem_shm
        lbmethod_byrequests);
    my $user = $> == 0 ? "User www-data\nGroup www-data" : '';
    return $sandbox->write('conf/urls-apache.conf', <<"END");
ServerRoot "$dir/run"
DefaultRuntimeDir "$dir/run"
PidFile "$dir/run/apache.pid"
ErrorLog "$dir/run/apache.log"
Listen 127.0.0.1:$port{apache}
$load
$user
ServerName localhost
DocumentRoot "$www"
TypesConfig /etc/mime.types
MergeSlashes Off
FcgidIPCDir "$dir/run/fcgid"
FcgidProcessTableFile "$dir/run/fcgid-table"
FcgidInitialEnv RETRYSAFE_CONFIG "$dir/conf/retrysafe.json"
<Directory "$www">
Require all granted
</Directory>
<Directory "$dir/bin">
Require all granted
</Directory>
<Proxy "balancer://gateways">
BalancerMember "$sock"
</Proxy>
Action rs /gw virtual
<Location "/gw">
SetHandler "proxy:$sock"
</Location>
<Location "/act/">
SetHandler rs
</Location>
Action rsfcgid /gwfcgid virtual
<Location "/gwfcgid">
SetHandler fcgid-script
Options +ExecCGI
FcgidWrapper "$dir/bin/retrysafe.fcgi" virtual
</Location>
<Location "/actfcgid/">
SetHandler rsfcgid
</Location>
<Location "/bal/">
SetHandler "proxy:balancer://gateways"
</Location>
<Location "/cgi">
SetHandler "proxy:$sock"
</Location>
ProxyPass "/order" "$sock"
ProxyPass "/pass" "$sock/"
ProxyPass "/balpass" "balancer://gateways"
ProxyPass "/aliased" "$sock$www/scripts/env.pl"
ProxyPassMatch "^/match/(.*)\$" "$sock$www/scripts/\$1"
END
}

sub lighttpd_conf {
    my $dir = $sandbox->dir;
    my $user = $> == 0 ? qq(server.username = "www-data"\nserver.groupname = "www-data"\n) : '';
    return $sandbox->write('conf/urls-lighttpd.conf', <<"END");
server.modules = ( "mod_fastcgi" )
server.document-root = "$www"
server.bind = "127.0.0.1"
server.port = $port{lighttpd}
server.errorlog = "$dir/run/lighttpd.log"
$user
fastcgi.server = ( "/order" => ( ( "socket" => "$dir/run/retrysafe.sock", "check-local" => "disable" ) ),
    ".pl" => ( ( "socket" => "$dir/run/retrysafe.sock" ) ) )
END
}

# ---- requests ----

sub new_key { 'url-key-' . ++$n }

sub ask {
    my ($server, $url, %how) = @_;
    my @headers = ('Content-Type' => 'application/x-www-form-urlencoded', @{ $how{headers} // [] });
    push @headers, 'Idempotency-Key' => qq("$how{key}") if defined $how{key};
    return request($port{$server}, $how{method} // 'POST', $url, headers => \@headers,
        ($how{method} // '') eq 'GET' ? () : (body => 'a=1'));
}

sub view {
    my ($answer) = @_;
    return eval { decode_json($answer->body) } // do { diag $answer->raw; { env => {} } };
}

sub check_seen {
    my ($server, $url, $name, $info, $dir) = @_;
    my $key = new_key();
    my ($first, $retry) = map { ask($server, $url, key => $key) } 1 .. 2;
    my $view = view($first);
    my $env = $view->{env};

    $dir //= 'scripts';
    is $env->{SCRIPT_NAME}, $name, 'SCRIPT_NAME';
    is $env->{PATH_INFO}, $info, 'PATH_INFO';
    is $env->{PATH_TRANSLATED}, defined $info ? "$www$info" : undef, 'PATH_TRANSLATED';
    is $env->{SCRIPT_FILENAME}, "$www/$dir/env.pl", 'SCRIPT_FILENAME';
    is $view->{cwd}, "$www/$dir", 'the working directory';
    is $env->{QUERY_STRING}, $url =~ /\?(.*)/ ? $1 : $env->{QUERY_STRING}, 'the query';
    is_deeply [grep { /^REDIRECT_/ && $_ ne 'REDIRECT_STATUS' } sort keys %$env], [], 'nothing of an Action';
    ok $retry->is_replay && $retry->essence eq $first->essence, 'the retry is a replay' or diag $retry->summary;
    is $effects->runs($key), 1, 'one run';
}

sub check_twice {
    my $env = view(ask('nginx', '/twice/env.pl', key => new_key()))->{env};
    is $env->{SERVER_NAME}, 'shop.example', 'the last SERVER_NAME counts';
    is $env->{HTTP_HOST}, 'two', 'and the last HTTP_HOST';
    for my $url ('/lengths/x', '/verbs/x') {
        my $answer = ask('nginx', $url, key => new_key());
        is $answer->status . ' ' . $answer->problem, '500 configuration', "$url: two that differ";
    }
    like join("\n", $sandbox->logs), qr/\Q$_\E more than once/, "the log names $_"
        for qw(CONTENT_LENGTH REQUEST_METHOD);
    my $key = new_key();
    my $two = request($port{nginx}, POST => '/order/1', body => 'a=1', headers =>
        ['Idempotency-Key' => qq("$key"), 'Idempotency-Key' => '"other"']);
    is $two->status . ' ' . $two->problem, '400 key-invalid', 'two keys of a client are no key';
}

sub check_refused {
    for (['nginx', '/none/env.pl', 404, 'script-missing'], ['nginx', '/orders', 404, 'script-missing'],
        ['nginx', '/glob/x', 404, 'script-missing'], ['nginx', '/urlless/x', 500, 'configuration'],
        ['apache', '/gw/act/env.pl', 404, 'script-missing'], ['apache', '/gw/order', 404, 'script-missing'],
        ['apache', '/gwfcgid/act/env.pl', 404, 'script-missing'], ['apache', '/act/none.pl', 404, 'script-missing']) {
        my ($server, $url, $status, $type) = @$_;
        for my $method (qw(POST GET)) {
            my $answer = ask($server, $url, method => $method, key => new_key());
            is $answer->status . ' ' . $answer->problem, "$status $type", "$server: $method $url" or diag $answer->raw;
        }
    }
    place('www/glob/file', "printf '${SAY}ran'");
    for ('', '/a' x 40) {
        my $answer = ask('nginx', "/glob/file/x.do$_", key => new_key());
        unlike $answer->body, qr/^ran/, 'a file does not run in place of the script of a route';
        is $answer->problem, $_ && 'script-not-allowed', 'a path with more parts than a glob is tried on is refused';
    }
    my $forged = ask('apache', '/gw/act/env.pl', key => new_key(),
        headers => ['Redirect-Handler' => 'rs', 'Handler' => 'rs', 'Path-Translated' => "$www/act/env.pl"]);
    is $forged->status, 404, 'no header field makes an Action';
}

# Without a key, which the route requires, no spelling runs the script.
sub check_spellings {
    my ($server) = @_;
    my @tricks = qw(/cgi/effect.pl //cgi/effect.pl /cgi//effect.pl /cgi/./effect.pl /./cgi/effect.pl
        /cgi/x/../effect.pl /cgi/%65ffect.pl /cgi%2feffect.pl /cgi/effect.pl/ /cgi/effect.pl// /cgi/effect.pl/x
        /cgi//effect.pl//x /cgi/effect.pl/x/.. /cgi/effect.pl%2fx /cgi/effect.pl%2f /cgi/effect.pl/%2e /cgi/effect.pl?x
        /CGI/effect.pl /cgi/EFFECT.PL /cgi/effect.pl. /cgi/effect.pl%20 /cgi/effect.pl;x /cgi/effect.pl%00
        /cgi/effect%2epl /cgi/%2e/effect.pl /cgi/%2e%2e/cgi/effect.pl /cgi/effect.pl/effect.pl /cgi/effect.pl/cgi/effect.pl);
    push @tricks, 'http://localhost/cgi/effect.pl', 'http://localhost//cgi/effect.pl';
    push @tricks, qw(/encoded/effect.pl /encoded/%65ffect.pl /encoded//effect.pl /encoded/effect.pl/ /%65ncoded/effect.pl
        /encoded/effect.pl? /encoded/effect.pl?x /encoded/effect.pl?/cgi/effect.pl /%65ncoded//effect.pl/x?/y/effect.pl
        /encoded//%65ffect.pl//x%2fy /single/effect.pl /single/effect.pl/effect.pl /single/effect.pl/cgi/effect.pl
        /single//effect.pl/www/cgi/effect.pl /pathed/effect.pl/x /pathed/effect.pl/cgi/effect.pl) if $server eq 'nginx';
    my $reach = 0;
    for my $url (@tricks) {
        my $before = $effects->runs;
        my $answer = ask($server, $url);
        is $effects->runs, $before, "$url: nothing ran" or diag $answer->raw;
        ok $answer->status >= 400, "$url: refused";
        $reach += ask($server, $url, method => 'GET')->status == 200;
    }
    cmp_ok $reach, '>=', 6, "$reach of the spellings reach the script";
}

# Apache hands methods on as they are; nginx and lighttpd know upper case only.
sub check_methods {
    my $socket = socket_path($sandbox);
    for my $method (qw(post Post pOST patch)) {
        my $key = new_key();
        my ($first, $retry) = map { ask('apache', '/act/env.pl', method => $method, key => $key) } 1 .. 2;
        is view($first)->{env}{REQUEST_METHOD}, $method, "$method arrives as it was sent";
        ok $retry->is_replay, "$method is protected" or diag $retry->summary;
        is $effects->runs($key), 1, "$method: one run";
    }
    for my $method (qw(get Head options)) {
        my $key = new_key();
        my @answers = map { fastcgi_request($socket, params => [params(script => "$www/act/env.pl", uri => '/act/env.pl',
            method => $method, key => $key)])->{response} } 1 .. 2;
        ok !$answers[1]->is_replay, "$method is never claimed";
        is $effects->runs($key), 2, "$method: runs each time";
    }
    my $none = ask('apache', '/cgi/effect.pl', method => 'post');
    is $none->problem, 'key-missing', 'a key is required of `post`';
}

# All below a front controller is one address; its operations have their own.
sub check_address {
    my $key = new_key();
    my @problems = map { ask('nginx', "/order/$_", key => $key)->problem } 1 .. 2;
    is_deeply \@problems, ['', 'key-reused'], 'the same key for another path is another request';
    my ($exit, @list) = verb($sandbox, 'list', '--limit', 1);
    is $list[0]{route}, '/order', 'the operation is of the route';
    my $answer = request($port{nginx}, GET => "/order/1?_operation=$list[0]{ref}");
    ok $answer->is_replay, 'and has an address of its own' or diag $answer->raw;
}

# ---- what is checked is what is executed ----

sub place {
    my ($file, $text) = @_;
    my $path = $sandbox->write($file, "#!/bin/sh\ncat >/dev/null\n$text\n");
    chmod 0755, $path or die "$path: $!\n";
    return $path;
}

sub check_link {
    my $good = place('www/act/good.sh', "[ -r ./settings ] && . ./settings\nprintf '${SAY}approved%s' \"\$X\"");
    my $bad = place('guest/bad.sh', "printf '${SAY}not approved'");
    my $link = $sandbox->path('guest/x.pl');
    my $socket = socket_path($sandbox);
    my $ask = sub {
        fastcgi_request($socket, params => [params(script => $link, uri => '/aliased/x', key => new_key())])->{response};
    };
    my $point = sub { symlink $_[0], "$link.new"; rename "$link.new", $link or die "$link: $!\n" };

    $sandbox->write('guest/settings', "X=' with settings of others'\n");
    $point->($good);
    is $ask->()->body, 'approved', 'a link from outside to inside runs in the directory of the script';
    my $flipper = fork // die "fork: $!\n";
    if (!$flipper) {
        my $parent = getppid;
        while (getppid == $parent) { $point->($_) for $bad, $good }
        POSIX::_exit(0);
    }
    my %answers;
    # On a busy machine the link may look the same for a while.
    for (1 .. 4000) {
        my $answer = $ask->();
        $answers{ $answer->problem || $answer->body }++;
        last if $_ >= 400 && $answers{approved} && $answers{'script-not-allowed'};
    }
    kill 'KILL', $flipper;
    waitpid $flipper, 0;
    ok !exists $answers{'not approved'}, 'what was not checked does not run' or diag explain \%answers;
    cmp_ok $answers{approved} // 0, '>', 0, 'what was checked does';
    cmp_ok $answers{'script-not-allowed'} // 0, '>', 0, 'the link did change';
    unlink $link;
}

# An interpreter opens what SCRIPT_FILENAME says, as php-cgi does, or its argument.
sub check_interpreter {
    my $shown = place('bin/interpret', "printf '${SAY}%s\\n%s\\n%s' \"\$1\" \"\$SCRIPT_FILENAME\" \"\$PWD\"");
    my $file = $sandbox->write('www/act/page.x', '');
    symlink $file, $sandbox->path('guest/page.x');
    write_config($sandbox, routes => [{ match => '*.x', interpreter => [$shown] }]);
    my $answer = fastcgi_request(socket_path($sandbox), params => [params(script => $sandbox->path('guest/page.x'),
        uri => '/p.x', key => new_key())])->{response};
    is $answer->body, "$file\n$file\n$www/act", 'an interpreter gets the file that was checked';
}
