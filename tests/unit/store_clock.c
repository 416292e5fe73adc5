/* SPDX-License-Identifier: ISC */
/*
 * Claim: the store's clock never goes back, follows the wall clock, and believes a jump forward of
 * more than a day only after it has lasted a day; all processes of a store share it.
 */
#include "store/archive.h"
#include "store/clock.h"
#include "store/sqlite/engine.h"
#include "store_try.h"

#define MINUTE INT64_C(60000)
#define HOUR   INT64_C(3600000)
#define DAY    INT64_C(86400000)
#define START  INT64_C(1800000000000)

static struct store_clock clock_of_a_store;
static struct clock_reading machine;

static void begin(void)
{
	machine = (struct clock_reading){START, 1000, 7};
	clock_of_a_store = store_clock_start(&machine);
}

/* Time passes, and the wall clock is put ahead by so much besides; the store's time since START. */
static int64_t pass(int64_t ms, int64_t jump_ms)
{
	machine.boot_ms += ms;
	machine.wall_ms += ms + jump_ms;
	return store_clock_move(&clock_of_a_store, &machine) - START;
}

/* The machine was off for so long. */
static int64_t restart(int64_t off_ms)
{
	machine.boot_id++;
	machine.boot_ms = 500;
	machine.wall_ms += off_ms;
	return store_clock_move(&clock_of_a_store, &machine) - START;
}

static void follow(void)
{
	begin();
	is_int(pass(HOUR, 0), HOUR, "it goes with the wall clock");
	is_int(pass(HOUR, 5000), 2 * HOUR + 5000, "also where that is put ahead");
	is_int(pass(0, -HOUR), 2 * HOUR + 5000, "it does not go back with it");
	is_int(pass(HOUR, 0), 3 * HOUR + 5000, "but goes on");
	is_int(pass(30 * DAY, HOUR), 3 * HOUR + 5000 + 30 * DAY, "after long silence, too");
	is_int(pass(MINUTE, DAY), 4 * HOUR + 31 * DAY + MINUTE - HOUR + 5000,
		"a jump of a day is believed");
	begin();
	is_int(pass(MINUTE, 20 * HOUR), MINUTE + 20 * HOUR, "one of twenty hours");
	is_int(pass(MINUTE, -20 * HOUR), 2 * MINUTE + 20 * HOUR, "and stays so");
	is_int(pass(10 * HOUR, 0), 30 * HOUR + 2 * MINUTE, "at the pace of the monotonic clock");
	machine.boot_ms -= HOUR;
	machine.wall_ms -= 40 * HOUR;
	is_int(pass(0, 0), 30 * HOUR + 2 * MINUTE, "whatever the clocks do, it does not go back");
}

static void doubt_a_jump(void)
{
	begin();
	is_int(pass(MINUTE, 40 * DAY), MINUTE, "a jump of forty days is not believed");
	is_int(pass(HOUR, 0), HOUR + MINUTE, "an hour later neither");
	is_int(pass(0, -40 * DAY), HOUR + MINUTE, "and it was wrong");
	is_int(pass(MINUTE, 40 * DAY), HOUR + 2 * MINUTE, "another one");
	for (int i = 1; i <= 23; i++)
		pass(HOUR, 0);
	is_int(pass(HOUR - 1, 0), 25 * HOUR + 2 * MINUTE - 1, "is doubted for a day");
	is_int(pass(1, 0), 65 * DAY + HOUR + 2 * MINUTE - 24 * DAY, "and then believed");
	is_int(pass(HOUR, 0), 41 * DAY + 2 * HOUR + 2 * MINUTE, "from then on it goes on there");

	begin();
	pass(MINUTE, 40 * DAY);
	is_int(pass(30 * HOUR, 0), 30 * HOUR + MINUTE,
		"of the time between two readings an hour counts");
	is_int(pass(22 * HOUR, 0), 52 * HOUR + MINUTE, "also the second time");
	begin();
	pass(MINUTE, 40 * DAY);
	for (int i = 0; i < 23; i++)
		pass(HOUR, 0);
	pass(0, 40 * DAY);
	is_int(pass(HOUR, 0), 24 * HOUR + MINUTE, "another jump behind the first begins anew");
	begin();
	is_int(pass(MINUTE, 2 * DAY), MINUTE, "two days are too many");
	is_int(pass(MINUTE, -DAY), DAY + 2 * MINUTE, "one of them is believed");
}

/* A board without a clock of its own begins in 1970, and hears what time it is later. */
static void begin_in_1970(void)
{
	int64_t was;

	begin();
	machine.wall_ms = 5000;
	clock_of_a_store = store_clock_start(&machine);
	was = store_clock_move(&clock_of_a_store, &machine);
	is_int(was, 5000, "it begins with what there is");
	pass(MINUTE, START);
	is_int(clock_of_a_store.now_ms, 5000 + MINUTE, "goes on when the wall clock is put right");
	for (int i = 0; i < 24; i++)
		pass(HOUR, 0);
	is_int(clock_of_a_store.now_ms, START + 5000 + MINUTE + DAY, "and follows after a day");
}

