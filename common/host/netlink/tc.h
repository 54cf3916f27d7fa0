/*
 * The kernel's traffic control as qos.c needs it: queues, classes, filters of one interface. Everything returns 0 or a negative
 * errno; -ENOENT is what the kernel says when it lacks the kind that was asked for.
 */
#pragma once

#include "common/host/netlink/netlink.h"
#include "common/xml/value.h"

#define TC_HANDLE(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))

/* A class of a tree of classes ("htb"). Rates in bytes per second; bursts in the kernel's unit, see tc_ticks(). */
typedef struct TcClass {
    uint32_t handle, parent;
    uint64_t rate, ceiling;
    uint32_t burst, ceiling_burst;
} TcClass;

typedef struct TcTree {
    char kind[16];          /* of the interface's own queue: "htb", "noqueue" ... */
    uint32_t handle;
    uint32_t fallback;      /* of htb: the class of what no filter matched */
    bool ingress;           /* what it receives is looked at */
    GArray *classes;        /* of TcClass */
} TcTree;

int tc_read(Netlink *nl, unsigned index, TcTree *ret);
void tc_tree_done(TcTree *tree);
const TcClass *tc_find_class(const TcTree *tree, uint32_t handle);
bool tc_class_equal(const TcClass *a, const TcClass *b);
uint32_t tc_ticks(uint64_t rate, uint64_t bytes); /* how long so many bytes take */

int tc_add_htb(Netlink *nl, unsigned index, uint32_t handle, uint32_t fallback); /* replaces the interface's own queue */
int tc_add_ingress(Netlink *nl, unsigned index);
int tc_add_leaf(Netlink *nl, unsigned index, uint32_t parent, uint32_t handle, const char *kind);
int tc_delete_root(Netlink *nl, unsigned index);    /* its own queue is the default again */
int tc_delete_ingress(Netlink *nl, unsigned index);
int tc_set_class(Netlink *nl, unsigned index, const TcClass *class); /* makes or changes it */
int tc_delete_class(Netlink *nl, unsigned index, uint32_t handle);

/* Filters, one of each priority. */
int tc_match_mac(Netlink *nl, unsigned index, uint32_t parent, uint16_t priority, const Mac *destination, uint32_t class);
int tc_police(Netlink *nl, unsigned index, uint16_t priority, uint64_t rate, uint32_t burst);       /* of all that is received */
int tc_redirect(Netlink *nl, unsigned index, uint16_t priority, unsigned to);                       /* likewise */
int tc_delete_filter(Netlink *nl, unsigned index, uint32_t parent, uint16_t priority);

/* What a filter of the above does with what is received: zeroes when there is none of that priority. */
typedef struct TcReceived { uint64_t rate; uint32_t burst; unsigned redirected_to; } TcReceived;
int tc_read_received(Netlink *nl, unsigned index, uint16_t priority, TcReceived *ret);
