# SPDX-License-Identifier: ISC
#
# First.pm - first runs: throughput at 8 clients (first-c, first-perl), latency of one (latency)
#
# nginx keeps its connections to retrysafe, as in conf/nginx.conf.  A kept connection occupies one of
# fcgiwrap's processes, so nginx asks fcgiwrap without keeping connections, as it has to be
# configured, and retrysafe once in this way, too; and once with `durability: off`, which shows the
# cost of a run's two syncs.
#
# The scripts are also started without any gateway (programs/spawn.c): a limit that no gateway on this
# machine can reach, because it needs processor time itself.
package Row::First;
use strict;
use warnings;
use utf8;
use Load qw(spread);
use Machine qw(fdatasync_us);
use Programs qw(program output);
use Stage;
use Throughput qw(throughput checked_rounds spreads);

my $CLIENTS = 8;

sub figures {
    return (
        ['first-c/nginx', sub { nginx($_[0], 'first-c/nginx', 'C', 'script.cgi', 1.0) }],
        ['first-c/lighttpd', sub { lighttpd($_[0]) }],
        ['first-c/apache', sub { apache($_[0]) }],
        ['first-perl', sub { nginx($_[0], 'first-perl', 'Perl', 'script.pl', 1.1) }],
        ['latency', sub { latency($_[0]) }],
    );
}

# retrysafe and fcgiwrap, both with as many workers, behind one nginx.
sub nginx_stage {
    my ($workers) = @_;
    my $stage = Stage->new(clients => $workers);
    $stage->prepare('retrysafe', 'fcgiwrap', 'alone');
    $stage->gateway('retrysafe');
    $stage->fcgiwrap($workers);
    return ($stage, $stage->nginx(map { ($_ => $stage->fastcgi($_)) } 'retrysafe', 'fcgiwrap'));
}

sub both {
    my ($port, $script) = @_;
    return map { ("nginx + $_" => { port => $port, prefix => $_, script => $script }) } qw(retrysafe fcgiwrap);
}

# prefix => what it is called
my %BEHIND_NGINX = (
    keep => 'nginx + retrysafe, fastcgi_keep_conn', retrysafe => 'nginx + retrysafe',
    off => 'nginx + retrysafe, fastcgi_keep_conn, durability off', fcgiwrap => 'nginx + fcgiwrap',
);

sub nginx {
    my ($options, $only, $language, $script, $target) = @_;
    my $stage = Stage->new(clients => $CLIENTS);
    $stage->prepare(keys %BEHIND_NGINX, 'alone');
    $stage->gateway('retrysafe');
    $stage->gateway('off', durability => 'off');
    $stage->fcgiwrap($CLIENTS);
    my $port = $stage->nginx(retrysafe => $stage->fastcgi('retrysafe'), fcgiwrap => $stage->fastcgi('fcgiwrap'),
        keep => $stage->fastcgi('retrysafe', keep => $CLIENTS), off => $stage->fastcgi('off', keep => $CLIENTS));
    my @alone;
    my @results = throughput($options, $stage, size => 300, load => { clients => $CLIENTS },
        candidates => [map { ($BEHIND_NGINX{$_} => { port => $port, prefix => $_, script => $script }) }
            sort keys %BEHIND_NGINX],
        besides => ["$language script alone" => sub {
            push @alone, alone($stage, $script, $_[0]);
            return { rate => $alone[-1] };
        }],
        results => [map { +{ only => $only, ours => $BEHIND_NGINX{$_}, compared => $BEHIND_NGINX{fcgiwrap},
            says => "first run, $language script, $CLIENTS clients: $BEHIND_NGINX{$_} against $BEHIND_NGINX{fcgiwrap}",
            $_ eq 'keep' ? (target => ['>=', $target]) : () } } qw(keep retrysafe off)]);
    $stage->close;
    shift @alone;    # the warm-up
    my $limit = spread(@alone)->{median};
    push @{ $results[0]{notes} }, map { sprintf '%s reaches %.2f of what the scripts alone do (%.0f /s)', $_,
        $results[0]{figures}{$_}{rate}{median} / $limit, $limit } @{ $results[0]{order} };
    return @results;
}

# Runs a second of the script alone, by as many processes as there are processors.
sub alone {
    my ($stage, $script, $seconds) = @_;
    my $dir = $stage->path('www/alone');
    my ($processors) = output('nproc') =~ /(\d+)/;
    my ($rate) = output(join ' ', program('spawn'), $seconds, $processors, $dir, "$dir/$script", 300) =~ /([\d.]+)/;
    return $rate;
}

