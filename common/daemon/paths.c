#include "common/daemon/paths.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

void
paths_init(Paths *paths, bool session, const char *root)
{
    if (session) {
        g_autofree char *home = root ? g_build_filename(root, "home", NULL) : NULL;
        g_autofree char *config =
            home ? g_build_filename(home, ".config", NULL) : g_strdup(g_get_user_config_dir());
        g_autofree char *cache = home ? g_build_filename(home, ".cache", NULL) : g_strdup(g_get_user_cache_dir());
        g_autofree char *run = root ? g_build_filename(root, "run", NULL) : g_strdup(g_get_user_runtime_dir());

        *paths = (Paths){
            .session = true,
            .config = g_build_filename(config, "libvirt", NULL),
            .run = g_build_filename(run, "libvirt", NULL),
            .lib = g_build_filename(config, "libvirt", NULL),
            .cache = g_build_filename(cache, "libvirt", NULL),
            .log = g_build_filename(cache, "libvirt", NULL),
            .pid = g_build_filename(run, "libvirt", NULL),
        };
    } else {
        g_autofree char *etc = root ? g_build_filename(root, "etc", NULL) : g_strdup(VIRTD_SYSCONFDIR);
        g_autofree char *run = root ? g_build_filename(root, "run", NULL) : g_strdup(VIRTD_RUNSTATEDIR);
        g_autofree char *var = root ? g_build_filename(root, "var", NULL) : g_strdup(VIRTD_LOCALSTATEDIR);

        *paths = (Paths){
            .config = g_build_filename(etc, "libvirt", NULL),
            .run = g_build_filename(run, "libvirt", NULL),
            .lib = g_build_filename(var, "lib", "libvirt", NULL),
            .cache = g_build_filename(var, "cache", "libvirt", NULL),
            .log = g_build_filename(var, "log", "libvirt", NULL),
            .pid = g_strdup(run),
        };
    }
    paths->token = g_build_filename(paths->run, "common", "system.token", NULL);
}

void
paths_done(Paths *paths)
{
    g_free(paths->config);
    g_free(paths->run);
    g_free(paths->lib);
    g_free(paths->cache);
    g_free(paths->log);
    g_free(paths->pid);
    g_free(paths->token);
    memset(paths, 0, sizeof(*paths));
}
