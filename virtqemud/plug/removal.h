/* Asking a guest to let go of a device, and hearing that it did. */
#pragma once

#include "virtqemud/domain/domain.h"

#define REMOVAL_WAIT (5 * USEC_PER_SEC) /* as libvirt waits; a guest that takes longer is heard later */
#define REMOVAL_PENDING 1 /* of removal_request(): the guest has not let go yet */

/*
 * 0 when the device is gone, REMOVAL_PENDING when the guest was asked and takes its time, -1 when QEMU or the guest refused. What the
 * device was made of is still there. Suspends.
 */
int removal_request(Job *job, Domain *domain, const char *alias, Error *err) _must_check_;

/* Listening for a device to leave that was asked before, from removal_expect() on: on the caller's stack. */
typedef struct Removal {
    const char *alias;
    Wait wait;
} Removal;
void removal_expect(Domain *domain, Removal *removal);
void removal_forget(Domain *domain, Removal *removal);
/* 0 when it has left, REMOVAL_PENDING when it did not within REMOVAL_WAIT, -1 as removal_request(). Suspends. */
int removal_await(Job *job, Domain *domain, Removal *removal, Error *err) _must_check_;

/* From the monitor's events: the device has left; the guest keeps it; the monitor ended. */
void removal_done(Domain *domain, const char *alias);
void removal_refused(Domain *domain, const char *alias);
void removal_ended(Domain *domain);
