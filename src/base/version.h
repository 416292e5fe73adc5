/* SPDX-License-Identifier: ISC */
/*
 * base/version.h - the version of this program; the Makefile and CHANGES.md are checked against it
 */
#ifndef RETRYSAFE_BASE_VERSION_H
#define RETRYSAFE_BASE_VERSION_H

#define RETRYSAFE_VERSION "0.1.0"

#endif
