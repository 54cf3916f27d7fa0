/*
 * The running side of a guest: its QEMU process and monitor, and everything that lives as long as they do.
 *
 * Starting, stopping, saving and re-adopting are the files beside this one; each is called with the domain's job held.
 * The death of QEMU is noticed by pidfd whoever caused it, and handled in one place: run_on_exit().
 */
#pragma once

#include "common/base/process.h"
#include "virtqemud/caps/qemucaps.h"
#include "virtqemud/domain/domain.h"
#include "virtqemud/qmp/qmp.h"

typedef struct Driver Driver;

/* What was given to the guests' user while the guest runs, and goes back afterwards. */
typedef struct RunOwnership {
    char *path;
    uid_t uid;
    gid_t gid;
} RunOwnership;

struct DomainRun {
    Process process;
    uint64_t start_time;      /* of the process: identifies it together with the pid */
    sd_event_source *exit_source;
    sd_event_source *log_timer; /* looks whether the guest's log has grown too long */
    Qmp *qmp;
    QemuCaps *caps;
    char *dir;                /* lib/qemu/domain-ID-NAME: monitor socket, master key */
    char *monitor_path;
    bool starting;            /* QEMU was made but not yet set going */
    Job *starter;             /* who starts it; NULL: done, or begun by an earlier life of this daemon */
    bool autodestroy;
    bool fake_reboot;         /* the next SHUTDOWN is followed by a reset, not by the end */
    bool shutdown_by_guest;   /* of the SHUTDOWN event */
    int stop_reason, stop_detail; /* how its end is reported: virDomainShutoffReason, virDomainEventStoppedDetailType */
    int pause_reason, pause_detail;   /* of the next STOP event: virDomainPausedReason (-1: not asked by us), event detail */
    int resume_reason, resume_detail; /* of the next RESUME event, likewise */
    GArray *owned;            /* of RunOwnership */
    bool exited;              /* QEMU's process has ended */
    GPtrArray *exit_waits;    /* of Wait *: told when it ends */
    GPtrArray *ended;         /* of Wait *: told when it has been cleaned up */
    DomainDef *plugging;      /* the definition as it will be when a change under way is done; NULL: none is */
    GPtrArray *removals;      /* of who waits for a device to leave (plug/removal.c) */
    Wait *migration;          /* told when the outgoing or incoming migration of a save ends */
    bool migrating;           /* it has begun: what is told before is the end of an earlier one */
    GArray *vcpu_tids;        /* of pid_t, by vCPU */
    uint64_t balloon_kib;
};

#define RUN_STOP_GRACE (10 * USEC_PER_SEC) /* between SIGTERM and SIGKILL */

void run_free(DomainRun *run);
/* CPU time QEMU has used, in ns; 0 when it can't be known. One small read of procfs. */
/* Of a process (thread 0) or one of its threads: times in ns, and the host CPU it last ran on. */
typedef struct RunTimes {
    uint64_t user, system;
    int cpu;
} RunTimes;

bool run_times(pid_t pid, pid_t thread, RunTimes *ret);
uint64_t run_cpu_time(const DomainRun *run);

typedef struct RunStart {
    bool paused;
    bool autodestroy;
    int incoming_fd;          /* a saved state to load; -1: none */
    int running_reason;       /* virDomainRunningReason */
    int started_detail;       /* virDomainEventStartedDetailType */
} RunStart;

/*
 * Start the guest with def (a reference is taken). On failure nothing is left: no process, file, port. Suspends.
 */
int run_start(Job *job, Domain *domain, const DomainDef *def, const RunStart *how, Error *err) _must_check_;

/* End QEMU: SIGTERM, after RUN_STOP_GRACE SIGKILL; returns when everything is cleaned up. */
int run_stop(Job *job, Domain *domain, int shutoff_reason, int stopped_detail, bool graceful, Error *err) _must_check_;

/* Wait until the guest that runs now has ended and is cleaned up. */
int run_wait_end(Job *job, Domain *domain, uint64_t timeout, Error *err) _must_check_;

/* Let vCPUs run or stop them, with the reason and event to report. */
int run_resume(Job *job, Domain *domain, int running_reason, int resumed_detail, Error *err) _must_check_;
int run_pause(Job *job, Domain *domain, int paused_reason, int suspended_detail, Error *err) _must_check_;

/*
 * 0 while its QEMU can be asked. Else -1: it does not run, is being started or ended, or did not answer when this daemon took hold of it.
 * Who holds the guest's job needs domain_check_active() only, and a QEMU that did not answer makes its commands fail.
 */
int run_check_monitor(const Domain *domain, Error *err);

/* Take hold again of the guests that were running when this daemon's last life ended. */
void run_adopt_all(Driver *driver);

/* Private to run/. */
int run_load(Job *job, Domain *domain, int fd, Error *err) _must_check_; /* the saved state in fd, into a QEMU that waits for it */
DomainRun *run_new(void);
int run_watch(Domain *domain, Error *err);
int run_connect(Job *job, Domain *domain, uint64_t timeout, Error *err) _must_check_;
void run_cleanup(Job *job, Domain *domain);
extern const QmpHandler run_qmp_handler;
