#include "virtqemud/caps/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/process.h"
#include "virtqemud/qmp/listen.h"
#include "virtqemud/qmp/qmp.h"

#define LOG_SOURCE "qemu.caps"
#include "common/base/log.h"

#define PROBE_TIMEOUT (30 * USEC_PER_SEC)

typedef struct {
    const char *command;
    const char *args; /* JSON */
    const char *key;  /* in the answer; NULL: the command */
    bool once;        /* the same for all accelerators: only TCG's process is asked (listing types loads all modules) */
} Question;

static const Question questions[] = {
    { "query-version", .once = true },
    { "query-target", .once = true },
    { "query-kvm", NULL, NULL },
    { "query-machines", NULL, NULL },
    { "query-cpu-definitions", NULL, NULL },
    { "query-cpu-model-expansion", "{\"type\":\"full\",\"model\":{\"name\":\"max\"}}", "max" },
    { "query-cpu-model-expansion",
      "{\"type\":\"full\",\"model\":{\"name\":\"max\",\"props\":{\"migratable\":false,\"hv-passthrough\":true}}}", "max-all" },
    { "query-commands", .once = true },
    { "qom-list-types", "{\"abstract\":false}", .once = true },
    { "query-tpm-models", .once = true },
    { "query-tpm-types", .once = true },
};

typedef struct {
    const char *binary, *scratch, *accel;
    const ProbeUser *user;
    json_t *answers;
    Error err;
    int result;
    Wait done;
} Probe;

static json_t *
probe_collect(QmpCommand *commands, const Question *const *asked, size_t n)
{
    json_t *answers = json_object();

    for (size_t i = 0; i < n; i++) {
        json_t *answer = commands[i].ret ? json_incref(commands[i].ret) : json_null();

        json_object_set_new(answers, asked[i]->key ? asked[i]->key : asked[i]->command, answer);
    }
    return answers;
}

static int
probe_ask(Job *job, Probe *probe, const char *path, Error *err)
{
    static const QmpHandler handler = { 0 };
    g_autofree char *who = g_strdup_printf("the probed '%s'", probe->binary);
    QmpCommand commands[G_N_ELEMENTS(questions)] = { 0 };
    const Question *asked[G_N_ELEMENTS(questions)];
    bool first = strcmp(probe->accel, "tcg") == 0;
    Qmp *qmp = NULL;
    size_t n = 0;
    int r;

    if (qmp_connect(job, path, who, &handler, NULL, PROBE_TIMEOUT, &qmp, err) < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
        if (questions[i].once && !first)
            continue;
        asked[n] = &questions[i];
        commands[n].command = questions[i].command;
        commands[n++].args = questions[i].args ? json_loads(questions[i].args, 0, NULL) : NULL;
    }
    r = qmp_call_many(job, qmp, commands, n, PROBE_TIMEOUT, err);
    if (r == 0)
        probe->answers = probe_collect(commands, asked, n);
    qmp_commands_done(commands, n);
    qmp_free(qmp);
    return r;
}

/* Its last words: what it wrote to its standard error, which is a file in the scratch directory. */
static void
probe_last_words(const char *path, Error *err)
{
    g_autofree char *words = NULL;

    if (file_read(path, 65536, &words, NULL, NULL) == 0 && *g_strstrip(words))
        error_prefixf(err, "%s", words);
}

static int
probe_run(Job *job, Probe *probe, Error *err)
{
    g_autofree char *name = g_path_get_basename(probe->binary);
    g_autofree char *socket = g_strdup_printf("%s/%s-%s.sock", probe->scratch, name, probe->accel);
    g_autofree char *words = g_strdup_printf("%s/%s-%s.err", probe->scratch, name, probe->accel);
    g_autofree char *machine = g_strdup_printf("none,accel=%s", probe->accel);
    _cleanup_fd_ int listener = -1, errors = -1;
    const char *const argv[] = { probe->binary, "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", machine,
                                 "-chardev", "socket,id=m,fd=3,server=on,wait=off", "-mon", "chardev=m,mode=control",
                                 "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", NULL };
    Process process = { .pidfd = -1 };
    ProcessFd fds[2];
    ProcessSpec spec = { .argv = argv, .fds = fds, .n_fds = 2, .detach = true };
    int r;

    if (qmp_listen(socket, (uid_t)-1, (gid_t)-1, &listener, err) < 0)
        return -1;
    errors = open(words, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fds[0] = (ProcessFd){ listener, 3 };
    fds[1] = (ProcessFd){ errors, 2 };
    if (probe->user->uid != (uid_t)-1) {
        spec.set_identity = true;
        spec.uid = probe->user->uid;
        spec.gid = probe->user->gid;
        spec.user = probe->user->groups_of;
    }
    r = process_spawn(&spec, &process, err);
    fd_close(&listener); /* so that a QEMU that dies at once ends the connection */
    if (r == 0) {
        r = probe_ask(job, probe, socket, err);
        process_kill(&process, SIGKILL);
        job_shield(job);
        if (process_wait(job, &process, 5 * USEC_PER_SEC, NULL, NULL) < 0)
            log_warning("the probed '%s' does not die", probe->binary);
        job_unshield(job);
        process_done(&process);
        if (r < 0)
            probe_last_words(words, err);
    }
    unlink(socket);
    unlink(words);
    return r;
}

static void
probe_main(Job *job, void *data)
{
    Probe *probe = data;

    probe->result = probe_run(job, probe, &probe->err);
    wait_done(&probe->done, 0);
}

int
qemu_probe(Job *job, const char *binary, const char *scratch, const ProbeUser *user, json_t **ret, Error *err)
{
    Probe tcg = { .binary = binary, .scratch = scratch, .accel = "tcg", .user = user }, kvm = tcg;
    bool with_kvm = access("/dev/kvm", R_OK | W_OK) == 0;
    int r;

    kvm.accel = "kvm";
    job_shield(job); /* both probes end by themselves within PROBE_TIMEOUT and use our stack */
    job_spawn("probe", binary, probe_main, &tcg);
    if (with_kvm)
        job_spawn("probe", binary, probe_main, &kvm);
    r = job_wait(job, &tcg.done, "a QEMU probe", LOOP_NEVER, NULL);
    if (with_kvm && job_wait(job, &kvm.done, "a QEMU probe", LOOP_NEVER, NULL) < 0)
        r = -1;
    job_unshield(job);
    if (with_kvm && kvm.result < 0)
        log_warning("'%s' cannot use /dev/kvm: %s", binary, kvm.err.message);
    if (r == 0 && tcg.result == 0)
        *ret = json_pack("{s:o, s:o?}", "tcg", g_steal_pointer(&tcg.answers), "kvm",
                         kvm.result == 0 ? g_steal_pointer(&kvm.answers) : NULL);
    else
        r = error_move(err, &tcg.err);
    json_decref(kvm.answers);
    error_done(&kvm.err);
    error_done(&tcg.err);
    return r;
}
