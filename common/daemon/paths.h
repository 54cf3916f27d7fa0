/*
 * Where everything lives on disk: libvirt's places, so that an existing host is taken over as it is.
 *
 * System mode follows the build's sysconfdir, localstatedir and runstatedir; session mode the XDG directories;
 * --root DIR puts DIR/etc, DIR/run and DIR/var (and DIR/home for session) in their place.
 */
#pragma once

#include <stdbool.h>

typedef struct Paths {
    bool session;
    char *config; /* /etc/libvirt               ~/.config/libvirt */
    char *run;    /* /run/libvirt               $XDG_RUNTIME_DIR/libvirt */
    char *lib;    /* /var/lib/libvirt           ~/.config/libvirt */
    char *cache;  /* /var/cache/libvirt         ~/.cache/libvirt */
    char *log;    /* /var/log/libvirt           ~/.cache/libvirt */
    char *token;  /* /run/libvirt/common/system.token, the same below $XDG_RUNTIME_DIR */
    char *pid;    /* /run                       $XDG_RUNTIME_DIR/libvirt: pid files NAME.pid */
} Paths;

void paths_init(Paths *paths, bool session, const char *root);
void paths_done(Paths *paths);
