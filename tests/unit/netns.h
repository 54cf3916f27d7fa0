/* A private network namespace for a test of the network, and what iproute2 says about it. */
#pragma once

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <glib.h>

#include "tests/unit/unit.h"

/* Enter a namespace of one's own; false, having said why, where that is not allowed. */
static inline bool
netns_enter(void)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        print_message("cannot make a network namespace: run as root to test this\n");
        return false;
    }
    return true;
}

/* What a command prints (its errors too). */
static inline char *
said(const char *format, ...)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *command = NULL, *all = NULL;
    char part[4096];
    va_list args;
    size_t n;
    FILE *f;

    va_start(args, format);
    command = g_strdup_vprintf(format, args);
    va_end(args);
    all = g_strdup_printf("( %s ) 2>&1", command);
    f = popen(all, "r");
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        g_string_append_len(text, part, (gssize)n);
    pclose(f);
    return g_strdup(text->str);
}

/* Run a command that must succeed. */
#define run(...) do { g_autofree char *command_ = g_strdup_printf(__VA_ARGS__); \
        if (system(command_) != 0) fail_msg("failed: %s", command_); } while (0)

#define assert_contains(text, part) do { \
        if (!strstr((text), (part))) fail_msg("'%s' is not in: %s", (part), (text)); } while (0)
#define assert_lacks(text, part) do { \
        if (strstr((text), (part))) fail_msg("'%s' is in: %s", (part), (text)); } while (0)
#define assert_done(call) do { _cleanup_error_ Error err_ = ERROR_INIT; Error *err = &err_; \
        if ((call) < 0) fail_msg("%s: %s", #call, err_.message); } while (0)
#define assert_refused(call, part) do { _cleanup_error_ Error err_ = ERROR_INIT; Error *err = &err_; \
        assert_true((call) < 0); assert_true(error_is_set(err)); assert_contains(err_.message, part); } while (0)
