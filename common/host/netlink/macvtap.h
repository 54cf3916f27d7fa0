/*
 * Devices that share a lower one: macvlan (for the host or a container) and macvtap (a character device for a guest).
 */
#pragma once

#include "common/host/netlink/link.h"

typedef enum MacvtapMode { MACVTAP_VEPA, MACVTAP_BRIDGE, MACVTAP_PRIVATE, MACVTAP_PASSTHROUGH, MACVTAP_N_MODES } MacvtapMode;

typedef struct MacvtapSpec {
    const char *lower; /* the interface it stands on */
    const char *name;  /* NULL: the first free of macvtap0, macvtap1, ... (macvlan0 ...) */
    MacvtapMode mode;
    Mac mac;           /* not set: the kernel's choice */
    bool macvlan;      /* a macvlan instead */
} MacvtapSpec;

/*
 * Make one, down; ret_name is its name. It exists until link_delete(). A name that is taken is an error. Two users of one
 * passthrough device: ERR_OPERATION_FAILED naming the lower one.
 */
int macvtap_create(Netlink *nl, const MacvtapSpec *spec, char ret_name[IFNAMSIZ], Error *err);

/*
 * Open n queues of a macvtap: descriptors as of a tap without packet information, with virtio headers when asked. Works
 * without udev and in namespaces whose /sys and /dev belong to another: then scratch (a directory that allows device nodes)
 * holds a node for an instant. On failure nothing stays open.
 */
int macvtap_open(Netlink *nl, const char *name, unsigned n, bool virtio_headers, const char *scratch, int *ret_fds, Error *err);
