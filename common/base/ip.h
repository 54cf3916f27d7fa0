/*
 * IP addresses and networks of both families, as values. The text forms are those of inet_pton()/inet_ntop().
 *
 * A zeroed IpAddress is absent. Nothing here looks at the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct IpAddress {
    sa_family_t family; /* AF_UNSPEC (absent), AF_INET, AF_INET6 */
    uint8_t b[16];      /* network order; IPv4 uses the first four, the others are 0 */
} IpAddress;

#define IP_TEXT_SIZE 46 /* of an address, with its NUL */

static inline bool ip_is_set(const IpAddress *ip) { return ip->family != AF_UNSPEC; }
static inline unsigned ip_bits(const IpAddress *ip) { return ip->family == AF_INET6 ? 128 : 32; }
static inline size_t ip_size(const IpAddress *ip) { return ip_bits(ip) / 8; }

bool ip_parse(const char *text, IpAddress *ret); /* numeric only; false when it is no address */
const char *ip_to_text(const IpAddress *ip, char text[IP_TEXT_SIZE]); /* canonical; returns text */

bool ip_equal(const IpAddress *a, const IpAddress *b);
/* Order as numbers, IPv4 before IPv6: negative, 0, positive. */
int ip_compare(const IpAddress *a, const IpAddress *b);

/* The mask of so many leading ones, and back: -1 when the mask has a hole in it. */
IpAddress ip_mask(sa_family_t family, unsigned prefix);
int ip_mask_prefix(const IpAddress *mask);

IpAddress ip_network(const IpAddress *ip, unsigned prefix);   /* host bits 0 */
IpAddress ip_broadcast(const IpAddress *ip, unsigned prefix); /* host bits 1 */
bool ip_in_network(const IpAddress *ip, const IpAddress *network, unsigned prefix);
/* Two networks share an address (then one contains the other). */
bool ip_networks_overlap(const IpAddress *a, unsigned prefix_a, const IpAddress *b, unsigned prefix_b);
/* How many addresses from first to last, both included; capped at UINT64_MAX; 0 when reversed or of two families. */
uint64_t ip_range_size(const IpAddress *first, const IpAddress *last);

bool ip_is_loopback(const IpAddress *ip);
bool ip_is_multicast(const IpAddress *ip);
bool ip_is_wildcard(const IpAddress *ip); /* 0.0.0.0, :: */
/* RFC 1918, or fc00::/7: an address that is not the Internet's. */
bool ip_is_private(const IpAddress *ip);
/* The prefix of a network of class A, B or C (8, 16, 24); of IPv6 64. What is meant when none is written. */
unsigned ip_default_prefix(const IpAddress *ip);
