#include "virtqemud/driver.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/caps/qemucaps.h"
#include "virtqemud/domain/domain.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.driver"
#include "common/base/log.h"

static char *
in_dir(const char *dir, const char *name, const char *suffix)
{
    return g_strconcat(dir, "/", name, suffix, NULL);
}

char *
driver_status_path(const Driver *driver, const char *name)
{
    return in_dir(driver->status_dir, name, ".status");
}

char *
driver_save_path(const Driver *driver, const char *name)
{
    return in_dir(driver->save_dir, name, ".save");
}

char *
driver_log_path(const Driver *driver, const char *name)
{
    return in_dir(driver->log_dir, name, ".log");
}

/* Session mode keeps everything one level deeper, as libvirt does. */
static void
set_directories(Driver *driver, const Paths *p)
{
    const char *lib = p->session ? p->config : p->lib;
    g_autofree char *definitions = g_build_filename(p->config, "qemu", NULL);

    definitions_init(&driver->definitions, definitions, "edit");
    driver->status_dir = g_build_filename(p->run, "qemu", p->session ? "run" : NULL, NULL);
    driver->lib_dir = g_build_filename(lib, "qemu", p->session ? "lib" : NULL, NULL);
    driver->save_dir = g_build_filename(lib, "qemu", "save", NULL);
    driver->nvram_dir = g_build_filename(lib, "qemu", "nvram", NULL);
    driver->channel_dir = g_build_filename(driver->status_dir, "channel", NULL);
    driver->log_dir = g_build_filename(p->log, "qemu", p->session ? "log" : NULL, NULL);
    driver->cache_dir = g_build_filename(p->cache, "qemu", p->session ? "cache" : NULL, NULL);
}

static int
make_directories(Driver *driver, Error *err)
{
    const struct {
        const char *path;
        mode_t mode;
        bool guests; /* QEMU makes or opens files in it */
    } dirs[] = {
        { driver->definitions.dir, 0700, false },   { driver->definitions.autostart_dir, 0700, false }, { driver->status_dir, 0755, false },
        { driver->lib_dir, 0751, true },       { driver->save_dir, 0751, true },       { driver->nvram_dir, 0751, true },
        { driver->channel_dir, 0755, true },   { driver->log_dir, 0700, false },       { driver->cache_dir, 0755, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++) {
        bool fresh = access(dirs[i].path, F_OK) < 0;

        if (file_mkdirs(dirs[i].path, dirs[i].mode, err) < 0)
            return -1;
        if (fresh && dirs[i].guests && driver->config.set_identity &&
            chown(dirs[i].path, driver->config.uid, driver->config.gid) < 0)
            return error_set_errno(err, FROM_QEMU, errno, "cannot give '%s' to the guests' user", dirs[i].path);
    }
    return 0;
}

static void
free_domain(StoreObject *object)
{
    domain_free((Domain *)object);
}

Store *
driver_domains(Driver *driver)
{
    if (!driver->indexed) {
        _cleanup_error_ Error err = ERROR_INIT;

        driver->indexed = true;
        if (definitions_open_journal(&driver->definitions, "virtqemud", &err) < 0) {
            log_warning("%s; definitions are written without it, more slowly", err.message);
            error_done(&err);
        }
        if (persist_index(driver, &err) < 0)
            log_error("%s", err.message);
        run_adopt_all(driver);
        release_load(driver);
    }
    return &driver->domains;
}

int
driver_init(Driver *driver, Daemon *daemon, Error *err)
{
    driver->daemon = daemon;
    driver->server = daemon->server;
    driver->next_id = 1;
    store_init(&driver->domains, free_domain);
    release_init(driver);
    set_directories(driver, &daemon->paths);
    if (qemu_config_load(&driver->config, &daemon->paths, err) < 0 || make_directories(driver, err) < 0)
        return -1;
    qemu_caps_init(driver->cache_dir, driver->config.set_identity ? driver->config.uid : (uid_t)-1, driver->config.gid,
                   driver->config.groups_of);
    return 0;
}

void
driver_done(Driver *driver)
{
    rpc_kept_done(&driver->list);
    release_done(driver);
    file_journal_close();
    store_done(&driver->domains);
    qemu_caps_exit();
    qemu_config_done(&driver->config);
    definitions_done(&driver->definitions);
    g_free(driver->status_dir);
    g_free(driver->lib_dir);
    g_free(driver->save_dir);
    g_free(driver->nvram_dir);
    g_free(driver->channel_dir);
    g_free(driver->log_dir);
    g_free(driver->cache_dir);
}
