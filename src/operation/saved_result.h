/* SPDX-License-Identifier: ISC */
/*
 * operation/saved_result.h - results that could not be recorded, in files of the spool directory
 *
 * When the store is out of reach (disk full, locked, not mounted) the end of a run is written to
 * the file kept-REF-ATTEMPT and synced, so that it survives the process that holds it, and a loss
 * of power. The next process that looks at the operation records it from there.
 *
 * A file is whole or not there: it gets its name when it has been written and synced.
 */
#ifndef RETRYSAFE_OPERATION_SAVED_RESULT_H
#define RETRYSAFE_OPERATION_SAVED_RESULT_H

#include "operation/record.h"

/* Writes the file.  Returns OK: it is on disk; ERR_FULL, ERR_NOMEM, ERR_SYSTEM: it is not there. */
enum err saved_result_write(const char *spool, const struct operation *op,
	const struct record_policy *policy, const struct ending *end) MUSTCHECK;

/*
 * saved_result_read - the end of a run from its file
 *
 *   op       which one
 *   owner    set on OK: the operation as the run that ended knew it, with the token of that run
 *   policy   set on OK: how it is to be recorded
 *   end      set on OK; ending_free() it
 *
 * Returns OK; ERR_ABSENT there is none; ERR_BROKEN it is damaged, or of another version of this
 * program; ERR_NOMEM, ERR_SYSTEM.
 */
enum err saved_result_read(const char *spool, const struct operation *op, struct operation *owner,
	struct record_policy *policy, struct ending *end) MUSTCHECK;

/* Removes the file, after its result was recorded.  Where that fails, the file stays: recording it
 * again is refused. */
void saved_result_remove(const char *spool, const struct operation *op);

#endif
