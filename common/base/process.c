#include "common/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <glib.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"

#define KILL_GRACE USEC_PER_SEC

static const char *const default_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL
};

/* What the child tells us when it cannot become the program. */
typedef struct {
    int errnum;
    char step[28];
} ChildFailure;

static void
child_fail(int report, const char *step)
{
    ChildFailure failure = { .errnum = errno };

    g_strlcpy(failure.step, step, sizeof(failure.step));
    if (write(report, &failure, sizeof(failure)) < 0)
        _exit(126);
    _exit(127);
}

/*
 * Put every descriptor at its number. Sources are first moved above all targets so that none is overwritten, then
 * everything above the highest target but the report pipe is closed. sources is scratch of n_fds, made before the fork.
 */
static void
child_descriptors(const ProcessSpec *spec, int *report, int *sources)
{
    int highest = 2, null_fd, moved;

    for (size_t i = 0; i < spec->n_fds; i++)
        highest = MAX(highest, spec->fds[i].target);
    moved = fcntl(*report, F_DUPFD_CLOEXEC, highest + 1);
    if (moved < 0)
        child_fail(*report, "dup the report pipe");
    *report = moved;
    for (size_t i = 0; i < spec->n_fds; i++) {
        sources[i] = fcntl(spec->fds[i].source, F_DUPFD_CLOEXEC, highest + 1);
        if (sources[i] < 0)
            child_fail(*report, "dup a descriptor");
    }
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        child_fail(*report, "open /dev/null");
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(null_fd, fd) < 0)
            child_fail(*report, "dup /dev/null");
    if (highest > 2)
        syscall(SYS_close_range, 3, highest, 0);
    for (size_t i = 0; i < spec->n_fds; i++)
        if (dup2(sources[i], spec->fds[i].target) < 0)
            child_fail(*report, "dup2 a descriptor");
    /* The rest is close-on-exec in this process already; make sure of what libraries opened. */
    syscall(SYS_close_range, highest + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
}

static void
child_limit(int report, int resource, uint64_t value)
{
    struct rlimit limit = { .rlim_cur = value == UINT64_MAX ? RLIM_INFINITY : value };

    limit.rlim_max = limit.rlim_cur;
    if (value != 0 && setrlimit(resource, &limit) < 0)
        child_fail(report, "set a resource limit");
}

static void
child_identity(const ProcessSpec *spec, int report)
{
    if (!spec->set_identity)
        return;
    if (spec->user ? initgroups(spec->user, spec->gid) < 0 : setgroups(0, NULL) < 0)
        child_fail(report, "set the groups");
    if (setresgid(spec->gid, spec->gid, spec->gid) < 0 || setresuid(spec->uid, spec->uid, spec->uid) < 0)
        child_fail(report, "change the user");
}

static void
child_main(const ProcessSpec *spec, pid_t maker, int report, int gate, int *scratch)
{
    struct sigaction def = { .sa_handler = SIG_DFL };
    sigset_t none;
    char go;

    if (spec->before_exec && read(gate, &go, 1) != 1)
        _exit(125); /* our maker died or changed its mind */

    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &def, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    child_descriptors(spec, &report, scratch);
    if (spec->detach && setsid() < 0)
        child_fail(report, "start a session");
    if (chdir(spec->cwd ? spec->cwd : "/") < 0)
        child_fail(report, "change directory");
    umask(spec->umask > 0 ? (mode_t)spec->umask : 022);
    child_limit(report, RLIMIT_NOFILE, spec->limit_nofile);
    child_limit(report, RLIMIT_CORE, spec->limit_core);
    child_limit(report, RLIMIT_MEMLOCK, spec->limit_memlock);
    child_limit(report, RLIMIT_NPROC, spec->limit_nproc);
    child_identity(spec, report);
    /* After the change of identity, which would clear it. */
    if (spec->die_with_us && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != maker))
        _exit(125);
    if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        child_fail(report, "set no_new_privs");
    execve(spec->argv[0], (char *const *)spec->argv,
           (char *const *)(spec->envp ? spec->envp : default_environment));
    child_fail(report, "execute it");
}

