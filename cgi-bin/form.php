<?php
// SPDX-License-Identifier: ISC
//
// form.php - a sign-up form for php-cgi, which runs it as an interpreter:
//
//   { "match": "*/form.php", "interpreter": ["/usr/bin/php-cgi", "-d", "cgi.force_redirect=0"] }
//
// php-cgi refuses to work unless REDIRECT_STATUS is set, which not every server does; the setting
// turns that off.  It is safe here, because retrysafe runs only scripts that it was told to run.
//
// Its form names no key.  "unique": ["form:email"] in the route takes each address once, whoever
// sends it; "key_from": ["header:Idempotency-Key", "derive"] takes a double click for one.
//
// GET shows the form, POST keeps the address in $SIGNUPS_FILE, else in ../var/signups.txt.

$file = getenv('SIGNUPS_FILE') ?: __DIR__ . '/../var/signups.txt';

function page(int $status, string $body): void
{
    http_response_code($status);
    header('Content-Type: text/html; charset=utf-8');
    echo "<!doctype html>\n<html lang=\"en\">\n<title>Sign up</title>\n$body\n</html>\n";
    exit;
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    page(200, <<<'END'
        <form method="post">
        <label>E-mail <input type="email" name="email" required></label>
        <button>Sign up</button>
        </form>
        END);
}

$email = filter_var($_POST['email'] ?? '', FILTER_VALIDATE_EMAIL);
if ($email === false) {
    page(400, '<p>That is not an e-mail address.');
}
if (file_put_contents($file, $email . "\n", FILE_APPEND | LOCK_EX) === false) {
    page(500, '<p>We could not keep your address.');
}
page(201, '<p>Welcome, ' . htmlspecialchars($email) . '!');
