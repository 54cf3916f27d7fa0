/*
 * How busy a guest is: what QEMU says in one round trip, and what the kernel says of its process, threads and interfaces.
 */
#pragma once

#include "virtqemud/run/run.h"

/* What to ask QEMU for. */
enum { STATS_ASK_BALLOON = 1, STATS_ASK_BLOCK = 2, STATS_ASK_VCPU = 4 };

typedef struct StatsAnswer {
    json_t *balloon;     /* "query-balloon"; NULL where it was not asked or failed */
    json_t *guest_stats; /* of the balloon device */
    json_t *block;       /* "query-blockstats" */
    json_t *nodes;       /* "query-named-block-nodes" */
    json_t *cpus;        /* "query-cpus-fast" */
} StatsAnswer;

int stats_ask(Job *job, Domain *domain, unsigned what, uint64_t timeout, StatsAnswer *ret, Error *err) _must_check_;
void stats_answer_done(StatsAnswer *answer);

typedef struct StatsBlock {
    uint64_t rd_reqs, rd_bytes, rd_times, wr_reqs, wr_bytes, wr_times, fl_reqs, fl_times; /* times in ns */
    uint64_t allocation, capacity, physical; /* bytes; 0 unknown */
} StatsBlock;

/* Of the disk with this alias; false when QEMU did not mention it. */
bool stats_block(const StatsAnswer *answer, const char *alias, StatsBlock *ret);

typedef struct StatsNet {
    uint64_t rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
} StatsNet;

/* Of a host interface of the guest, as the guest sees it: what it receives the host has sent. false: no such interface. */
bool stats_net(const char *interface, StatsNet *ret);

/* The rows of a balloon's statistics: our number, the key of the bulk statistics, QEMU's name, divisor. */
typedef struct StatsMemoryRow {
    int tag; /* virDomainMemoryStatTags */
    const char *key, *qemu;
    unsigned divisor;
} StatsMemoryRow;

extern const StatsMemoryRow stats_memory_rows[];
extern const size_t stats_n_memory_rows;
/* false when the guest's driver does not say it. */
bool stats_memory_value(json_t *guest_stats, const StatsMemoryRow *row, uint64_t *ret);
uint64_t stats_rss_kib(const DomainRun *run);