int
process_spawn(const ProcessSpec *spec, Process *ret, Error *err)
{
    _cleanup_fd_ int report_read = -1, report_write = -1, gate_read = -1, gate_write = -1;
    g_autofree int *scratch = g_new(int, spec->n_fds + 1);
    ChildFailure failure;
    sigset_t all, old;
    int pipe_fds[2], saved;
    pid_t pid, maker;
    ssize_t n;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_set_errno(err, FROM_NONE, errno, "cannot make a pipe to start '%s'", spec->argv[0]);
    report_read = pipe_fds[0];
    report_write = pipe_fds[1];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_set_errno(err, FROM_NONE, errno, "cannot make a pipe to start '%s'", spec->argv[0]);
    gate_read = pipe_fds[0];
    gate_write = pipe_fds[1];
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* our handlers must not run in the child */
    maker = getpid();
    pid = fork();
    if (pid == 0) {
        close(gate_write); /* or we would wait for ourselves */
        child_main(spec, maker, report_write, gate_read, scratch);
    }
    saved = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid < 0)
        return error_set_errno(err, FROM_NONE, saved, "cannot fork to start '%s'", spec->argv[0]);
    fd_close(&report_write);
    if (spec->before_exec && (spec->before_exec(pid, spec->before_exec_data, err) < 0 || write(gate_write, "g", 1) != 1)) {
        fd_close(&gate_write);
        waitpid(pid, NULL, 0);
        return error_setf(err, FROM_NONE, ERR_OPERATION_FAILED, "cannot let '%s' start", spec->argv[0]);
    }
    do
        n = read(report_read, &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    if (n == sizeof(failure)) {
        waitpid(pid, NULL, 0);
        return error_set_errno(err, FROM_NONE, failure.errnum, "cannot start '%s' (%s)", spec->argv[0], failure.step);
    }
    ret->pid = pid;
    ret->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (ret->pidfd < 0) {
        saved = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return error_set_errno(err, FROM_NONE, saved, "cannot watch '%s'", spec->argv[0]);
    }
    fcntl(ret->pidfd, F_SETFD, FD_CLOEXEC);
    return 0;
}

uint64_t
process_start_time(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *line = file_read_line(path);
    char *at = line ? strrchr(line, ')') : NULL;

    /* Field 2, the name, may hold anything: count from its closing bracket, which ends field 2. */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? g_ascii_strtoull(at + 1, NULL, 10) : 0;
}

int
process_adopt(pid_t pid, uint64_t start_time, Process *ret, Error *err)
{
    _cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0 && errno == ESRCH)
        return 1;
    if (fd < 0)
        return error_set_errno(err, FROM_NONE, errno, "cannot watch process %d", (int)pid);
    /* The pidfd pins the identity: checking after opening it leaves no window. */
    if (process_start_time(pid) != start_time)
        return 1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    ret->pid = pid;
    ret->pidfd = fd_take(&fd);
    return 0;
}

void
process_done(Process *process)
{
    fd_close(&process->pidfd);
    process->pid = 0;
}

void
process_kill(const Process *process, int sig)
{
    if (process->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, process->pidfd, sig, NULL, 0);
}

bool
process_alive(const Process *process)
{
    struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };

    /* Readable from its death on, also while somebody else has yet to reap it. */
    return process->pidfd >= 0 && poll(&fd, 1, 0) == 0;
}

int
process_wait(Job *job, const Process *process, uint64_t timeout, int *ret_status, Error *err)
{
    siginfo_t info = { 0 };

    if (job_wait_fd(job, process->pidfd, EPOLLIN, "a process to end", timeout, err) < 0)
        return -1;
    if (ret_status)
        *ret_status = 0;
    if (waitid((idtype_t)3 /* P_PIDFD */, (id_t)process->pidfd, &info, WEXITED | WNOHANG) == 0 && ret_status)
        *ret_status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
    return 0;
}

int
process_wait_nohang(const Process *process)
{
    siginfo_t info = { 0 };

    if (waitid((idtype_t)3 /* P_PIDFD */, (id_t)process->pidfd, &info, WEXITED | WNOHANG) < 0)
        return process_alive(process) ? -1 : 0;
    if (info.si_pid == 0)
        return -1;
    return info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
}

char *
process_status_text(int status)
{
    if (WIFSIGNALED(status))
        return g_strdup_printf("signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return g_strdup_printf("exit status %d", WEXITSTATUS(status));
}

/* --- running to the end --- */

typedef struct {
    int fd;
    GByteArray *data; /* output, or NULL for the input side */
    const char *input;
    size_t input_left;
    const ProcessSpec *taker; /* of what is read; NULL: it is collected */
} Pipe;

static int
pipe_read(Pipe *pipe)
{
    guint8 buffer[16384];
    ssize_t n = read(pipe->fd, buffer, sizeof(buffer));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        fd_close(&pipe->fd);
        return 0;
    }
    if (pipe->taker && pipe->taker->on_output) {
        pipe->taker->on_output((const char *)buffer, (size_t)n, pipe->taker->on_output_data);
        return 0;
    }
    if (pipe->data->len + (size_t)n > PROCESS_OUTPUT_MAX)
        return -1;
    g_byte_array_append(pipe->data, buffer, (guint)n);
    return 0;
}

static void
pipe_write(Pipe *pipe)
{
    ssize_t n = pipe->input_left ? write(pipe->fd, pipe->input, pipe->input_left) : 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        pipe->input += n;
        pipe->input_left -= (size_t)n;
    }
    if (n < 0 || pipe->input_left == 0)
        fd_close(&pipe->fd);
}

