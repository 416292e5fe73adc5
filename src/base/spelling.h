/* SPDX-License-Identifier: ISC */
/*
 * base/spelling.h - which name a mistyped one stands for
 */
#ifndef RETRYSAFE_BASE_SPELLING_H
#define RETRYSAFE_BASE_SPELLING_H

#include <stddef.h>

/* Edits that make a into b, where swapping two neighbours is one, and case and "-" for "_" are
 * none; SIZE_MAX where a name has 40 bytes or more. */
size_t spelling_distance(const char *a, const char *b);

/*
 * spelling_nearest - the name that was probably meant
 *
 *   names  ends with NULL
 *
 * Returns one of names, the first of those that are equally near; NULL: none is near.  At most two
 * edits are near, and of a short name at most half of it.
 */
const char *spelling_nearest(const char *name, const char *const *names);

#endif
