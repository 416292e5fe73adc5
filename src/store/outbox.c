/* SPDX-License-Identifier: ISC */
/*
 * store/outbox.c - what messages of all engines have in common: their state in a word, and freeing
 *
 * Does not know: where messages are stored, and how they are delivered.
 */
#include "store/outbox.h"

#include <stdlib.h>
#include <string.h>

const char message_given_up[] = "given up: ";

const char *message_state(const struct message *m)
{
	if (m->due_ms != 0)
		return "waiting";
	return strncmp(m->said, message_given_up, strlen(message_given_up)) == 0 ? "given up"
										 : "delivered";
}

void message_free(struct message *m)
{
	free(m->url);
	memset(m, 0, sizeof(*m));
}
