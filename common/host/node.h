/*
 * The machine itself, as the kernel shows it in procfs and sysfs: CPUs and their topology, memory, statistics.
 *
 * Small local reads; nothing here suspends. What can change (online CPUs, free memory) is read each time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

typedef struct NodeCpu {
    unsigned id;
    bool online;
    int cell, socket, die, cluster, core; /* -1 unknown */
    char *siblings;                       /* "0-1": threads of the same core */
} NodeCpu;

typedef struct NodeCell {
    unsigned id;
    uint64_t memory_kib;
    GArray *cpus; /* of unsigned */
} NodeCell;

typedef struct NodeTopology {
    GArray *cpus;  /* of NodeCpu, by id */
    GArray *cells; /* of NodeCell */
    unsigned online, mhz;
    unsigned sockets, cores, threads; /* per cell, per socket, per core */
} NodeTopology;

NodeTopology *node_topology_new(void);
void node_topology_free(NodeTopology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NodeTopology, node_topology_free)

const char *node_arch(void); /* libvirt's name of the machine, "x86_64" */
uint64_t node_memory_kib(void);
uint64_t node_free_memory_bytes(int cell); /* -1: the whole host */

/* The times of one CPU, or of all (cpu -1), in ns. -1 with err when there is no such CPU. */
typedef struct NodeCpuTimes {
    uint64_t user, kernel, idle, iowait, interrupt;
} NodeCpuTimes;

int node_cpu_times(int cpu, NodeCpuTimes *ret, Error *err);

/* total, free, buffers, cached in KiB; a cell has only the first two. */
typedef struct NodeMemory {
    uint64_t total, free, buffers, cached;
    bool has_buffers;
} NodeMemory;

int node_memory(int cell, NodeMemory *ret, Error *err);

/* Pages of this size (KiB) on a cell: all and free; -1 when the host has no such size. */
int node_pages(int cell, unsigned size_kib, uint64_t *ret_total, uint64_t *ret_free);
/* The sizes there are, in KiB, smallest first; g_array of unsigned. */
GArray *node_page_sizes(void);

/* The host's UUID: from the firmware, or the machine id. false when it can't be known or makes no sense. */
bool node_uuid(const char *source, uint8_t uuid[16]);
char *node_hostname(void); /* fully qualified where it can be known without asking the network */
