/*
 * Comparing x86 processors that clients describe, and finding what several have in common.
 *
 * A description is a host's (<arch>, features plainly listed) or a guest's (mode, match, features with policies).
 */
#pragma once

#include "common/base/error.h"
#include "virtqemud/caps/cpumodels.h"

typedef struct CpuAsked {
    char *arch, *mode, *match, *name, *vendor;
    const CpuModel *model; /* NULL: none was named, or the processor isn't an x86 */
    CpuSet require, disable, forbid, force;
} CpuAsked;

/* Bad text, unknown models and features are errors of FROM_CPU. */
int cpu_asked_parse(const char *xml, CpuAsked *ret, Error *err);
void cpu_asked_done(CpuAsked *asked);
#define _cleanup_asked_ __attribute__((cleanup(cpu_asked_done)))
bool cpu_asked_x86(const CpuAsked *asked); /* as far as it says */

typedef enum CpuComparison { CPU_INCOMPATIBLE, CPU_IDENTICAL, CPU_SUPERSET } CpuComparison;

/*
 * Can somebody with these features be, or run a guest with, what is asked? vendor NULL: whoever made it. *ret_why, when
 * incompatible, says in words what is missing; g_free.
 */
CpuComparison cpu_compare(const CpuSet *have, const char *vendor, const CpuAsked *asked, char **ret_why);

typedef struct CpuBaseline {
    const CpuSet *known;      /* only these may be named; NULL: all */
    bool expand, migratable;  /* list the model's own features too; leave out what can't migrate */
    /* Names the result; see cpu_decode(). */
    bool (*decode)(const CpuSet *features, const char *vendor, const CpuModel *preferred, CpuDecoded *ret, void *data);
    void *data;
} CpuBaseline;

/* *ret_xml: a guest's <cpu> that runs on all of them; g_free. */
int cpu_baseline(const CpuBaseline *how, const CpuAsked *cpus, size_t n, char **ret_xml, Error *err);
bool cpu_baseline_decode_any(const CpuSet *features, const char *vendor, const CpuModel *preferred, CpuDecoded *ret, void *data);