static void survive_a_restart(void)
{
	begin();
	is_int(restart(HOUR), HOUR, "an hour off");
	is_int(restart(DAY), DAY + HOUR, "a day off");
	is_int(restart(30 * DAY), DAY + HOUR, "a month off is not believed");
	for (int i = 0; i < 23; i++)
		pass(HOUR, 0);
	is_int(restart(0), DAY + 24 * HOUR, "a restart proves nothing");
	is_int(pass(HOUR, 0), 32 * DAY + HOUR, "what lasted before it counts");
	begin();
	pass(MINUTE, 20 * HOUR);
	pass(MINUTE, -20 * HOUR);
	is_int(restart(HOUR), 20 * HOUR + 2 * MINUTE, "ahead of the wall clock it stands");
	machine.wall_ms -= 40 * DAY;
	is_int(restart(0), 20 * HOUR + 2 * MINUTE, "and does not go back over a restart");
	/* A clock that runs in local time is nine hours ahead until the network puts it right. */
	begin();
	for (int i = 0; i < 100; i++) {
		machine.wall_ms += 9 * HOUR;
		restart(10 * HOUR);
		pass(MINUTE, 0);
		pass(8 * HOUR, -9 * HOUR);
	}
	is_int(clock_of_a_store.now_ms - machine.wall_ms, 9 * HOUR,
		"an error at each of a hundred starts does not add up");
	begin();
	machine.boot_id = clock_of_a_store.at.boot_id = 0;
	is_int(pass(HOUR, 0), HOUR, "without a name of the boot the wall clock has to do");
}

/* ---- in a store ---- */

static int64_t row(const char *column)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "SELECT %s FROM clock", column);
	return try_sql(try_db, sql);
}

/* As if the row had been written so long ago. */
static void age_row(int64_t ms)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		"UPDATE clock SET now=now-%lld,wall=wall-%lld,boot_ms=boot_ms-%lld", (long long)ms,
		(long long)ms, (long long)ms);
	try_sql(try_db, sql);
}

static void keep_it(void)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, "a1", 1000);
	int64_t written = row("now"), off;

	off = store_now_ms(st) - clock_wall_ms();
	ok(off >= -50 && off <= 50, "a new store's clock is the wall clock");
	is_int(try_claim(st, &op), 1, "a commit");
	is_int(row("now"), written, "at once after another does not write it");
	store_close(&st);
	age_row(59000);
	written = row("now");
	st = try_store();
	must(store_release(st, &op));
	is_int(row("now"), written, "nor within a minute");
	store_close(&st);
	age_row(1500);
	st = try_store();
	is_int(try_claim(st, &op), 1, "a commit after a minute");
	off = row("now") - clock_wall_ms();
	ok(off >= -2000 && off <= 50, "writes it");
	store_close(&st);
}

/* The wall clock is as far ahead as a row of long ago says that it has been behind. */
static void share_it(void)
{
	struct store *st, *other;
	struct operation op;
	int64_t dropped = 0, forgotten = 0, off;

	age_row(MINUTE);
	try_sql(try_db, "UPDATE clock SET now=now-40*86400000,wall=wall-40*86400000");
	st = try_store();
	off = store_now_ms(st) - clock_wall_ms() + 40 * DAY;
	ok(off >= -2000 && off <= 2000, "forty days ahead: the store's clock stays where it was");
	op = try_operation(st, "b1", store_now_ms(st));
	is_int(try_claim(st, &op), 1, "what is claimed now");
	must(try_record(st, &op, 10, store_now_ms(st), HOUR, HOUR));
	is_int(row("ahead") > 39 * DAY, 1, "a commit says how far the wall clock is ahead");
	must(store_purge(st, store_now_ms(st), &dropped, &forgotten));
	is_int(dropped + forgotten, 0, "nothing is purged");
	age_row(MINUTE);
	try_sql(try_db, "UPDATE clock SET lasted=86399000");
	other = try_store();
	off = store_now_ms(other) - clock_wall_ms();
	ok(off >= -2000 && off <= 50, "what another process has seen for a day is believed");
	off = store_now_ms(st) - clock_wall_ms() + 40 * DAY;
	ok(off >= -2000 && off <= 2000, "one that has the store open does not know it yet");
	st->clock_row.now_ms -= MINUTE; /* as if it had written last a minute ago */
	must(store_release(st, &op));
	off = store_now_ms(st) - clock_wall_ms();
	ok(off >= -2000 && off <= 50, "its next write takes it over");
	try_sql(try_db, "UPDATE clock SET now=now-40*86400000");
	st->clock_row.now_ms -= MINUTE;
	must(store_release(st, &op));
	off = store_now_ms(st) - clock_wall_ms();
	ok(off >= -2000 && off <= 50, "what others have written does not turn it back");
	off = row("now") - clock_wall_ms();
	ok(off >= -2000 && off <= 50, "in the row neither");
	store_close(&other);
	store_close(&st);
	try_sql(try_db, "DELETE FROM clock");
	{
		struct store_options opt = try_options();

		is_int(store_open(&opt, &st), ERR_BROKEN, "a store without one: %s", err_text());
	}
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	follow();
	doubt_a_jump();
	begin_in_1970();
	survive_a_restart();
	keep_it();
	share_it();
	return try_end();
}
