/* SPDX-License-Identifier: ISC */
/*
 * base/descriptors.h - descriptors 0, 1 and 2
 */
#ifndef RETRYSAFE_BASE_DESCRIPTORS_H
#define RETRYSAFE_BASE_DESCRIPTORS_H

/*
 * descriptors_open_standard - opens /dev/null as each of the descriptors 0, 1 and 2 that is closed
 *
 * To be called before anything else is opened, so that a file or a socket of ours never becomes one
 * of them, where a message would be written into it.  Never fails: without /dev/null nothing is
 * opened.  Does not block.
 */
void descriptors_open_standard(void);

#endif
