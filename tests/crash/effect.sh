#!/bin/sh
# SPDX-License-Identifier: ISC
# The smallest script that leaves an effect: a line in effects.log, as tests/scripts/Effect.pm
# writes it, and an answer that no two runs share.  With a query it waits for the gate of that name.
read -r nonce </proc/sys/kernel/random/uuid
above=${0%/*}/..
echo "$IDEMPOTENCY_KEY $$ $nonce run" >>"$above/effects.log"
gate=$above/gates/$QUERY_STRING
while [ -n "$QUERY_STRING" ] && [ ! -e "$gate" ] && [ ! -e "$above/gates/all" ]; do
    sleep 0.01
done
printf 'Content-Type: text/plain\r\nX-Nonce: %s\r\n\r\nnonce %s\n' "$nonce" "$nonce"
