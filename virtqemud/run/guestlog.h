/* A guest's own log: the command line it was started with and what QEMU says, in a file of bounded size. */
#pragma once

#include "virtqemud/domain/domain.h"

#define GUESTLOG_MAX (2 * 1024 * 1024) /* then it becomes NAME.log.0 at the next start, or is cut while running */

/* Open for appending, with the command line (strings) written; *ret_start is where QEMU's words will begin. */
int guestlog_open(Domain *domain, const GPtrArray *argv, int *ret_fd, off_t *ret_start, Error *err);
off_t guestlog_end(const Domain *domain); /* where its next words will begin */
/* Put what QEMU said since start before the message of err. */
void guestlog_last_words(Domain *domain, off_t start, Error *err);
/* Cut it when it has grown too long; called when the guest's log changed. */
void guestlog_bound(Domain *domain);
