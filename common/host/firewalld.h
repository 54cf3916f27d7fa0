/*
 * firewalld, where it runs: it decides over all traffic by the zone of its interface, so a bridge has to be in one that lets
 * guests pass. What is said here lasts as long as that firewalld; after it starts or reloads it has to be said again.
 */
#pragma once

#include "common/base/job.h"

typedef struct Firewalld Firewalld;

typedef enum FirewalldEvent {
    FIREWALLD_STARTED,  /* also: a new one in the place of another */
    FIREWALLD_RELOADED,
    FIREWALLD_STOPPED,
} FirewalldEvent;

/* Called from the loop. May call everything here that does not suspend, but firewalld_close(). */
typedef void (*FirewalldFn)(FirewalldEvent event, void *data);

/* Never fails: where there is no system bus there is no firewalld. The bus is tried again at the next call. */
Firewalld *firewalld_open(FirewalldFn fn, void *data);
void firewalld_close(Firewalld *self);

enum { FIREWALLD_DONE = 0, FIREWALLD_INACTIVE = 1, FIREWALLD_NO_ZONE = 2 };

/*
 * Put an interface in a zone, from whatever zone it is in. FIREWALLD_DONE, also when it is there already; FIREWALLD_INACTIVE when no
 * firewalld runs (none is started); FIREWALLD_NO_ZONE when there is no zone of that name; the caller knows if somebody asked
 * for it. Suspends, bounded by 25 s.
 */
int firewalld_set_zone(Job *job, Firewalld *self, const char *zone, const char *interface, Error *err) _must_check_;
/* Take it out of its zone. FIREWALLD_DONE, also when it is in none, or FIREWALLD_INACTIVE. */
int firewalld_forget(Job *job, Firewalld *self, const char *interface, Error *err) _must_check_;
