/* Socket activation for every daemon of a tree: see activator.h. One poll() loop owns all state. */
#include "tools/activator.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_LISTEN_FD = 3, MAX_SOCKETS = 3, DAEMON_WAIT_MS = 5000, GUEST_WAIT_MS = 1000, AT_ONCE_US = 1000000 };

/* The sockets of one daemon. The names are those of the socket units, as systemd passes them in LISTEN_FDNAMES. */
typedef struct SocketKind {
    const char *unit_suffix;
    const char *path_suffix;
    mode_t mode;
    bool in_session;
} SocketKind;

static const SocketKind socket_kinds[MAX_SOCKETS] = {
    { ".socket", "-sock", 0666, true },
    { "-ro.socket", "-sock-ro", 0666, false },
    { "-admin.socket", "-admin-sock", 0600, true },
};

/* One row per daemon; a daemon that is not in the tree is passed over. */
typedef struct DaemonKind {
    const char *name;
    const char *stem; /* socket file names begin with it */
} DaemonKind;

static const DaemonKind daemon_kinds[] = {
    { "virtqemud", "virtqemud" },         { "virtnetworkd", "virtnetworkd" }, { "virtstoraged", "virtstoraged" },
    { "virtnodedevd", "virtnodedevd" },   { "virtsecretd", "virtsecretd" },   { "virtnwfilterd", "virtnwfilterd" },
    { "virtinterfaced", "virtinterfaced" }, { "virtproxyd", "libvirt" },
};

typedef struct Daemon {
    const DaemonKind *kind;
    char *binary;
    int listeners[MAX_SOCKETS]; /* -1: not bound in this mode */
    pid_t pid;                  /* 0: not running, its sockets are watched */
    gint64 started;
} Daemon;

typedef struct Activator {
    const ActivatorOptions *options;
    Daemon daemons[G_N_ELEMENTS(daemon_kinds)];
    size_t n_daemons;
    int signal_fd;
    int notify_fd;
    sigset_t old_mask;
    pid_t command;
    int status;   /* what activator_run() will return */
    bool ending;
} Activator;

static void tell(const Activator *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(const Activator *a, const char *format, ...)
{
    va_list args;

    if (!a->options->verbose)
        return;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "activator: %s\n", text);
}

static char *find_binary(const char *build, const char *name)
{
    g_autofree char *in_folder = g_build_filename(build, name, name, NULL);
    g_autofree char *in_sbin = g_build_filename(build, "sbin", name, NULL);
    g_autofree char *plain = g_build_filename(build, name, NULL);
    char **candidates[] = { &in_folder, &in_sbin, &plain };

    for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++)
        if (g_file_test(*candidates[i], G_FILE_TEST_IS_REGULAR) && access(*candidates[i], X_OK) == 0)
            return g_steal_pointer(candidates[i]);
    return NULL;
}

