/*
 * Whether the source of an active pool answers. One that does not is degraded, with the reason and since when: what needs it
 * fails at once, and it is tried again, later and later up to HEALTH_RETRY_MAX, until it is well. Nothing else waits for it.
 */
#pragma once

#include "virtstoraged/pool/pool.h"

#define HEALTH_PERIOD (15 * USEC_PER_SEC)    /* between two looks at a source that can go away by itself */
#define HEALTH_RETRY_MIN (1 * USEC_PER_SEC)
#define HEALTH_RETRY_MAX (60 * USEC_PER_SEC)

void health_begin(Pool *pool);                   /* the pool is active */
void health_end(Pool *pool);                     /* it is not any more */
void health_bad(Pool *pool, const Error *why);   /* its source was asked and did not answer as it should */
void health_good(Pool *pool);                    /* it did */
void health_suspect(Pool *pool);                 /* something took too long: look soon */
