# SPDX-License-Identifier: ISC
#
# Stage.pm - a sandbox with web servers, gateways and compared programs, all with equal settings
#
#   my $stage = Stage->new(clients => 8);
#   $stage->gateway('rs', workers => 8);               # retrysafe serve on run/rs.sock
#   $stage->fcgiwrap(8);                               # on run/fcgiwrap.sock
#   my $port = $stage->nginx(rs => $stage->fastcgi('rs'), fcgiwrap => $stage->fastcgi('fcgiwrap'));
#   $stage->close;
#
# Every candidate has a URL prefix of its own, with a copy of the script and the file `effects` in
# www/PREFIX/, so that the runs of each can be counted.  Nothing here measures.
package Stage;
use strict;
use warnings;
use Client qw(request);
use Gateway ();
use JSON::PP ();
use Process qw(wait_until is_alive listens_on free_port stop_process);
use Programs qw(program source);
use Sandbox;

my %open;

sub new {
    my ($class, %more) = @_;
    my $self = bless { sandbox => Sandbox->new, %more }, $class;
    return $open{ $self->path } = $self;
}

sub sandbox { $_[0]{sandbox} }
sub path { my $self = shift; $self->{sandbox}->path(@_) }

# www/PREFIX/ with the scripts, script.cgi (C) and script.pl, and an empty file of effects.
sub prepare {
    my ($self, @prefixes) = @_;
    for my $prefix (@prefixes) {
        $self->{sandbox}->copy(program('script'), "www/$prefix/script.cgi");
        chmod 0755, $self->{sandbox}->copy(source('script.pl'), "www/$prefix/script.pl");
        my $effects = $self->{sandbox}->write("www/$prefix/effects", '');
        chmod 0666, $effects or die "$effects: $!\n";
    }
}

# How often the scripts of a prefix have run.
sub effects { -s $_[0]->path('www', $_[1], 'effects') || 0 }

# Writes conf/NAME.json, with a store of its own, and returns its path.
sub config {
    my ($self, $name, %settings) = @_;
    my $route = delete $settings{route} // {};
    my %config = (
        store => 'sqlite:' . $self->path("store/$name.db"),
        spool => $self->path('spool'),
        durability => 'full',
        script_dirs => [$self->path('www')],
        # No limit of ours below what the load asks for.
        routes => [{ match => '*', max_running => 64, %$route }],
        %settings,
    );
    return $self->{sandbox}->write("conf/$name.json", JSON::PP->new->canonical->pretty->encode(\%config));
}

