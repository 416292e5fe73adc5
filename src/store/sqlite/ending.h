/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/ending.h - what changes together with an operation that ends
 */
#ifndef RETRYSAFE_STORE_SQLITE_ENDING_H
#define RETRYSAFE_STORE_SQLITE_ENDING_H

#define FREED_MS (INT64_C(30) * 24 * 3600 * 1000) /* how long a freed row keeps its history */

#endif