static int bind_socket(const char *path, int type, mode_t mode)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd;

    if (g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path)) >= sizeof(addr.sun_path)) {
        fprintf(stderr, "activator: the socket path '%s' is longer than the %zu bytes a socket address holds: "
                "choose a shorter root\n", path, sizeof(addr.sun_path) - 1);
        return -1;
    }
    unlink(path);
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode is set before anyone can connect: listen() comes last. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || chmod(path, mode) < 0 ||
        (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)) {
        fprintf(stderr, "activator: cannot listen on '%s': %s\n", path, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int add_daemon(Activator *a, const DaemonKind *kind)
{
    g_autofree char *binary = find_binary(a->options->build, kind->name);
    Daemon *daemon = &a->daemons[a->n_daemons];

    if (!binary)
        return 0;
    *daemon = (Daemon){ .kind = kind, .binary = g_steal_pointer(&binary), .listeners = { -1, -1, -1 } };
    a->n_daemons++;
    for (int i = 0; i < MAX_SOCKETS; i++) {
        const SocketKind *s = &socket_kinds[i];
        g_autofree char *file = g_strconcat(kind->stem, s->path_suffix, NULL);
        g_autofree char *path = g_build_filename(a->options->socket_dir, file, NULL);

        if (a->options->session && !s->in_session)
            continue;
        daemon->listeners[i] = bind_socket(path, SOCK_STREAM, a->options->session ? 0700 : s->mode);
        if (daemon->listeners[i] < 0)
            return -1;
    }
    return 0;
}

/* Everything between fork and exec of a daemon. */
static void exec_daemon(const Activator *a, const Daemon *daemon)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *log_file = g_strconcat(daemon->kind->name, ".log", NULL);
    g_autofree char *log_path = g_build_filename(a->options->log_dir, log_file, NULL);
    g_autofree char *timeout = g_strdup_printf("%d", a->options->idle_timeout);
    g_autofree char *pid = g_strdup_printf("%d", getpid());
    g_autofree char *count = NULL;
    int high[MAX_SOCKETS], n = 0, null_fd, log_fd;

    setsid();
    null_fd = open("/dev/null", O_RDONLY);
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(null_fd, 0);
    dup2(log_fd, 1);
    dup2(log_fd, 2);
    /* First out of the way of the numbers they will get, then there; dup2() clears close-on-exec. */
    for (int i = 0; i < MAX_SOCKETS; i++) {
        if (daemon->listeners[i] < 0)
            continue;
        g_string_append_printf(names, "%s%s%s", n ? ":" : "", daemon->kind->name, socket_kinds[i].unit_suffix);
        high[n++] = fcntl(daemon->listeners[i], F_DUPFD_CLOEXEC, FIRST_LISTEN_FD + MAX_SOCKETS + 16);
    }
    for (int i = 0; i < n; i++)
        dup2(high[i], FIRST_LISTEN_FD + i);
    close_range(FIRST_LISTEN_FD + n, ~0U, 0);
    count = g_strdup_printf("%d", n);
    g_setenv("LISTEN_PID", pid, TRUE);
    g_setenv("LISTEN_FDS", count, TRUE);
    g_setenv("LISTEN_FDNAMES", names->str, TRUE);
    if (a->options->notify_path)
        g_setenv("NOTIFY_SOCKET", a->options->notify_path, TRUE);

    g_ptr_array_add(argv, daemon->binary);
    if (a->options->root) {
        g_ptr_array_add(argv, (char *)"--root");
        g_ptr_array_add(argv, (char *)a->options->root);
    }
    if (a->options->idle_timeout > 0) {
        g_ptr_array_add(argv, (char *)"--timeout");
        g_ptr_array_add(argv, timeout);
    }
    for (char **arg = a->options->daemon_args; arg && *arg; arg++)
        g_ptr_array_add(argv, *arg);
    g_ptr_array_add(argv, NULL);
    sigprocmask(SIG_SETMASK, &a->old_mask, NULL);
    execv(daemon->binary, (char **)argv->pdata);
    fprintf(stderr, "cannot execute %s: %s\n", daemon->binary, g_strerror(errno));
    _exit(127);
}

/* The clients that wait get an end of file instead of waiting for a daemon that cannot start. */
static void drop_clients(const Daemon *daemon)
{
    for (int i = 0; i < MAX_SOCKETS; i++) {
        int client;

        while (daemon->listeners[i] >= 0 && (client = accept4(daemon->listeners[i], NULL, NULL, SOCK_CLOEXEC)) >= 0)
            close(client);
    }
}

static void start_daemon(Activator *a, Daemon *daemon)
{
    pid_t pid = fork();

    if (pid < 0) {
        fprintf(stderr, "activator: cannot start %s: %s\n", daemon->kind->name, g_strerror(errno));
        drop_clients(daemon);
        return;
    }
    if (pid == 0)
        exec_daemon(a, daemon);
    daemon->pid = pid;
    daemon->started = g_get_monotonic_time();
    tell(a, "%s started, pid %d", daemon->kind->name, pid);
}

static void daemon_ended(Activator *a, Daemon *daemon, int status)
{
    bool at_once = g_get_monotonic_time() - daemon->started < AT_ONCE_US;

    if (WIFSIGNALED(status))
        tell(a, "%s (pid %d) was killed by signal %d", daemon->kind->name, daemon->pid, WTERMSIG(status));
    else
        tell(a, "%s (pid %d) ended with status %d", daemon->kind->name, daemon->pid, WEXITSTATUS(status));
    daemon->pid = 0;
    if (at_once && WIFEXITED(status) && WEXITSTATUS(status) != 0 && !a->ending) {
        fprintf(stderr, "activator: %s ended with status %d right after its start; see %s/%s.log\n", daemon->kind->name,
                WEXITSTATUS(status), a->options->log_dir, daemon->kind->name);
        drop_clients(daemon);
    }
}

/* Every child that has ended: daemons, the command, and orphans that only need reaping. */
static void reap(Activator *a)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == a->command) {
            a->command = 0;
            a->ending = true;
            a->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        for (size_t i = 0; i < a->n_daemons; i++)
            if (a->daemons[i].pid == pid)
                daemon_ended(a, &a->daemons[i], status);
    }
}

