/* SPDX-License-Identifier: ISC */
/*
 * notify/address.h - which addresses are not on the public Internet
 */
#ifndef RETRYSAFE_NOTIFY_ADDRESS_H
#define RETRYSAFE_NOTIFY_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * notify_address_is_private - true for every address that is not one host on the public Internet:
 * this host, private and link-local networks, multicast, reserved networks, every IPv6 form of such
 * an IPv4 address, and every family that is neither IPv4 nor IPv6
 */
bool notify_address_is_private(const struct sockaddr *address);

#endif
