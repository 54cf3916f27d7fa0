/* Calls over D-Bus from a fiber. */
#pragma once

#include <systemd/sd-bus.h>

#include "common/base/job.h"

#define BUS_TIMEOUT (25 * USEC_PER_SEC) /* for services that answer by themselves */

#define _cleanup_message_ __attribute__((cleanup(sd_bus_message_unrefp)))

/* A connection of one's own to the system's bus, served by the loop. Does not wait: it is set up while it is used. */
int bus_open_system(sd_bus **ret, ErrorDomain domain, Error *err);
void bus_close(sd_bus **bus); /* NULL is fine; sets NULL */

/*
 * Send a call and await its answer, which may be an error of the service: *ret_answer, to be unref'ed. Fails when there is no
 * answer within timeout, or the job was cancelled. what: "polkit's decision". Suspends.
 */
int bus_call(Job *job, sd_bus *bus, sd_bus_message *call, const char *what, uint64_t timeout, sd_bus_message **ret_answer,
             ErrorDomain domain, Error *err) _must_check_;
