/*
 * activator: run the daemons of a build or installed tree on demand, for as long as the activator lives.
 * The try script uses it to leave daemons running behind it; devhost uses the same code as PID 1 of a private host.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/activator.h"

/* Leave the caller: it returns when the sockets listen (the pipe's other end is closed), or fails with the child. */
static int detach(const char *pid_file)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        perror("activator: cannot go to the background");
        exit(125);
    }
    if (pid == 0) {
        close(ready[0]);
        setsid();
        return ready[1];
    }
    close(ready[1]);
    if (pid_file) {
        g_autofree char *text = g_strdup_printf("%d\n", pid);

        if (!g_file_set_contents(pid_file, text, -1, NULL)) {
            fprintf(stderr, "activator: cannot write '%s': %s\n", pid_file, g_strerror(errno));
            exit(125);
        }
    }
    /* A child that failed to bind has written its reason and a byte. */
    exit(read(ready[0], &byte, 1) == 0 ? 0 : 125);
}

int main(int argc, char **argv)
{
    g_autofree char *build = NULL, *root = NULL, *socket_dir = NULL, *pid_file = NULL, *run = NULL, *logs = NULL, *notify = NULL;
    g_auto(GStrv) rest = NULL, daemon_args = NULL;
    gboolean background = FALSE, verbose = FALSE;
    int timeout = 120, status;
    const GOptionEntry entries[] = {
        { "build", 0, 0, G_OPTION_ARG_FILENAME, &build, "Tree that holds the daemons (build)", "DIR" },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &root, "Root the daemons are relocated to", "DIR" },
        { "socket-dir", 0, 0, G_OPTION_ARG_FILENAME, &socket_dir, "Where the sockets are (ROOT/run/libvirt)", "DIR" },
        { "timeout", 0, 0, G_OPTION_ARG_INT, &timeout, "Idle exit of the daemons, seconds; 0 never (120)", "N" },
        { "daemon-arg", 0, 0, G_OPTION_ARG_STRING_ARRAY, &daemon_args, "A further argument for every daemon", "ARG" },
        { "background", 0, 0, G_OPTION_ARG_NONE, &background, "Return once the sockets listen", NULL },
        { "pid-file", 0, 0, G_OPTION_ARG_FILENAME, &pid_file, "Write the background process's id", "FILE" },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Tell what starts and ends", NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, "[-- COMMAND...]" },
        { NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    ActivatorOptions options = { .lifeline = -1, .ready_fd = -1 };

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "activator: %s\n", error->message);
        return 125;
    }
    if (!root) {
        fprintf(stderr, "activator: --root DIR is needed\n");
        return 125;
    }
    run = g_build_filename(root, "run", NULL);
    logs = g_build_filename(root, "var", "log", "libvirt", NULL);
    notify = g_build_filename(run, "notify", NULL);
    options.build = build ? build : "build";
    options.root = root;
    options.socket_dir = socket_dir ? socket_dir : (socket_dir = g_build_filename(run, "libvirt", NULL));
    options.log_dir = logs;
    options.notify_path = notify;
    options.idle_timeout = timeout;
    options.daemon_args = daemon_args;
    options.verbose = verbose;
    if (g_mkdir_with_parents(run, 0755) < 0)
        perror(run);
    if (background)
        options.ready_fd = detach(pid_file);
    status = activator_run(&options, rest);
    /* Harmless when the sockets listened: the descriptor is closed by then. */
    if (status == 125 && options.ready_fd >= 0 && write(options.ready_fd, "", 1) < 0)
        perror("activator");
    return status;
}
