#include "common/daemon/options.h"

#include <getopt.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

static const struct {
    struct option option;
    const char *value, *doc;
} rows[] = {
    { { "root", required_argument, NULL, 'r' }, "DIR", "Use DIR/etc, DIR/run and DIR/var instead of the system's" },
    { { "timeout", required_argument, NULL, 't' }, "SECONDS", "Exit after so long without clients and work" },
    { { "config", required_argument, NULL, 'f' }, "FILE", "Read this configuration file" },
    { { "pid-file", required_argument, NULL, 'p' }, "FILE", "Write the process id here" },
    { { "daemon", no_argument, NULL, 'd' }, NULL, "Run in the background" },
    { { "verbose", no_argument, NULL, 'v' }, NULL, "Log informational messages too" },
    { { "version", no_argument, NULL, 'V' }, NULL, "Print the version and exit" },
    { { "help", no_argument, NULL, 'h' }, NULL, "Print this and exit" },
};

void
daemon_options_help(const char *name, const char *summary)
{
    printf("Usage: %s [OPTION]...\n%s\n\n", name, summary);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *left = g_strdup_printf("-%c, --%s%s%s", rows[i].option.val, rows[i].option.name,
                                                rows[i].value ? "=" : "", rows[i].value ? rows[i].value : "");

        printf("  %-24s %s\n", left, rows[i].doc);
    }
}

static int
parse_timeout(DaemonOptions *options, const char *name, const char *text)
{
    char *end;
    gint64 value = g_ascii_strtoll(text, &end, 10);

    if (end == text || *end || value < 0 || value > G_MAXINT / 1000) {
        fprintf(stderr, "%s: --timeout wants a number of seconds, not '%s'\n", name, text);
        return -1;
    }
    options->timeout = (int)value;
    return 0;
}

int
daemon_options_parse(DaemonOptions *options, const char *name, int argc, char **argv)
{
    struct option table[G_N_ELEMENTS(rows) + 1] = { 0 };
    int c;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        table[i] = rows[i].option;
    while ((c = getopt_long(argc, argv, "r:t:f:p:dvVh", table, NULL)) != -1) {
        char **text = c == 'r' ? &options->root : c == 'f' ? &options->config : c == 'p' ? &options->pid_file : NULL;

        if (text) {
            g_free(*text);
            *text = g_canonicalize_filename(optarg, NULL);
        } else if (c == 't') {
            if (parse_timeout(options, name, optarg) < 0)
                return -1;
        } else if (c == 'd') {
            options->background = true;
        } else if (c == 'v') {
            options->verbose = true;
        } else if (c == 'V') {
            options->version = true;
        } else if (c == 'h') {
            options->help = true;
        } else {
            return -1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s' (see --help)\n", name, argv[optind]);
        return -1;
    }
    return 0;
}

void
daemon_options_done(DaemonOptions *options)
{
    g_free(options->root);
    g_free(options->config);
    g_free(options->pid_file);
}
