/* SPDX-License-Identifier: ISC */
/*
 * notify/address.c - private addresses, from IANA's registries of special-purpose addresses (RFC
 * 6890)
 *
 * notify/delivery.c asks about the address to which it is about to connect, after libcurl has
 * resolved the name.  So a name that resolves to another address the second time (DNS rebinding)
 * gains nothing.
 *
 * Does not know: names, URLs, which messages are trusted.
 */
#include "notify/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct net {
	uint8_t prefix[16];
	int bits;
};

static const struct net nets4[] = {
	{{0}, 8},             /* this network; 0.0.0.0 is this host */
	{{10}, 8},            /* private, RFC 1918 */
	{{100, 64}, 10},      /* shared by a provider's customers, RFC 6598 */
	{{127}, 8},           /* loopback */
	{{169, 254}, 16},     /* link-local; clouds serve credentials at 169.254.169.254 */
	{{172, 16}, 12},      /* private */
	{{192, 0, 0}, 24},    /* protocol assignments */
	{{192, 0, 2}, 24},    /* documentation */
	{{192, 88, 99}, 24},  /* relays of 6to4 */
	{{192, 168}, 16},     /* private */
	{{198, 18}, 15},      /* benchmarks */
	{{198, 51, 100}, 24}, /* documentation */
	{{203, 0, 113}, 24},  /* documentation */
	{{224}, 4},           /* multicast */
	{{240}, 4},           /* reserved; 255.255.255.255 is broadcast */
};

static const struct net nets6[] = {
	{{0}, 96},                               /* ::, ::1, and IPv4 in its oldest form */
	{{[1] = 0x64, 0xff, 0x9b}, 96},          /* IPv4 behind NAT64, RFC 6052: refused whole */
	{{[1] = 0x64, 0xff, 0x9b, [5] = 1}, 48}, /* NAT64 of a local network, RFC 8215 */
	{{0x01}, 64},                            /* discard */
	{{0x20, 0x01}, 23},                      /* protocol assignments; Teredo */
	{{0x20, 0x01, 0x0d, 0xb8}, 32},          /* documentation */
	{{0x20, 0x02}, 16},                      /* 6to4: holds an IPv4 address */
	{{0xfc}, 7},                             /* unique local, RFC 4193 */
	{{0xfe, 0x80}, 10},                      /* link-local */
	{{0xfe, 0xc0}, 10},                      /* site-local of old */
	{{0xff}, 8},                             /* multicast */
};

static const uint8_t mapped[12] = {[10] = 0xff, 0xff}; /* ::ffff:0:0/96 */

static bool is_in(const struct net *net, const uint8_t *address)
{
	int whole = net->bits / 8, rest = net->bits % 8;

	return memcmp(address, net->prefix, (size_t)whole) == 0 &&
	       (rest == 0 || (address[whole] ^ net->prefix[whole]) >> (8 - rest) == 0);
}

static bool is_in_any(const struct net *nets, size_t n, const uint8_t *address)
{
	for (size_t i = 0; i < n; i++)
		if (is_in(&nets[i], address))
			return true;
	return false;
}

static bool is_private4(const uint8_t *address)
{
	return is_in_any(nets4, sizeof(nets4) / sizeof(nets4[0]), address);
}

bool notify_address_is_private(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return is_private4((const uint8_t *)&in.sin_addr);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in;

		memcpy(&in, address, sizeof(in));
		if (memcmp(in.sin6_addr.s6_addr, mapped, sizeof(mapped)) == 0)
			return is_private4(in.sin6_addr.s6_addr + sizeof(mapped));
		return is_in_any(nets6, sizeof(nets6) / sizeof(nets6[0]), in.sin6_addr.s6_addr);
	}
	return true;
}
