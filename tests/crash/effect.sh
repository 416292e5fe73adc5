#!/bin/sh
# SPDX-License-Identifier: ISC
# The smallest script that leaves an effect: a line in effects.log, as tests/scripts/Effect.pm writes
# it, and an answer that no two runs share.  With a query it waits for the gate of that name first.
read -r nonce </proc/sys/kernel/random/uuid
echo "$IDEMPOTENCY_KEY $$ $nonce run" >>"${0%/*}/../effects.log"
while [ -n "$QUERY_STRING" ] && [ ! -e "${0%/*}/../gates/$QUERY_STRING" ] && [ ! -e "${0%/*}/../gates/all" ]; do
    sleep 0.01
done
printf 'Content-Type: text/plain\r\nX-Nonce: %s\r\n\r\nnonce %s\n' "$nonce" "$nonce"
