/* SPDX-License-Identifier: ISC */
/*
 * base/clock.h - clocks that are never mixed
 *
 *   wall_ms   milliseconds since 1970-01-01 00:00 UTC, for times that are stored or shown.  It may
 *             jump in both directions.
 *   mono_us   microseconds, monotonic, for durations.  It does not jump and is the same in all
 *             processes: a process can check a deadline that another one has stored, as long as
 *             clock_boot_id() is the same.
 */
#ifndef RETRYSAFE_BASE_CLOCK_H
#define RETRYSAFE_BASE_CLOCK_H

#include <stdint.h>

/* Neither fails nor blocks. */
int64_t clock_wall_ms(void);
int64_t clock_mono_us(void);

/*
 * Milliseconds since the machine started; unlike mono_us it goes on while the machine is suspended.
 */
int64_t clock_since_boot_ms(void);

/* A number that identifies this boot of the machine; 0 when the kernel does not tell it. */
int64_t clock_boot_id(void);

#endif
