/* SPDX-License-Identifier: ISC */
/*
 * fault.h - the named places where dying matters
 *
 * fault("claim.committed") does nothing unless the program was built with FAULTS=1.  Then the
 * environment variable RETRYSAFE_FAULT may name a point and an action, "claim.committed:kill",
 * and tests list all points from the binary.
 */
#ifndef RETRYSAFE_FAULT_H
#define RETRYSAFE_FAULT_H

#ifdef RETRYSAFE_FAULTS
void fault_point(const char *name);
#define fault(name) fault_point("fault:" name)
#else
#define fault(name) ((void)0)
#endif

#endif