sub lighttpd {
    my ($options) = @_;
    my $stage = Stage->new(clients => $CLIENTS);
    $stage->prepare('retrysafe', 'cgi');
    $stage->gateway('retrysafe');
    my $port = $stage->lighttpd(retrysafe => 'socket:retrysafe', cgi => '');
    my @results = throughput($options, $stage, size => 300, load => { clients => $CLIENTS },
        candidates => [
            'lighttpd + retrysafe' => { port => $port, prefix => 'retrysafe', script => 'script.cgi' },
            'lighttpd mod_cgi' => { port => $port, prefix => 'cgi', script => 'script.cgi' },
        ],
        results => [{ only => 'first-c/lighttpd', ours => 'lighttpd + retrysafe', compared => 'lighttpd mod_cgi',
            says => "first run, C script, $CLIENTS clients, durability full: lighttpd + retrysafe (FastCGI) against lighttpd mod_cgi",
            target => ['>=', 0.9] }]);
    $stage->close;
    return @results;
}

# Apache's lines for mod_fcgid with so many gateways, all on the store of conf/NAME.json.
sub fcgid_lines {
    my ($stage, $name, $n) = @_;
    return $stage->handler($name, 'fcgid-script',
            sprintf('FcgidWrapper "%s" .cgi', $stage->sandbox->binary('retrysafe.fcgi')))
        . sprintf("FcgidInitialEnv RETRYSAFE_CONFIG \"%s\"\n", $stage->path("conf/$name.json"))
        . "FcgidMaxProcessesPerClass $n\nFcgidMinProcessesPerClass $n\nFcgidMaxProcesses $n\n"
        . "FcgidIOTimeout 300\nFcgidMaxRequestLen 16777216\n"
        # So that it starts them at once, and does not end them between the rounds.
        . "FcgidSpawnScoreUpLimit 1000\nFcgidIdleTimeout 3600\nFcgidProcessLifeTime 0\n";
}

sub proxy_handler {
    my ($stage, $name) = @_;
    return sprintf 'proxy:unix:%s|fcgi://localhost', $stage->path('run', "$name.sock");
}

sub apache {
    my ($options) = @_;
    my $stage = Stage->new(clients => $CLIENTS);
    $stage->prepare('fcgid', 'proxy', 'cgid');
    $stage->config('fcgid', workers => 1);
    $stage->gateway('proxy');
    my $port = $stage->apache(fcgid_lines($stage, 'fcgid', $CLIENTS)
        . $stage->handler('proxy', proxy_handler($stage, 'proxy')) . $stage->handler('cgid', 'cgi-script'));
    my %named = (fcgid => 'Apache mod_fcgid + retrysafe', proxy => 'Apache mod_proxy_fcgi + retrysafe',
        cgid => 'Apache mod_cgid');
    my @results = throughput($options, $stage, size => 300, load => { clients => $CLIENTS },
        candidates => [map { ($named{$_} => { port => $port, prefix => $_, script => 'script.cgi' }) }
            qw(fcgid proxy cgid)],
        results => [map { +{ only => 'first-c/apache', ours => $named{$_}, compared => $named{cgid},
            says => "first run, C script, $CLIENTS clients, durability full: $named{$_} against $named{cgid}",
            target => ['>=', 1.0] } } qw(proxy fcgid)]);
    $stage->close;
    return @results;
}

sub latency {
    my ($options) = @_;
    my ($stage, $port) = nginx_stage(1);
    my ($ours, $compared) = ('nginx + retrysafe', 'nginx + fcgiwrap');
    my $store = $stage->path('store');
    my %rounds = checked_rounds($options, $stage, size => 300, load => { clients => 1, raw => 1 },
        candidates => [both($port, 'script.cgi')],
        besides => [disk => sub { fdatasync_us($store, 1) }]);
    my ($a, $b, $disk) = @rounds{$ours, $compared, 'disk'};
    my ($bad, $requests) = (0, 0);
    $bad += $_->{bad}, $requests += $_->{requests} for @$a, @$b;
    my %figures = (map({ ($_ => spreads($rounds{$_}, qw(p50 p99 rate))) } $ours, $compared),
        'fdatasync of this disk' => spreads($disk, 'us'));
    my %common = (bad => $bad, requests => $requests, only => 'latency');
    $stage->close;
    return (
        { %common, figures => \%figures, unit => 'ms', target => ['<=', 0.2],
            says => "first run, 1 client: p50 beyond fcgiwrap's p50 and two fdatasyncs of this disk",
            value => spread(map { ($a->[$_]{p50} - $b->[$_]{p50} - 2 * $disk->[$_]{us}) / 1000 } 0 .. $#$a) },
        { %common, unit => 'x', target => ['<=', 3], says => 'first run, 1 client: p99 over p50',
            value => spread(map { $_->{p99} / $_->{p50} } @$a) },
    );
}

1;
