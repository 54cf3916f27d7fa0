/*
 * A netlink socket and the three ways to talk over it. Messages are built by the callers (link.c with libmnl, the firewall
 * with libnftnl); here they are sent, and the answers are received, bounded and checked.
 *
 * Nothing suspends and nothing waits: an answer that is not there when the sending returned is an error. A Netlink belongs
 * to the network namespace in which it was opened.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "common/base/error.h"

typedef struct Netlink Netlink;

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER. */
int netlink_open(int protocol, Netlink **ret, Error *err);
void netlink_close(Netlink *nl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Netlink, netlink_close)

uint32_t netlink_port(const Netlink *nl); /* who the kernel says made a change when we made it */
uint32_t netlink_sequence(Netlink *nl);   /* a fresh one, for batches */

/* Gets each message of an answer; the message is valid only during the call. Negative errno ends the exchange with it. */
typedef int (*NetlinkFn)(const struct nlmsghdr *message, void *data);

/*
 * Send one request and take its answer; fn may be NULL when only success matters. Sets the request's sequence, NLM_F_REQUEST
 * and, but for dumps, NLM_F_ACK. 0 or a negative errno: what the kernel said, -EINTR for a dump that changed underway,
 * -EAGAIN when there is no answer, -ENOBUFS when it was too long.
 */
int netlink_exchange(Netlink *nl, struct nlmsghdr *request, NetlinkFn fn, void *data);

/* A dump whose parts fn appends to an array; done again, from an empty array, while others change what is dumped. */
int netlink_dump(Netlink *nl, struct nlmsghdr *request, NetlinkFn fn, GArray *into);

/*
 * Send a batch as NETLINK_NETFILTER takes it: all or nothing. Its messages carry the sequences first..last, of which at least
 * one that is not the batch's begin or end asks for an acknowledgement. 0 when the kernel took it all; else the negative errno
 * of the first refusal, and in *ret_sequence the message it is about.
 */
int netlink_batch(Netlink *nl, const void *batch, size_t size, uint32_t first, uint32_t last, uint32_t *ret_sequence);

/* Set err from a negative errno of the above, the text and what the kernel added to it. Always returns -1. */
int netlink_fail(Netlink *nl, int r, Error *err, const char *format, ...) __attribute__((format(printf, 4, 5)));
#define netlink_fail(...) error_always((netlink_fail)(__VA_ARGS__))
