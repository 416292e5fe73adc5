# SPDX-License-Identifier: ISC
#
# Replay.pm - replays of small and larger answers beside a libfcgi constant, nginx's cache, express
#
# 100 keys in turn, recorded before anything is measured; 8 clients.  fastcgi_cache gets the same
# POSTs, with the key in its cache key: the best that nginx can do alone.  express is asked without a
# web server in front of it, which is its best case.
#
# nginx keeps its connections to retrysafe, as in conf/nginx.conf.  libfcgi pins a thread to each kept
# connection, so nginx asks the constant without keeping connections, as it has to be configured, and
# retrysafe once in this way, too.
package Row::Replay;
use strict;
use warnings;
use utf8;
use Process qw(free_port is_alive listens_on wait_until);
use Programs qw(build_directory output source);
use Stage;
use Throughput qw(throughput);

my $CLIENTS = 8;
my $KEYS = 100;
my %NAME = (
    retrysafe => 'nginx + retrysafe', keep => 'nginx + retrysafe, fastcgi_keep_conn',
    constant => 'nginx + libfcgi constant', cache => 'nginx fastcgi_cache hit',
    limit => 'nginx + libfcgi constant, fastcgi_keep_conn', express => 'express + express-idempotency',
);

# name, compared program, ours, body, target
my @FIGURES = (
    ['replay/constant-300', 'constant', 'keep', 300, 1.1],
    ['replay/constant-64k', 'constant', 'keep', 65536, 1.0],
    ['replay/cache-300', 'cache', 'keep', 300, 0.6],
    ['replay/cache-64k', 'cache', 'keep', 65536, 0.6],
    ['replay/express-300', 'express', 'keep', 300, 2],
    ['replay/express-64k', 'express', 'keep', 65536, 2],
);

sub figures {
    return map { my $figure = $_; [$figure->[0], sub { figure($_[0], @$figure) }] } @FIGURES;
}

# Where the pool of connections does not work for us, what there is without it is measured, and said.
sub figure {
    my ($options, $only, $compared, $ours, @more) = @_;
    my @results = eval { measure(@_) };
    return @results if !$@ || $ours ne 'keep';
    my ($why) = $@ =~ /(.*)/;
    Stage::close_all();
    @results = measure($options, $only, $compared, 'retrysafe', @more);
    push @{ $_->{notes} }, "measured without fastcgi_keep_conn, with which: $why" for @results;
    return @results;
}

sub measure {
    my ($options, $only, $compared, $ours, $size, $target) = @_;
    my $stage = Stage->new(clients => $CLIENTS);
    $stage->prepare($ours, $compared);
    $stage->gateway('retrysafe');
    my %location = ($ours => $stage->fastcgi('retrysafe', keep => $ours eq 'keep' ? $CLIENTS : 0));
    my @also;
    if ($compared eq 'constant') {
        push @also, 'retrysafe';
        $stage->prepare(@also);
        $location{retrysafe} = $stage->fastcgi('retrysafe');
        $stage->constant($CLIENTS);
        $location{constant} = $stage->fastcgi('constant');
    } elsif ($compared eq 'cache') {
        # What FastCGI itself allows: the constant, asked in the same way.
        push @also, 'limit';
        $stage->prepare('limit');
        $stage->constant($CLIENTS);
        $location{limit} = $stage->fastcgi('constant', keep => $CLIENTS);
        $stage->fcgiwrap($CLIENTS);
        $location{cache} = $stage->fastcgi('fcgiwrap', lines => <<'END');
fastcgi_cache cache; fastcgi_cache_methods POST; fastcgi_cache_valid 200 1h;
fastcgi_cache_key "$request_uri $http_idempotency_key"; add_header X-Cache $upstream_cache_status;
END
    }
    my $port = $stage->nginx(%location);
    my %more = (
        cache => { is_fresh => sub { $_[0]->raw =~ /X-Cache: HIT/i or die "nginx did not cache\n" } },
        constant => { no_script => 1 }, limit => { no_script => 1 },
        map({ ($_ => { is_fresh => sub { $_[0]->is_replay or die "not a replay\n" } }) } 'keep', 'retrysafe'),
    );
    $more{express} = { port => express($stage), target => "/express/?$size" } if $compared eq 'express';
    my @results = throughput($options, $stage, size => $size,
        load => { clients => $CLIENTS, kind => 'repeat', keys => $KEYS },
        candidates => [map { ($NAME{$_} => { port => $port, prefix => $_, script => 'script.cgi',
            load => { key => "replay-$_-" }, %{ $more{$_} // {} } }) } $ours, $compared, @also],
        results => [map { +{ only => $only, ours => $NAME{$_}, compared => $NAME{$compared},
            target => $_ eq $ours ? ['>=', $target] : undef,
            says => "replay of a body of $size bytes, $CLIENTS clients: $NAME{$_} against $NAME{$compared}" } } $ours, @also]);
    $stage->close;
    return @results;
}

# Installs express into build/bench/npm, if it is not there, starts it, and returns its port.
sub express {
    my ($stage) = @_;
    my $dir = build_directory() . '/bench/npm';
    output("mkdir -p $dir && cd $dir && npm install --no-audit --no-fund --silent express\@5 express-idempotency\@1")
        if !-d "$dir/node_modules/express-idempotency";
    my $port = free_port();
    my $pid = $stage->sandbox->start(name => 'express', env => { NODE_ENV => 'production', NODE_PATH => "$dir/node_modules" },
        command => ['node', source('express.js'), $port, $stage->path('www/express/effects')]);
    wait_until { !is_alive($pid) || listens_on($pid, $port) } 20;
    is_alive($pid) or die "express did not start:\n", map { "  $_\n" } $stage->sandbox->logs(10);
    return $port;
}

1;
