/* SPDX-License-Identifier: ISC */
/*
 * keeper/recorder.h - finishing a run that no gateway will finish
 */
#ifndef RETRYSAFE_KEEPER_RECORDER_H
#define RETRYSAFE_KEEPER_RECORDER_H

#include "keeper/protocol.h"
#include "operation/record.h"

/*
 * harvest - writes what became of a run, however long the store is out of reach
 *
 *   url, spool  of the store
 *   end         NULL: nothing was started, the claim is released
 *
 * Runs in a process of its own, without threads.  Blocks until it is written, or until the
 * operation turns out to have been settled by somebody else.
 */
void recorder_run(
	const struct order *order, const char *url, const char *spool, const struct ending *end);

#endif
