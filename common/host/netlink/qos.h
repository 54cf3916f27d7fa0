/*
 * Bandwidth limits of interfaces, as the XML has them: rates in kilobytes (1000) per second, bursts in kilobytes (1024), which
 * is what libvirt's numbers come to. Like link.h: what is so already is left alone, so a restart disturbs no queue.
 *
 * Directions are the host's: what it sends through a tap is what the guest receives, its <inbound>; a macvtap's are the other
 * way round. What this kernel cannot do is left out and said in warnings (texts, owned by the array); that is a success.
 */
#pragma once

#include "common/host/netlink/netlink.h"
#include "common/xml/value.h"

typedef struct QosRate {
    uint64_t average; /* 0: no limit */
    uint64_t peak;    /* what may be had when others leave it; 0: average */
    uint64_t burst;   /* sent at once, at the full speed of the line; 0: a few milliseconds' worth */
} QosRate;

/* Shape what the host sends through an interface. Without a limit our queue is taken away; others' queues are replaced by one. */
int qos_set_sent(Netlink *nl, const char *interface, const QosRate *rate, GPtrArray *warnings, Error *err);

/*
 * Limit what the host receives: more is dropped (police), or shaped in a device of its own ("qosN", N the interface's index)
 * where the kernel has no policing. Such a device outlives the interface: qos_sweep().
 */
int qos_set_received(Netlink *nl, const char *interface, const QosRate *rate, GPtrArray *warnings, Error *err);
int qos_sweep(Netlink *nl, Error *err); /* of interfaces that are gone */

/*
 * The same for a bridge whose limit is divided: id 1 is the whole, id 2 what has no guarantee of its own, from QOS_CLASS_FIRST to
 * QOS_CLASS_LAST one class for each guest with a guarantee. guaranteed: the sum of all guarantees (floor), which class 2 does
 * not get.
 */
enum { QOS_CLASS_FIRST = 3, QOS_CLASS_LAST = 0xffef };
int qos_set_divided(Netlink *nl, const char *bridge, const QosRate *rate, uint64_t guaranteed, GPtrArray *warnings, Error *err);
/* A guest's guarantee, kilobytes per second; after qos_set_divided(), which gave the whole. Where that is missing: nothing. */
int qos_set_guarantee(Netlink *nl, const char *bridge, unsigned id, const Mac *guest, uint64_t guaranteed, const QosRate *whole,
                      Error *err);
int qos_drop_guarantee(Netlink *nl, const char *bridge, unsigned id, Error *err);
