/* The command line all daemons share. Private to common/daemon. */
#pragma once

#include <stdbool.h>

typedef struct DaemonOptions {
    char *root, *config, *pid_file;
    int timeout; /* seconds; 0: stay */
    bool verbose, version, help, background;
} DaemonOptions;

/* 0, or -1 after printing what is wrong to standard error. */
int daemon_options_parse(DaemonOptions *options, const char *name, int argc, char **argv);
void daemon_options_help(const char *name, const char *summary);
void daemon_options_done(DaemonOptions *options);
