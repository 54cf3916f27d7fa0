/*
 * What was made of a network while it is active: bridge, addresses, rules, dnsmasq, ports. And the operations that make
 * and unmake it.
 *
 * The definition says what must be; network_apply() makes it so, step by step, each step leaving alone what is already
 * right. So starting, taking over after a restart, and following a change are one thing. What a step is about to make is
 * on disk (the status file, with its phase) before it is made: whoever is killed in between leaves nothing unknown.
 */
#pragma once

#include "virtnetworkd/dnsmasq/dnsmasq.h"
#include "virtnetworkd/network/network.h"

typedef enum { PHASE_ACTIVE = 0, PHASE_STARTING, PHASE_STOPPING } NetworkPhase;
extern const char *const network_phase_names[]; /* as in the status file */

struct NetworkRun {
    NetworkPhase phase;
    bool libvirts; /* libvirt's daemon started it, and it was not yet made ours */
    Dnsmasq dnsmasq;
    GHashTable *ports; /* UUID -> Port, each with a reference */
};

NetworkRun *network_run_new(NetworkPhase phase);
void network_run_free(NetworkRun *run); /* what is in the kernel stays; NULL is fine */

/* Start an inactive network whose queue the job holds, with def (a reference is taken). Failure leaves nothing. */
int network_start(Job *job, Network *network, const NetworkDef *def, Error *err) _must_check_;
/* Stop an active network whose queue the job holds. What can't be removed is logged; it is inactive afterwards. */
void network_stop(Job *job, Network *network);

/* Take away all there is of one, whatever phase it is in; what can't be removed is logged. Sends no event. The queue is held. */
void network_unmake(Job *job, Network *network);

/* Is the bridge of an active network still there? If not the network ends, and that is told. The queue is held. */
void network_check_bridge(Job *job, Network *network);

/* Make the kernel and dnsmasq as the live definition says. */
int network_apply(Job *job, Network *network, Error *err) _must_check_;

/* Take hold of what the last life of this daemon left: before the first call, doesn't suspend; jobs do what must wait. */
void network_adopt_all(Driver *driver);
/* A definition that names no UUID was just found: see define_settle_installed(). */
void network_settle_soon(Network *network);
/* Start those that start with the host, once per boot. */
void network_autostart(Driver *driver);
/*
 * A guest that starts with the host may be faster than its network: while networks are being started with the host, one that is to
 * be is started now. The queue is held. Otherwise nothing.
 */
int network_start_early(Job *job, Network *network, Error *err) _must_check_;
