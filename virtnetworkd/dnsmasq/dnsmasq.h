/*
 * The dnsmasq of an active network: DHCP, DNS, TFTP and router advertisements on its bridge.
 *
 * It runs as a daemon of its own, as its own user, and outlives us. After a restart it is taken back by its pid file, when
 * the process is a dnsmasq with our configuration file; one that had not written that file yet is ended. It is watched by
 * pidfd and started again when it dies, with growing pauses. Its configuration is made from the definition; it is told of a
 * change by signal where that suffices.
 */
#pragma once

#include "common/base/job.h"
#include "common/base/loop.h"
#include "common/base/process.h"
#include "common/conf/network/network.h"

typedef struct Network Network;

typedef struct Dnsmasq {
    Process process;        /* pidfd -1: none */
    sd_event_source *watch; /* of its end */
    sd_event_source *retry; /* when it is started again */
    unsigned failures;      /* ends in a row, each soon after its start */
    uint64_t started;       /* CLOCK_MONOTONIC usec */
    bool strays;            /* an earlier life of ours may have left one that has no pid file yet */
} Dnsmasq;

void dnsmasq_init(Dnsmasq *dnsmasq);
void dnsmasq_done(Dnsmasq *dnsmasq); /* lets go of it; it runs on */

/* Make it so for the live definition: take back, start, tell, restart or stop, whichever is needed. The queue is held. */
int dnsmasq_apply(Job *job, Network *network, Error *err) _must_check_;
/* End it. What it knew of leases stays on disk. */
int dnsmasq_stop(Job *job, Network *network, Error *err) _must_check_;
/* Remove all files of a network that is no more. def may be NULL: then the leases, named after its bridge, stay. */
void dnsmasq_forget(Network *network, const NetworkDef *def);
