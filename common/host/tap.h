/*
 * Tap devices: the host's end of a guest's network card. A tap we make lives as long as a descriptor of it, so nothing has to
 * be undone when the guest ends, however it ends. What else it needs (address, MTU, bridge, up) is common/host/netlink/link.h.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "common/base/error.h"

#define TAP_GENERATED_PREFIX "vnet" /* names we choose; a definition that carries one is from an earlier run */

/*
 * Open n queues of the tap called name, which is made if there is none; "vnet%d" takes the first free number. ret_name is the
 * name, ret_fds gets n descriptors, not blocking. virtio_headers: frames carry struct virtio_net_hdr. Fails with ERR_SYSTEM_ERROR
 * naming the tap, when it is another's, when its number of queues differs (EINVAL), when TUN is missing; nothing stays open then.
 */
int tap_open(const char *name, unsigned n, bool virtio_headers, char ret_name[IFNAMSIZ], int *ret_fds, Error *err);
