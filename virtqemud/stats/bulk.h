/* The groups of the bulk statistics (virDomainStatsTypes) of one guest, as typed parameters. */
#pragma once

#include "virtqemud/api/params.h"
#include "virtqemud/stats/stats.h"

/* Which of STATS_ASK_* the groups need. */
unsigned bulk_needs(unsigned groups);
extern const unsigned bulk_known_groups;

/* Rows of the groups; answer is empty where QEMU could not be asked. */
void bulk_rows(Domain *domain, unsigned groups, const StatsAnswer *answer, Params *params);
