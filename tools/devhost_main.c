/*
 * devhost: run a command on a private host whose /run/libvirt is served by the daemons of a build tree.
 *
 * Two processes: the outer one waits and forwards SIGTERM; the inner one is PID 1 of a new PID namespace and runs the
 * activator. PID 1 ends when the command does, or when the outer process is gone, however it went; the kernel then kills
 * everything in the namespace, guests too.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/activator.h"
#include "tools/private_host.h"

enum { EXIT_DEVHOST = 125 };

typedef struct Devhost {
    char *build, *root, *user;
    char **daemon_args, **command;
    gboolean netns, session, no_kvm, verbose;
    int timeout;
} Devhost;

static int parse(Devhost *d, int argc, char **argv)
{
    const GOptionEntry entries[] = {
        { "build", 0, 0, G_OPTION_ARG_FILENAME, &d->build, "Build (or installed) tree of the daemons (build)", "DIR" },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &d->root, "Keep state here (default: in memory, gone afterwards)", "DIR" },
        { "netns", 0, 0, G_OPTION_ARG_NONE, &d->netns, "In a private network namespace", NULL },
        { "session", 0, 0, G_OPTION_ARG_NONE, &d->session, "Session daemons: command and daemons as an ordinary user", NULL },
        { "user", 0, 0, G_OPTION_ARG_STRING, &d->user, "The user of --session when started by root (nobody)", "NAME" },
        { "no-kvm", 0, 0, G_OPTION_ARG_NONE, &d->no_kvm, "Hide /dev/kvm", NULL },
        { "timeout", 0, 0, G_OPTION_ARG_INT, &d->timeout, "Idle exit of the daemons, seconds; 0 never (120)", "N" },
        { "daemon-arg", 0, 0, G_OPTION_ARG_STRING_ARRAY, &d->daemon_args, "A further argument for every daemon", "ARG" },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &d->verbose, "Tell when daemons start and end", NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &d->command, NULL, "[--] COMMAND..." },
        { NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_set_summary(context,
        "Runs COMMAND where /run/libvirt is a private host's, served by the daemons of the build tree, started on demand.\n"
        "Exits with COMMAND's status and ends everything it started. $VIRTD_ROOT and $VIRTD_BUILD tell COMMAND the place.");
    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "devhost: %s\n", error->message);
        return -1;
    }
    if (!d->command || !d->command[0]) {
        fprintf(stderr, "devhost: no command; see devhost --help\n");
        return -1;
    }
    return 0;
}

static char *absolute(const char *dir)
{
    char *path = realpath(dir, NULL);

    if (!path)
        fprintf(stderr, "devhost: no directory '%s': %s\n", dir, g_strerror(errno));
    return path;
}

/* In session mode as root: become the user, who owns the root from now on. */
static int become_user(const Devhost *d, const char *root)
{
    const char *name = d->user ? d->user : "nobody";
    const char *parts[] = { "", "run", "run/libvirt", "home" };
    struct passwd *pw = getpwnam(name);

    if (!pw) {
        fprintf(stderr, "devhost: there is no user '%s'\n", name);
        return -1;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *path = g_build_filename(root, parts[i], NULL);

        if (chown(path, pw->pw_uid, pw->pw_gid) < 0) {
            fprintf(stderr, "devhost: cannot give '%s' to '%s': %s\n", path, name, g_strerror(errno));
            return -1;
        }
    }
    if (setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0) {
        fprintf(stderr, "devhost: cannot become '%s': %s\n", name, g_strerror(errno));
        return -1;
    }
    g_setenv("USER", name, TRUE);
    g_setenv("LOGNAME", name, TRUE);
    return 0;
}

static int prepare_session(const Devhost *d, const char *root)
{
    g_autofree char *home = g_build_filename(root, "home", NULL);
    g_autofree char *run = g_build_filename(root, "run", NULL);

    if (g_mkdir_with_parents(home, 0755) < 0) {
        fprintf(stderr, "devhost: cannot make '%s': %s\n", home, g_strerror(errno));
        return -1;
    }
    if (getuid() == 0 && become_user(d, root) < 0)
        return -1;
    chmod(run, 0700); /* as the XDG specification asks of a runtime directory */
    g_setenv("HOME", home, TRUE);
    g_setenv("XDG_RUNTIME_DIR", run, TRUE);
    g_unsetenv("XDG_CONFIG_HOME");
    g_unsetenv("XDG_CACHE_HOME");
    g_unsetenv("XDG_DATA_HOME");
    return 0;
}

/* PID 1 of the private host. */
static int inside(const Devhost *d, const char *build, const char *root, int lifeline)
{
    g_autofree char *run = g_build_filename(root, "run", NULL);
    g_autofree char *sockets = g_build_filename(run, "libvirt", NULL);
    g_autofree char *logs = g_build_filename(root, d->session ? "home" : "var/log", "libvirt", NULL);
    g_autofree char *notify = g_build_filename(run, "notify", NULL);
    const ActivatorOptions options = {
        .build = d->session ? PRIVATE_HOST_BUILD : build, /* a user may not reach root's own directory */
        .root = d->session ? NULL : root,
        .socket_dir = sockets,
        .log_dir = logs,
        .notify_path = notify,
        .session = d->session,
        .idle_timeout = d->timeout,
        .daemon_args = d->daemon_args,
        .verbose = d->verbose,
        .lifeline = lifeline,
        .ready_fd = -1,
    };

    if (private_host_mount_proc() < 0 || (d->session && prepare_session(d, root) < 0))
        return EXIT_DEVHOST;
    g_setenv("VIRTD_ROOT", root, TRUE);
    g_setenv("VIRTD_BUILD", build, TRUE);
    return activator_run(&options, d->command);
}

static int wait_for(pid_t child, const sigset_t *mask)
{
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) {
        int sig = sigwaitinfo(mask, NULL);

        if (sig == SIGTERM || sig == SIGHUP)
            kill(child, SIGTERM);
        /* SIGINT and SIGQUIT of the terminal reach the command too, which decides. */
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    Devhost d = { .timeout = 120 };
    PrivateHost host;
    char *build, *root = NULL;
    sigset_t mask;
    int lifeline[2];
    pid_t child;

    if (parse(&d, argc, argv) < 0 || !(build = absolute(d.build ? d.build : "build")))
        return EXIT_DEVHOST;
    if (d.root && (g_mkdir_with_parents(d.root, 0755) < 0 || !(root = absolute(d.root))))
        return EXIT_DEVHOST;
    host = (PrivateHost){ .build = build, .root = root, .netns = d.netns, .no_kvm = d.no_kvm, .session = d.session };
    if (private_host_enter(&host) < 0)
        return EXIT_DEVHOST;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGQUIT);
    if (pipe2(lifeline, O_CLOEXEC) < 0) {
        perror("devhost: pipe");
        return EXIT_DEVHOST;
    }
    sigprocmask(SIG_BLOCK, &mask, NULL);
    child = fork();
    if (child < 0) {
        perror("devhost: fork");
        return EXIT_DEVHOST;
    }
    if (child == 0) {
        sigprocmask(SIG_UNBLOCK, &mask, NULL);
        close(lifeline[1]);
        exit(inside(&d, build, root ? root : PRIVATE_HOST_TEMPORARY_ROOT, lifeline[0]));
    }
    close(lifeline[0]);
    return wait_for(child, &mask);
}
