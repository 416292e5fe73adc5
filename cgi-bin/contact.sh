#!/bin/sh
# SPDX-License-Identifier: ISC
#
# contact.sh - a contact form in the shell: keeps each message, still form-encoded, one a line
#
#   POST contact.sh     name=...&message=...   201, plain text
#
# Messages go to $MESSAGES_FILE, else to ../var/messages.txt beside cgi-bin/.  One short write in
# append mode is all the locking there is, as in so many scripts of this kind; behind retrysafe a
# retried message is at least not kept twice.
set -u

file=${MESSAGES_FILE:-$(dirname "$0")/../var/messages.txt}

answer() { # status text
    printf 'Status: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\n' "$1" "$2"
    exit 0
}

case ${REQUEST_METHOD:-GET} in
POST) ;;
*) answer '405 Method Not Allowed' 'Send your message by POST.' ;;
esac

length=${CONTENT_LENGTH:-0}
case $length in
*[!0-9]* | ??????*) answer '413 Content Too Large' 'Please be brief.' ;;
esac

# One line whatever was sent; the encoding keeps honest line ends as %0A.
message=$(head -c "$length" | tr -d '\000-\037')
case $message in
*message=?*) ;;
*) answer '400 Bad Request' 'There is no message.' ;;
esac

printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$message" >>"$file" ||
    answer '500 Internal Server Error' 'The message was not kept.'
answer '201 Created' 'Thank you, we have your message.'