# Starts `retrysafe serve` on run/NAME.sock.  `env` and `program` for the environment and another
# binary, `route` for settings of the route, all else is the configuration's.  Returns the pid.
sub gateway {
    my ($self, $name, %settings) = @_;
    my %how = map { ($_ => delete $settings{$_}) } qw(env program);
    my $config = $self->config($name, workers => $self->{clients} // 8, %settings);
    my $socket = $self->path('run', "$name.sock");
    return $self->{pid}{$name} = $self->start_on_socket($socket, $name, $how{env} // {},
        $how{program} // $self->{sandbox}->binary, 'serve', '--config', $config, '--listen',
        "unix:$socket");
}

# Ends a gateway or a compared program by its name, and waits for its end.
sub stop {
    my ($self, $name) = @_;
    defined stop_process(delete $self->{pid}{$name}, 'TERM', 20) or die "$name did not end on TERM\n";
}

sub pid { $_[0]{pid}{ $_[1] } }

# The keeper of a gateway: its only child.
sub keeper {
    my ($self, $name) = @_;
    my $pid = $self->pid($name);
    my @children = split ' ', Process::contents("/proc/$pid/task/$pid/children");
    @children == 1 or die "the gateway has @{[scalar @children]} children\n";
    return $children[0];
}

# fcgiwrap with so many processes on run/fcgiwrap.sock.
sub fcgiwrap {
    my ($self, $n) = @_;
    my $socket = $self->path('run/fcgiwrap.sock');
    $self->{pid}{fcgiwrap} = $self->start_on_socket($socket, 'fcgiwrap', {}, '/usr/sbin/fcgiwrap', '-c', $n,
        '-s', "unix:$socket");
}

# The constant with so many threads on run/constant.sock.
sub constant {
    my ($self, $n) = @_;
    my $socket = $self->path('run/constant.sock');
    my $program = $self->{sandbox}->copy(program('constant'), 'bin/constant');
    $self->{pid}{constant} = $self->start_on_socket($socket, 'constant', {}, $program, $socket, $n);
}

sub start_on_socket {
    my ($self, $socket, $name, $env, @command) = @_;
    unlink $socket;
    my $pid = $self->{sandbox}->start(name => $name, user => $self->{sandbox}->user, env => $env,
        command => \@command);
    wait_until { !is_alive($pid) || connects($socket) } 60;
    return $pid if is_alive($pid) && -S $socket;
    die "$name did not start:\n", map { "  $_\n" } $self->{sandbox}->logs(5);
}

sub connects {
    require IO::Socket::UNIX;
    return IO::Socket::UNIX->new(Type => IO::Socket::UNIX::SOCK_STREAM(), Peer => $_[0]);
}

# ---- web servers ----

# nginx's lines for a location that goes to run/NAME.sock; `lines` adds some, `keep` a pool of
# connections that stay.
sub fastcgi {
    my ($self, $name, %more) = @_;
    my $to = $more{keep} ? "$name-keep" : 'unix:' . $self->path('run', "$name.sock");
    $self->{upstreams} .= sprintf "upstream %s-keep { server unix:%s; keepalive %d; }\n", $name,
        $self->path('run', "$name.sock"), $more{keep} if $more{keep};
    return join "\n", 'include /etc/nginx/fastcgi_params;',
        'fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;',
        "fastcgi_pass $to;", $more{keep} ? 'fastcgi_keep_conn on;' : (), $more{lines} // ();
}

# Starts nginx with a location for each PREFIX => LINES, and returns its port.
sub nginx {
    my ($self, %locations) = @_;
    my $run = $self->path('run');
    my $user = $> == 0 ? 'user ' . $self->{sandbox}->user . ';' : '';
    my $upstreams = delete $self->{upstreams} // '';
    my $text = join '', map { "location /$_/ {\n$locations{$_}\n}\n" } sort keys %locations;
    return $self->server('nginx', <<"END", sub { '-c', $_[0], '-e', "$run/nginx-start.log" });
daemon off; worker_processes 2; $user pid $run/nginx.pid; error_log $run/nginx-error.log error;
worker_rlimit_nofile 8192;
events { worker_connections 1024; }
http {
access_log off; keepalive_timeout 65; keepalive_requests 100000000; client_max_body_size 0;
client_body_temp_path $run/b; fastcgi_temp_path $run/f; proxy_temp_path $run/p;
uwsgi_temp_path $run/u; scgi_temp_path $run/s;
fastcgi_buffers 32 8k; fastcgi_read_timeout 300s;
fastcgi_cache_path $run/cache keys_zone=cache:10m inactive=1h;
$upstreams
server { listen 127.0.0.1:PORT backlog=511; root @{[$self->path('www')]};
$text
} }
END
}

# lighttpd: `retrysafe` => NAME of a gateway's socket, `cgi` => a directory of CGI programs, and
# `assign` => { PREFIX => interpreter }.
sub lighttpd {
    my ($self, %what) = @_;
    my $www = $self->path('www');
    my ($run, $text) = ($self->path('run'), '');
    for my $prefix (sort keys %what) {
        my $how = $what{$prefix};
        $text .= qq(\$HTTP["url"] =~ "^/$prefix/" {\n) . ($how =~ s/^socket://
            ? join '', map { qq(fastcgi.server += ( "$_" => (( "socket" => "$run/$how.sock" )) )\n) } '.cgi', '.pl'
            : qq(cgi.assign = ( ".cgi" => "$how", ".pl" => "$how" )\n)) . "}\n";
    }
    my $user = $> == 0 ? sprintf 'server.username = "%s"', $self->{sandbox}->user : '';
    return $self->server('lighttpd', <<"END", sub { '-D', '-f', $_[0] });
server.modules = ( "mod_setenv", "mod_cgi", "mod_fastcgi" )
server.document-root = "$www"
server.port = PORT
server.bind = "127.0.0.1"
server.errorlog = "$run/lighttpd-error.log"
server.upload-dirs = ( "$run" )
server.max-keep-alive-requests = 1000000
server.max-keep-alive-idle = 60
server.max-fds = 4096
$user
setenv.add-environment = ( "RETRYSAFE_CONFIG" => "@{[$self->path('conf/cgi.json')]}" )
$text
END
}

# Apache, with lines of its own for the directories of www/.
sub apache {
    my ($self, $lines) = @_;
    my ($run, $www) = ($self->path('run'), $self->path('www'));
    my $modules = join '', map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so\n" }
        qw(mpm_event authz_core alias mime env actions cgid fcgid proxy proxy_fcgi);
    my $user = $self->{sandbox}->user;
    my $identity = $> == 0 ? "User $user\nGroup $user" : '';
    return $self->server('apache', <<"END", sub { '-DFOREGROUND', '-f', $_[0] });
$modules
ServerRoot "$run"
DefaultRuntimeDir "$run"
PidFile "$run/apache.pid"
ErrorLog "$run/apache-error.log"
LogLevel error
Listen 127.0.0.1:PORT
ServerName localhost
DocumentRoot "$www"
TypesConfig /etc/mime.types
$identity
Timeout 300
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ScriptSock "$run/cgid.sock"
FcgidIPCDir "$run/fcgid"
FcgidProcessTableFile "$run/fcgid-table"
<Directory "$www">
Require all granted
Options +ExecCGI +FollowSymLinks
CGIPassAuth On
</Directory>
$lines
END
}

# Lines for Apache: the directory of scripts goes to this handler.
sub handler {
    my ($self, $prefix, $handler, @more) = @_;
    return join "\n", sprintf('<Directory "%s">', $self->path('www', $prefix)),
        '<FilesMatch "\.(cgi|pl)$">', "SetHandler \"$handler\"", '</FilesMatch>', @more, "</Directory>\n";
}

my %PROGRAM = (nginx => '/usr/sbin/nginx', lighttpd => '/usr/sbin/lighttpd', apache => '/usr/sbin/apache2');

# Another program may take the port between our look and the server's bind.
sub server {
    my ($self, $kind, $text, $arguments) = @_;
    for (1 .. 3) {
        my $port = free_port();
        my $file = $self->{sandbox}->write("conf/$kind.conf", $text =~ s/\bPORT\b/$port/gr);
        my $pid = $self->{sandbox}->start(name => $kind, command => [$PROGRAM{$kind}, $arguments->($file)]);
        wait_until { !is_alive($pid) || listens_on($pid, $port) } 20;
        if (is_alive($pid) && listens_on($pid, $port)) {
            $self->{pid}{$kind} = $pid;
            return $port;
        }
        stop_process($pid);
    }
    die "$kind did not start:\n", map { "  $_\n" } $self->{sandbox}->logs(10);
}

# Puts all processes that there are on one processor.
sub pin {
    my ($self, $cpu) = @_;
    Programs::output("taskset -a -c -p $cpu $_") for $self->{sandbox}->processes;
}

# One request, before anything is measured: 200 with a body of so many x, or the benchmark ends.
# Returns the answer.
sub probe {
    my ($self, $port, $target, $key, $size, $method) = @_;
    # The host as wrk writes it: it is a part of the identity of what is recorded here.
    my $answer = request($port, $method // 'POST', $target, host => "127.0.0.1:$port", headers => [
        $key eq '' ? () : ('Idempotency-Key' => qq("$key")), 'Content-Type' => 'application/x-www-form-urlencoded',
    ], ($method // '') eq 'GET' ? () : (body => 'a=1'), seconds => 30);
    ($answer->status // 0) == 200 && $answer->body eq 'x' x $size
        or die "$target does not answer as it should: ", $answer->summary, "\n",
        map { "  $_\n" } $self->{sandbox}->logs(10);
    return $answer;
}

# Ends everything, and reports processes that are left.
sub close {
    my ($self) = @_;
    delete $open{ $self->path };
    # fcgiwrap's first process does not end the others.
    kill 'TERM', -$self->{pid}{fcgiwrap} if $self->{pid}{fcgiwrap};
    my @complaints = $self->{sandbox}->close;
    print STDERR map { "  left over: $_\n" } @complaints;
    $self->{sandbox}->remove;
}

# After a failure.
sub close_all { $_->close for values %open }

1;
