#include "virtstoraged/driver.h"

#include "common/base/file.h"
#include "virtstoraged/pool/persist.h"
#include "virtstoraged/pool/pool.h"
#include "virtstoraged/pool/run.h"
#include "virtstoraged/pool/watch.h"

#define LOG_SOURCE "storage.driver"
#include "common/base/log.h"

char *
driver_status_path(const Driver *driver, const char *name)
{
    return g_strconcat(driver->state_dir, "/", name, ".xml", NULL);
}

static void
free_pool(StoreObject *object)
{
    pool_free((Pool *)object);
}

Store *
driver_pools(Driver *driver)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (driver->indexed)
        return &driver->pools;
    driver->indexed = true;
    if (definitions_open_journal(&driver->definitions, "virtstoraged", &err) < 0) {
        log_warning("%s; definitions are written without it, more slowly", err.message);
        error_done(&err);
    }
    if (persist_index(driver, &err) < 0)
        log_error("%s", err.message);
    pool_adopt_all(driver);
    return &driver->pools;
}

int
driver_init(Driver *driver, Daemon *daemon, Error *err)
{
    const Paths *paths = &daemon->paths;
    g_autofree char *dir = g_build_filename(paths->config, "storage", NULL);

    driver->daemon = daemon;
    driver->server = daemon->server;
    store_init(&driver->pools, free_pool);
    definitions_init(&driver->definitions, dir, "pool-edit");
    driver->unfinished_dir = g_build_filename(paths->lib, "storage-unfinished", NULL);
    driver->state_dir = paths->session ? g_build_filename(paths->run, "storage", "run", NULL) : g_build_filename(paths->run, "storage", NULL);
    return file_mkdirs(dir, 0700, err) < 0 || file_mkdirs(driver->definitions.autostart_dir, 0700, err) < 0 ||
                   file_mkdirs(driver->state_dir, 0700, err) < 0
               ? -1
               : 0;
}

void
driver_done(Driver *driver)
{
    GHashTableIter iter;
    void *pool;

    file_journal_close();
    g_hash_table_iter_init(&iter, driver->pools.by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &pool))
        volume_table_clear(&((Pool *)pool)->volumes); /* they hold references of their pools */
    store_done(&driver->pools);
    watch_done(driver);
    definitions_done(&driver->definitions);
    g_free(driver->unfinished_dir);
    g_free(driver->state_dir);
}
