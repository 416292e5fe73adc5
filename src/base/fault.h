/* SPDX-License-Identifier: ISC */
/*
 * base/fault.h - the named places where dying matters
 *
 * fault("claim.committed") is nothing unless the program was built with FAULTS=1.  Then the
 * environment variable RETRYSAFE_FAULT names one point, and what happens when it is reached for the
 * n-th time (1 when n is left out) in a process:
 *
 *     claim.committed:kill      the process kills itself
 *     claim.committed:stop:2    the process stops, all threads of it, until it is continued or
 * killed
 *
 * What is true at each point, read from the top in the order of a request:
 *
 *     gateway.ordered    the keeper knows the run; nothing is in the store
 *     claim.begins       likewise
 *     writer.began       the writer lock is held; nothing is in the log
 *     writer.commits     everything but the commit has been done
 *     writer.committed   the batch is on disk; its callers do not know it yet
 *     claim.committed    the operation is RUNNING; nothing was started
 *     gateway.went       the keeper has been told to start
 *     keeper.starting    nothing was started
 *     keeper.started     the script may run
 *     keeper.ended       the script has ended; only the keeper knows how
 *     keeper.told        the gateway has the result, or will have it
 *     gateway.failed     it could not be started, and both know it; the operation is still RUNNING
 *     gateway.ended      gateway and keeper have the result; nothing is recorded
 *     gateway.recorded   DONE or UNCERTAIN is on disk; no byte of the answer was sent
 *     gateway.replied    the answer was sent; the keeper still has the result
 *     harvest.begins     the gateway is gone, or could not record; a child of the keeper does
 *     harvest.recorded   the child has recorded
 *     purge.archived     what is about to be removed is in the archive; nothing of it is removed
 *     claim.settling     nobody attends to a RUNNING operation; it is about to become UNCERTAIN
 */
#ifndef RETRYSAFE_BASE_FAULT_H
#define RETRYSAFE_BASE_FAULT_H

#ifdef RETRYSAFE_FAULTS
void fault_point(const char *name);
#define fault(name) fault_point(&("fault:" name)[6])
#else
#define fault(name) ((void)0)
#endif

#endif
