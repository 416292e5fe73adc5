# Claim: every example in cgi-bin/ has its effect twice when it is sent twice, and once behind
# retrysafe, where the retry gets the first answer.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client qw(request);
use FastCgi qw(fastcgi_request);
use Gateway qw(write_config start_gateway socket_path);
use JSON::PP qw(decode_json);
use Sandbox;
use Server;
use Test::More;

my $FORM = 'application/x-www-form-urlencoded';
my $sandbox = Sandbox->new;
my $cgi_bin = $sandbox->root . '/cgi-bin';

$sandbox->copy("$cgi_bin/$_", "www/cgi-bin/$_") for qw(order.pl contact.sh form.php);
my $count = $sandbox->path('www/cgi-bin/count.cgi');
is system('cc', '-o', $count, "$cgi_bin/count.c"), 0, 'count.c compiles';
$sandbox->give_dir('www/var', 0755);
write_config($sandbox, routes => [
    { match => '*.php', interpreter => ['/usr/bin/php-cgi', '-d', 'cgi.force_redirect=0'] },
    { match => '*/order.pl', release_on => ['400'],
        key_from => ['header:Idempotency-Key', 'form:_idempotency_key'] },
    { match => '*' },
]);
start_gateway($sandbox);

subtest 'order.pl' => sub {
    my @both = check('order.pl', 'var/orders.jsonl', 'item=Tea&quantity=2&name=Zo%C3%AB',
        HTTP_ACCEPT => 'application/json');
    is $both[0]->status, 201, 'created';
    is_deeply decode_json($both[0]->body),
        { order => 1, item => 'Tea', quantity => 2, name => "Zo\xeb" }, 'as JSON';
    is $both[0]->header('Location'), '/cgi-bin/order.pl/1', 'and where';
    my $page = ask('order.pl', 'item=a%3Cb&quantity=1');
    like $page->body, qr{<td>a&lt;b\n}, 'as a page';
    is ask('order.pl', 'item=&quantity=1')->status, 400, 'an order of nothing is refused';
};
subtest 'the form of order.pl' => sub {
    my ($form, $other) = map { ask('order.pl', '', method => 'GET') } 1 .. 2;
    my ($key) = $form->body =~ /name="_idempotency_key" value="([0-9a-f-]{36})"/;
    my $before = lines('var/orders.jsonl');
    my $send = sub { ask('order.pl', "_idempotency_key=$key&item=Tea&quantity=$_[0]") };

    is $form->header('Cache-Control'), 'no-store', 'it is not kept';
    unlike $other->body, qr/\Q$key\E/, 'and has another key each time';
    is $send->('many')->status, 400, 'a mistake is told';
    my ($first, $again) = map { $send->(2) } 1 .. 2;
    is $first->status, 201, 'and can be corrected, with the same key';
    ok $again->is_replay, 'the button pressed twice';
    is lines('var/orders.jsonl'), $before + 1, 'is one order';
};
subtest 'contact.sh' => sub {
    my @both = check('contact.sh', 'var/messages.txt', 'name=Ada&message=hello');
    is $both[0]->status, 201, 'created';
};
subtest 'form.php' => sub {
    plan skip_all => 'php-cgi is not installed' if !-x '/usr/bin/php-cgi';
    my @both = check('form.php', 'var/signups.txt', 'email=ada%40example.org');
    is $both[0]->status, 201, 'created';
    like $both[0]->body, qr/Welcome, ada\@example\.org!/, 'with a page';
};
subtest 'count.c' => sub {
    my @both = check('count.cgi', undef, '');
    is $both[0]->body, "1\n", 'counted once';
    is ask('count.cgi', '')->body, "2\n", 'and once more without a key';
};
subtest 'order-control.cgi' => \&check_control_file;
$sandbox->finish;

# One request without a web server; %more are CGI variables, but for the method.
sub ask {
    my ($script, $body, %more) = @_;
    my @params = FastCgi::params(script => $sandbox->path("www/cgi-bin/$script"),
        method => delete $more{method}, uri => "/cgi-bin/$script", body => $body,
        more => [CONTENT_TYPE => $FORM, %more]);
    my $answer = fastcgi_request(socket_path($sandbox), params => \@params, body => $body);
    diag $answer->{stderr} if length $answer->{stderr};
    return $answer->{response} // Answer->parse('');
}

# Sends a POST twice with a key, and then twice without; the answers with the key.  The file gets a
# line each time that the script runs.
sub check {
    my ($script, $file, $body, %more) = @_;
    my @key = (HTTP_IDEMPOTENCY_KEY => qq("$script"));
    my ($first, $retry) = map { ask($script, $body, %more, @key) } 1 .. 2;
    ok $retry->is_replay && !$first->is_replay, 'the retry is a replay' or diag $retry->raw;
    is $retry->essence, $first->essence, 'of the first answer';
    if (defined $file) {
        is lines($file), 1, 'one effect';
        ask($script, $body, %more) for 1 .. 2;
        is lines($file), 3, 'two more when sent twice without a key';
    }
    return ($first, $retry);
}

sub lines { scalar split /^/, $sandbox->read("www/$_[0]") }

# The file as it is, with its placeholders filled in, on a server that knows nothing but CGI.
sub check_control_file {
    my $control = Process::contents("$cgi_bin/order-control.cgi");
    my %place = (RETRYSAFE_CGI => $sandbox->binary('retrysafe.cgi'),
        STORE => $sandbox->path('store/control.db'));
    $control =~ s/\@(\w+)\@/$place{$1}/g;
    chmod 0755, $sandbox->write('www/control/order-control.cgi', $control) or die "chmod: $!\n";
    $sandbox->copy("$cgi_bin/order.pl", 'www/control/order.pl');
    my $lighttpd = Server->start($sandbox, 'lighttpd');
    my $before = lines('var/orders.jsonl');
    my $post = sub {
        request($lighttpd->port, POST => '/control/order-control.cgi',
            body => 'item=Tea&quantity=1', headers => ['Content-Type' => $FORM, @_]);
    };
    my ($first, $retry) = map { $post->('Idempotency-Key' => 'control-1') } 1 .. 2;

    is $first->status, 201, 'created' or diag $first->raw;
    ok $retry->is_replay, 'the retry is a replay';
    is $retry->essence, $first->essence, 'of the first answer';
    is lines('var/orders.jsonl'), $before + 1, 'one order';
    my $keyless = $post->();
    is_deeply [$keyless->status, $keyless->problem], [400, 'key-missing'], 'a key is required';
    is lines('var/orders.jsonl'), $before + 1, 'and nothing runs without';
}
