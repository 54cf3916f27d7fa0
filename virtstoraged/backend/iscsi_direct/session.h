/*
 * Being logged in to an iSCSI target, or to a portal that is asked for its targets. For workers: all of this blocks, up to the
 * session's deadline. Whatever goes wrong with the connection ends the session: what is asked of it then fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/job.h"
#include "common/conf/storage/pool.h"
#include "virtstoraged/backend/iscsi_direct/library.h"

#define ISCSI_LOOK_TIMEOUT (20 * USEC_PER_SEC)  /* for a login and some questions */
#define ISCSI_PROBE_TIMEOUT (6 * USEC_PER_SEC)
#define ISCSI_DATA_TIMEOUT (60 * USEC_PER_SEC)  /* for one read or write */

/* Whom to log in to, and as whom. Reference counted (g_atomic_rc_box). */
typedef struct IscsiLogin {
    char *portal;      /* "host:port", "[address]:port" */
    char *target;      /* NULL: the portal itself */
    char *initiator;   /* who we are */
    char *user, *password; /* NULL: without */
} IscsiLogin;

/* Of a source, with the value of its secret, which the login then holds. target: whether it must name one. May suspend. */
int iscsi_login_new(Job *job, const PoolSource *source, bool target, IscsiLogin **ret, Error *err) _must_check_;
IscsiLogin *iscsi_login_ref(IscsiLogin *login);
void iscsi_login_unref(IscsiLogin *login);

typedef struct IscsiSession IscsiSession;

int iscsi_session_open(IscsiLogin *login, uint64_t timeout, IscsiSession **ret, Error *err); /* takes a reference */
void iscsi_session_close(IscsiSession *session); /* NULL is fine; says goodbye, for two seconds at most */
void iscsi_session_deadline(IscsiSession *session, uint64_t timeout); /* from now, for all that follows */

/* The targets of a portal: calls found() for each; the name is borrowed. */
int iscsi_discover(IscsiSession *session, void (*found)(const char *target, void *data), void *data, Error *err);

/* --- commands --- */

/* One command on its way; several may be. */
typedef struct IscsiCommand {
    struct scsi_task *task;
    bool done;
    int status;
} IscsiCommand;

struct iscsi_context *iscsi_context(IscsiSession *session); /* NULL: it has ended */
void iscsi_on_done(struct iscsi_context *context, int status, void *task, void *command); /* the callback to give to *_task() */

/*
 * Wait for n commands, each made by command->task = iscsi.iscsi_*_task(..., iscsi_on_done, command). 0 when all of them came to
 * an end, whatever it is. On failure the session has ended. In any case the tasks must be freed by iscsi_command_done().
 */
int iscsi_await(IscsiSession *session, IscsiCommand *commands, size_t n, const char *what, Error *err);
/* The answer's status: fills err unless it is good. */
int iscsi_check(const IscsiSession *session, const IscsiCommand *command, const char *what, Error *err);
bool iscsi_is_refused(const IscsiCommand *command); /* the target has no such command, or not so */
void iscsi_command_done(IscsiCommand *command);
