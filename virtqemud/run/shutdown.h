/* What follows when a guest has powered itself off, or panicked: by on_poweroff, on_reboot and on_crash. */
#pragma once

#include "virtqemud/domain/domain.h"

void shutdown_finish(Domain *domain);   /* after the SHUTDOWN event: ends QEMU, or starts the guest anew */
void shutdown_panicked(Domain *domain); /* after GUEST_PANICKED */
