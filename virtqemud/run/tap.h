/*
 * The host's side of a guest's network cards: tap devices that we open, name, attach to their bridge and hand to QEMU. A
 * tap lives as long as a descriptor of it, so nothing has to be undone when the guest ends, however it ends.
 */
#pragma once

#include <glib.h>

#include "common/base/process.h"
#include "common/conf/domain/domain.h"

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
 * Open the taps of all cards of a starting guest and note their names in the definition, which nobody else sees yet. Fails
 * with ERR_CONFIG_UNSUPPORTED for cards that need what is not there yet. Does not suspend: nothing here waits for anybody.
 */
int tap_open_all(DomainDef *live, GuestFds *fds, Error *err);