/* Wait until one of the pipes can go on; all of them through one epoll so that none starves. */
static int
pipes_round(Job *job, Pipe pipes[3], uint64_t timeout, const char *program, Error *err)
{
    _cleanup_fd_ int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[3];
    int n;

    for (int i = 0; i < 3; i++) {
        struct epoll_event event = { .events = pipes[i].data ? EPOLLIN : EPOLLOUT, .data.u32 = (uint32_t)i };

        if (pipes[i].fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[i].fd, &event) < 0)
            return error_set_errno(err, FROM_NONE, errno, "cannot watch the output of '%s'", program);
    }
    if (job_wait_fd(job, epoll, EPOLLIN, "a child's output", timeout, err) < 0)
        return -1;
    n = epoll_wait(epoll, events, 3, 0);
    for (int i = 0; i < n; i++) {
        Pipe *p = &pipes[events[i].data.u32];

        if (!p->data)
            pipe_write(p);
        else if (pipe_read(p) < 0)
            return error_setf(err, FROM_NONE, ERR_OPERATION_FAILED, "'%s' printed more than %d MiB", program,
                              PROCESS_OUTPUT_MAX / 1024 / 1024);
    }
    return 0;
}

static void
process_end(Job *job, Process *process)
{
    job_shield(job);
    process_kill(process, SIGTERM);
    if (process_wait(job, process, KILL_GRACE, NULL, NULL) < 0) {
        process_kill(process, SIGKILL);
        if (process_wait(job, process, KILL_GRACE, NULL, NULL) < 0)
            process_kill(process, SIGKILL); /* uninterruptible: its reaping is left to the kernel's init */
    }
    job_unshield(job);
}

static void
take_output(GByteArray *data, char **ret, size_t *ret_size)
{
    *ret_size = data->len;
    g_byte_array_append(data, (const guint8 *)"", 1);
    *ret = (char *)g_byte_array_free(data, FALSE);
}

static int
process_collect(Job *job, const char *program, Process *process, Pipe pipes[3], uint64_t timeout, int *ret_status,
                Error *err)
{
    uint64_t deadline = timeout == LOOP_NEVER ? LOOP_NEVER : loop_now() + timeout;

    while (pipes[1].fd >= 0 || pipes[2].fd >= 0) {
        uint64_t now = loop_now(), left = LOOP_NEVER;

        if (deadline != LOOP_NEVER)
            left = deadline > now ? deadline - now : 0;
        if (pipes_round(job, pipes, left, program, err) < 0)
            return -1;
    }
    return process_wait(job, process, timeout, ret_status, err);
}

int
process_run(Job *job, const ProcessSpec *spec, const char *input, uint64_t timeout, ProcessOutput *ret, Error *err)
{
    Pipe pipes[3] = { { .fd = -1, .input = input, .input_left = input ? strlen(input) : 0 }, { .fd = -1 }, { .fd = -1 } };
    int child[3] = { -1, -1, -1 }, r = 0;
    size_t n_fds = spec->n_fds;
    g_autofree ProcessFd *fds = g_new0(ProcessFd, n_fds + 3);
    ProcessSpec with = *spec;
    Process process = { .pidfd = -1 };

    if (n_fds)
        memcpy(fds, spec->fds, n_fds * sizeof(*fds));
    for (int i = 0; i < 3; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0) {
            r = error_set_errno(err, FROM_NONE, errno, "cannot make a pipe for '%s'", spec->argv[0]);
            break;
        }
        child[i] = ends[i == 0 ? 0 : 1];
        pipes[i].fd = ends[i == 0 ? 1 : 0];
        fcntl(pipes[i].fd, F_SETFL, O_NONBLOCK);
        pipes[i].data = i == 0 ? NULL : g_byte_array_new();
        pipes[i].taker = i == 1 ? spec : NULL;
        fds[n_fds++] = (ProcessFd){ child[i], i };
    }
    with.fds = fds;
    with.n_fds = n_fds;
    if (r == 0)
        r = process_spawn(&with, &process, err);
    for (int i = 0; i < 3; i++)
        fd_close(&child[i]);
    *ret = (ProcessOutput){ 0 };
    if (r == 0) {
        r = process_collect(job, spec->argv[0], &process, pipes, timeout, &ret->status, err);
        if (r < 0)
            process_end(job, &process);
        process_done(&process);
    }
    for (int i = 0; i < 3; i++)
        fd_close(&pipes[i].fd);
    if (pipes[1].data)
        take_output(pipes[1].data, &ret->out, &ret->out_size);
    if (pipes[2].data)
        take_output(pipes[2].data, &ret->err, &ret->err_size);
    if (r < 0)
        process_output_done(ret);
    return r;
}

int
process_check(Job *job, const ProcessSpec *spec, const char *input, uint64_t timeout, ProcessOutput *ret, Error *err)
{
    g_autofree char *status = NULL;
    const char *words;

    if (process_run(job, spec, input, timeout, ret, err) < 0)
        return -1;
    if (ret->status == 0)
        return 0;
    status = process_status_text(ret->status);
    g_strstrip(ret->err);
    words = ret->err_size > 1000 ? ret->err + strlen(ret->err) - MIN(strlen(ret->err), 1000) : ret->err;
    error_setf(err, FROM_NONE, ERR_OPERATION_FAILED, "'%s' failed with %s: %s", spec->argv[0], status,
               *words ? words : "it said nothing");
    process_output_done(ret);
    return -1;
}

void
process_output_done(ProcessOutput *output)
{
    g_clear_pointer(&output->out, g_free);
    g_clear_pointer(&output->err, g_free);
}
