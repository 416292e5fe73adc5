/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/place.c - the places of an address: the sites on which operations of it are known
 *
 * For an operator who names a key without its site.  There is no index of addresses, because no
 * request looks for one: all operations are looked at.
 *
 * Does not know: how a place is made (gateway/site.c).
 */
#include "store/listing.h"
#include "store/sqlite/connection.h"

#include <string.h>

static struct statement find_place =
	SQL("SELECT DISTINCT place FROM operation WHERE address=?1 AND place>?2 ORDER BY place"
	    " LIMIT 1");

/* The first place behind `place`, which it replaces.  ERR_ABSENT: that was the last. */
static enum err find_next(struct store *st, const char *address, unsigned char place[PLACE_LEN])
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_prepare(st, &find_place, &c, &stmt);

	if (e != OK)
		return e;
	sqlite3_bind_text(stmt, 1, address, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, place, PLACE_LEN, SQLITE_STATIC);
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		if (sqlite3_column_bytes(stmt, 0) == PLACE_LEN)
			memcpy(place, sqlite3_column_blob(stmt, 0), PLACE_LEN);
		else
			e = err_set(ERR_BROKEN, "look up: a place has not %d bytes", PLACE_LEN);
		break;
	case SQLITE_DONE:
		e = err_set(ERR_ABSENT, "no operation of %s is known", address);
		break;
	default:
		e = conn_error(c, sqlite3_extended_errcode(c->db), "look up");
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	reader_give(st, &c);
	return e;
}

enum err store_places(struct store *st, const char *address,
	bool (*each)(const unsigned char place[PLACE_LEN], void *arg), void *arg)
{
	unsigned char place[PLACE_LEN] = {0}; /* no digest is all zero */
	enum err e;

	do {
		e = find_next(st, address, place);
	} while (e == OK && each(place, arg));
	return e == ERR_ABSENT ? OK : e;
}
