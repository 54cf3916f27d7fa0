/*
 * The host's side of a guest's network cards: tap devices and macvtaps that we open, name, connect and hand to QEMU. A tap
 * lives as long as a descriptor of it, so nothing has to be undone when the guest ends, however it ends; a macvtap is
 * deleted by card_close_all().
 */
#pragma once

#include <glib.h>

#include "common/base/process.h"
#include "common/conf/domain/device/interface.h"
#include "virtqemud/domain/domain.h"

/* Descriptors for QEMU: ours, the numbers it will have them under, and which device each is for. */
typedef struct GuestFds {
    GHashTable *by_alias; /* const char * -> GArray of int: QEMU's numbers */
    GArray *passed;       /* of ProcessFd; the sources are owned */
    int next;             /* QEMU's number of the next one */
} GuestFds;

void guest_fds_init(GuestFds *fds, int first);
void guest_fds_done(GuestFds *fds); /* closes our ends */
void guest_fds_add(GuestFds *fds, const char *alias, int fd); /* takes fd */

/*
 * Open the host's side of all cards of a starting guest and note the names in its live definition, which nobody else sees
 * yet, and (before it is made) of what would outlive us in its status. Cards on networks have been plugged in (netport.h).
 * Fails with ERR_CONFIG_UNSUPPORTED for cards that need what is not there yet. Suspends while a script runs.
 */
int card_open_all(Job *job, Domain *domain, GuestFds *fds, Error *err) _must_check_;
/* The guest's QEMU has ended: delete what does not end by itself. What can't be is logged. Suspends while a script runs. */
void card_close_all(Job *job, Domain *domain);
/* Put the tap of a running guest back on its bridge, which was made anew. */
int card_reattach(const NetDef *net, Error *err);
