/* SPDX-License-Identifier: ISC */
/*
 * keeper/recorder.h - finishing a run that no gateway will finish
 */
#ifndef RETRYSAFE_KEEPER_RECORDER_H
#define RETRYSAFE_KEEPER_RECORDER_H

#include "keeper/protocol.h"
#include "operation/record.h"

/*
 * recorder_run - writes what became of a run, however long the store is out of reach
 *
 *   url, spool  of the store
 *   end         NULL: nothing was started, the claim is released
 *
 * For a process of its own, without threads.  Blocks until the store has it, or says that the
 * operation was settled without this run.
 */
void recorder_run(
	const struct order *order, const char *url, const char *spool, const struct ending *end);

#endif
