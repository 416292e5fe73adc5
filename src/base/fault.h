/* SPDX-License-Identifier: ISC */
/*
 * base/fault.h - named points at which a test kills or stops a process
 *
 * fault("claim.committed") compiles to nothing unless the program is built with FAULTS=1.  Then the
 * environment variable RETRYSAFE_FAULT names one point, and what the process does when it reaches
 * that point for the n-th time (1 when n is left out):
 *
 *     claim.committed:kill      the process kills itself
 *     claim.committed:stop:2    all threads stop, until the process is continued or killed
 *
 * The points in the order of a request, with what is true at each:
 *
 *     gateway.ordered    the keeper knows the run; nothing is in the store
 *     claim.begins       the keeper knows the run; nothing is in the store
 *     writer.began       the writer lock is held; nothing is in the log
 *     writer.commits     everything but the commit has been done
 *     writer.committed   the batch is on disk; its callers do not know it yet
 *     claim.committed    the operation is RUNNING; no script was started
 *     gateway.went       the keeper has been told to start
 *     keeper.starting    no script was started
 *     keeper.started     the script may run
 *     keeper.ended       the script has ended; only the keeper knows how
 *     keeper.told        the result is in the gateway's socket, unless the gateway has died
 *     gateway.failed     the script could not be started, and gateway and keeper know it; the
 *                        operation is still RUNNING
 *     gateway.ended      gateway and keeper have the result; nothing is recorded
 *     gateway.recorded   DONE or UNCERTAIN is on disk; no byte of the answer was sent
 *     gateway.replied    the answer was sent; the keeper still has the result
 *     recorder.begins    the gateway has died or could not record; a child of the keeper is about
 *                        to record
 *     recorder.recorded  the child has recorded
 *     purge.archived     the archive has all that is about to be removed; the store has it, too
 *     claim.settling     no live process is responsible for a RUNNING operation; it is about to
 *                        become UNCERTAIN
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
