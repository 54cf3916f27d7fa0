/* A directory of sockets for the tests of connections between daemons, made by listen_set_up() and removed again. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "common/rpc/rpc.h"
#include "tests/unit/unit.h"

static char listen_dir[64];

static inline void
listen_set_up(void)
{
    strcpy(listen_dir, "/tmp/test-rpc-XXXXXX");
    assert_non_null(mkdtemp(listen_dir));
}

static inline char *
listen_path(const char *name)
{
    return g_build_filename(listen_dir, name, NULL);
}

/* A listening socket of that name. */
static inline int
listen_at(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", listen_dir, name) < (int)sizeof(address.sun_path));
    unlink(address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 128), 0);
    return fd;
}

static inline void
listen_remove(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *entry = g_build_filename(path, name, NULL);

        if (unlink(entry) < 0)
            listen_remove(entry);
    }
    g_rmdir(path);
}

static inline void
listen_tear_down(void)
{
    listen_remove(listen_dir);
}