static void on_signal(Activator *a)
{
    struct signalfd_siginfo info;

    while (read(a->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue; /* reaped below: several deaths may share one SIGCHLD */
        /* The terminal sends SIGINT to the command as well; the command decides what it means. */
        if (info.ssi_signo == SIGINT && a->command)
            continue;
        if (a->command)
            kill(a->command, SIGTERM);
        else
            a->ending = true;
    }
    reap(a);
}

static void on_notify(Activator *a)
{
    char text[4096];
    ssize_t n;

    while ((n = recv(a->notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
        text[n] = '\0';
        g_strdelimit(text, "\n", ' ');
        tell(a, "notified: %s", g_strchomp(text));
    }
}

static int start_command(Activator *a, char **command)
{
    if (!command)
        return 0;
    a->command = fork();
    if (a->command < 0) {
        fprintf(stderr, "activator: cannot start %s: %s\n", command[0], g_strerror(errno));
        return -1;
    }
    if (a->command == 0) {
        sigprocmask(SIG_SETMASK, &a->old_mask, NULL);
        execvp(command[0], command);
        fprintf(stderr, "cannot execute %s: %s\n", command[0], g_strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    return 0;
}

static void loop(Activator *a)
{
    while (!a->ending) {
        struct pollfd fds[3 + G_N_ELEMENTS(daemon_kinds) * MAX_SOCKETS];
        Daemon *owner[G_N_ELEMENTS(fds)] = { NULL };
        nfds_t n = 0;

        fds[n++] = (struct pollfd){ .fd = a->signal_fd, .events = POLLIN };
        fds[n++] = (struct pollfd){ .fd = a->notify_fd, .events = POLLIN };
        fds[n++] = (struct pollfd){ .fd = a->options->lifeline };
        for (size_t i = 0; i < a->n_daemons; i++)
            for (int s = 0; s < MAX_SOCKETS && a->daemons[i].pid == 0; s++) {
                owner[n] = &a->daemons[i];
                fds[n++] = (struct pollfd){ .fd = a->daemons[i].listeners[s], .events = POLLIN };
            }
        if (poll(fds, n, -1) < 0)
            continue;
        if (fds[1].revents)
            on_notify(a);
        if (fds[2].revents)
            a->ending = true;
        for (nfds_t i = 3; i < n && !a->ending; i++)
            if ((fds[i].revents & POLLIN) && owner[i]->pid == 0)
                start_daemon(a, owner[i]);
        if (fds[0].revents)
            on_signal(a);
    }
}

/* The processes below us, however deep: their chain of parents leads here. */
static size_t signal_descendants(int sig)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    g_autoptr(GHashTable) parents = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer pid, parent;
    const char *name;
    size_t count = 0;

    while (proc && (name = g_dir_read_name(proc))) {
        g_autofree char *path = g_build_filename("/proc", name, "stat", NULL);
        g_autofree char *stat = NULL;
        const char *after_name;
        int ppid;

        if (!g_ascii_isdigit(name[0]) || !g_file_get_contents(path, &stat, NULL, NULL))
            continue;
        after_name = strrchr(stat, ')');
        if (after_name && sscanf(after_name, ") %*c %d", &ppid) == 1)
            g_hash_table_insert(parents, GINT_TO_POINTER(atoi(name)), GINT_TO_POINTER(ppid));
    }
    g_hash_table_iter_init(&iter, parents);
    while (g_hash_table_iter_next(&iter, &pid, &parent)) {
        while (parent && GPOINTER_TO_INT(parent) != getpid())
            parent = g_hash_table_lookup(parents, parent);
        if (parent) {
            kill(GPOINTER_TO_INT(pid), sig);
            count++;
        }
    }
    return count;
}

static bool wait_until_gone(Activator *a, bool daemons_only)
{
    gint64 deadline = g_get_monotonic_time() + (daemons_only ? DAEMON_WAIT_MS : GUEST_WAIT_MS) * 1000L;

    while (g_get_monotonic_time() < deadline) {
        struct pollfd fd = { .fd = a->signal_fd, .events = POLLIN };
        bool any = false;

        reap(a);
        for (size_t i = 0; i < a->n_daemons; i++)
            any |= a->daemons[i].pid != 0;
        if (!daemons_only)
            any = signal_descendants(0) > 0;
        if (!any)
            return true;
        if (poll(&fd, 1, 100) > 0)
            on_signal(a);
    }
    return false;
}

static void end_everything(Activator *a)
{
    /* Daemons first: they close their guests' monitors, and would report dying guests as crashes. */
    for (size_t i = 0; i < a->n_daemons; i++) {
        for (int s = 0; s < MAX_SOCKETS; s++)
            if (a->daemons[i].listeners[s] >= 0)
                close(a->daemons[i].listeners[s]);
        if (a->daemons[i].pid)
            kill(a->daemons[i].pid, SIGTERM);
    }
    wait_until_gone(a, true);
    signal_descendants(SIGTERM);
    if (!wait_until_gone(a, false)) {
        signal_descendants(SIGKILL);
        wait_until_gone(a, false);
    }
    for (size_t i = 0; i < a->n_daemons; i++) {
        for (int s = 0; s < MAX_SOCKETS; s++) {
            g_autofree char *file = g_strconcat(a->daemons[i].kind->stem, socket_kinds[s].path_suffix, NULL);
            g_autofree char *path = g_build_filename(a->options->socket_dir, file, NULL);

            if (a->daemons[i].listeners[s] >= 0)
                unlink(path);
        }
        g_free(a->daemons[i].binary);
    }
    if (a->options->notify_path)
        unlink(a->options->notify_path);
}

/* The caller may go on: from here on it does not share its terminal or pipe with us. */
static void become_background(const ActivatorOptions *options)
{
    g_autofree char *path = g_build_filename(options->log_dir, "activator.log", NULL);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    dup2(null_fd, 0);
    dup2(log_fd, 1);
    dup2(log_fd, 2);
    close(null_fd);
    close(log_fd);
    close(options->ready_fd);
}

int activator_run(const ActivatorOptions *options, char **command)
{
    Activator a = { .options = options, .signal_fd = -1, .notify_fd = -1, .status = 0 };
    sigset_t mask;

    if (getpid() != 1)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (g_mkdir_with_parents(options->socket_dir, 0755) < 0 || g_mkdir_with_parents(options->log_dir, 0755) < 0) {
        fprintf(stderr, "activator: cannot make %s or %s: %s\n", options->socket_dir, options->log_dir, g_strerror(errno));
        return 125;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(daemon_kinds); i++)
        if (add_daemon(&a, &daemon_kinds[i]) < 0)
            return 125;
    if (a.n_daemons == 0) {
        fprintf(stderr, "activator: there is no daemon in '%s'; build first\n", options->build);
        return 125;
    }
    if (options->notify_path)
        a.notify_fd = bind_socket(options->notify_path, SOCK_DGRAM, 0600);

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, &a.old_mask);
    a.signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (options->ready_fd >= 0)
        become_background(options);
    if (start_command(&a, command) < 0)
        return 125;
    loop(&a);
    if (a.command)
        kill(a.command, SIGTERM);
    end_everything(&a);
    return a.status;
}
