/* SPDX-License-Identifier: ISC */
/*
 * base/clock.h - two clocks that are never mixed
 *
 *   wall_ms   milliseconds since 1970-01-01 00:00 UTC.  For what is stored and shown.  It jumps.
 *   mono_us   microseconds, monotonic.  For durations.  It does not jump, and is the same for all
 *             processes, so a stored deadline can be checked by another one as long as
 *             clock_boot_id() is the same.
 */
#ifndef RETRYSAFE_BASE_CLOCK_H
#define RETRYSAFE_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void);
int64_t clock_mono_us(void);

/* A number that is another one after every start of the machine; 0 when it cannot be known. */
int64_t clock_boot_id(void);

#endif
