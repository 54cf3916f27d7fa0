#include "virtstoraged/pool/watch.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/run.h"

#define LOG_SOURCE "storage.watch"
#include "common/base/log.h"

#define EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
#define NAMES_MAX 10000                 /* more changed names than that: all is read */
#define CALM (250 * USEC_PER_MSEC)      /* changes come in bursts */
#define CIFS_MAGIC 0xff534d42
#define CEPH_MAGIC 0x00c36400
#define FUSE_MAGIC 0x65735546

/* One watched directory. It is here before it is a pool's: events may come sooner than the worker's answer. */
typedef struct Watch {
    Pool *pool; /* borrowed; NULL: not yet */
    GHashTable *names;
} Watch;

struct Watcher {
    int fd;
    sd_event_source *source;
    GHashTable *watches; /* number -> Watch */
};

/* --- watches --- */

static void
free_watch(gpointer data)
{
    Watch *watch = data;

    g_hash_table_unref(watch->names);
    g_free(watch);
}

static GHashTable *
new_names(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static Watch *
watch_of(Watcher *watcher, int number, bool make)
{
    Watch *watch = g_hash_table_lookup(watcher->watches, GINT_TO_POINTER(number));

    if (!watch && make) {
        watch = g_new0(Watch, 1);
        watch->names = new_names();
        g_hash_table_insert(watcher->watches, GINT_TO_POINTER(number), watch);
    }
    return watch;
}

/* --- what was changed is looked at --- */

static void
refresh_job(Job *job, void *data)
{
    g_autoptr(Pool) pool = data;
    _cleanup_error_ Error err = ERROR_INIT;

    job_set_lane(job, pool->lane);
    if (pool_active(pool) && !pool->trouble.reason && pool_refresh_changed(job, pool, &err) < 0)
        log_info("changed volumes of %s can't be looked at: %s", pool->label, err.message);
}

static int
on_calm(sd_event_source *source, uint64_t when, void *data)
{
    Pool *pool = data;

    pool->calm = sd_event_source_disable_unref(pool->calm);
    job_spawn("changes", NULL, refresh_job, pool_ref(pool));
    return 0;
}

static void
changed(Watch *watch, const char *name)
{
    if (g_hash_table_size(watch->names) <= NAMES_MAX)
        g_hash_table_add(watch->names, g_strdup(name));
    if (watch->pool && !watch->pool->calm)
        (void)loop_timer(&watch->pool->calm, CALM, on_calm, watch->pool, NULL); /* without one the next refresh sees it */
}

/* Events were lost, or the directory is not where it was: all of it has to be read again. */
static void
lost(Watcher *watcher, int number)
{
    Watch *watch = watch_of(watcher, number, false);

    if (watch && watch->pool)
        watch->pool->watch = -1;
    g_hash_table_remove(watcher->watches, GINT_TO_POINTER(number));
}

/* It is not where it was, or something else is mounted there now. */
static void
moved(Watcher *watcher, int number)
{
    const Watch *watch = watch_of(watcher, number, false);
    Pool *pool = watch ? watch->pool : NULL;

    lost(watcher, number);
    if (pool)
        health_suspect(pool);
}

static void
lost_all(Watcher *watcher)
{
    g_autoptr(GList) numbers = g_hash_table_get_keys(watcher->watches);

    log_info("too many changes in pools at once: they are read anew when they are refreshed");
    for (GList *l = numbers; l; l = l->next) {
        inotify_rm_watch(watcher->fd, GPOINTER_TO_INT(l->data));
        lost(watcher, GPOINTER_TO_INT(l->data));
    }
}

static void
take_event(Watcher *watcher, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        lost_all(watcher);
    } else if (event->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)) {
        if (!(event->mask & IN_IGNORED))
            inotify_rm_watch(watcher->fd, event->wd);
        moved(watcher, event->wd);
    } else if (event->len > 0) {
        changed(watch_of(watcher, event->wd, true), event->name);
    }
}

static int
on_events(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    Watcher *watcher = data;
    _Alignas(struct inotify_event) char buffer[16 * 1024];
    ssize_t n = read(fd, buffer, sizeof(buffer));

    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

        take_event(watcher, event);
        at += (ssize_t)sizeof(*event) + event->len;
    }
    return 0;
}

/* --- the watcher --- */

int
watch_fd(Driver *driver)
{
    Watcher *watcher = driver->watcher;

    if (!watcher) {
        watcher = driver->watcher = g_new0(Watcher, 1);
        watcher->watches = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_watch);
        watcher->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (watcher->fd < 0)
            log_warning("pools are not watched for changes by others: %s (fs.inotify.max_user_instances)", g_strerror(errno));
        else if (sd_event_add_io(loop_event(), &watcher->source, watcher->fd, EPOLLIN, on_events, watcher) < 0)
            fd_close(&watcher->fd);
    }
    return watcher->fd;
}

void
watch_done(Driver *driver)
{
    Watcher *watcher = driver->watcher;

    if (!watcher)
        return;
    sd_event_source_disable_unref(watcher->source);
    fd_close(&watcher->fd);
    g_hash_table_unref(watcher->watches);
    g_free(watcher);
    driver->watcher = NULL;
}

bool
watch_is_remote(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return true;
    switch ((unsigned long)fs.f_type) {
    case NFS_SUPER_MAGIC: case SMB_SUPER_MAGIC: case SMB2_SUPER_MAGIC: case CIFS_MAGIC: case CEPH_MAGIC: case FUSE_MAGIC: case V9FS_MAGIC:
        return true;
    default:
        return false;
    }
}

int
watch_add(int fd, int dirfd, const char *path)
{
    return fd < 0 || watch_is_remote(dirfd) ? -1 : inotify_add_watch(fd, path, EVENTS);
}

void
watch_attach(Pool *pool, int number)
{
    if (number == pool->watch)
        return;
    watch_drop(pool);
    if (number < 0)
        return;
    pool->watch = number;
    watch_of(pool->driver->watcher, number, true)->pool = pool;
}

void
watch_drop(Pool *pool)
{
    pool->calm = sd_event_source_disable_unref(pool->calm);
    if (pool->watch < 0)
        return;
    inotify_rm_watch(pool->driver->watcher->fd, pool->watch);
    lost(pool->driver->watcher, pool->watch);
}

GHashTable *
watch_take(Pool *pool)
{
    Watch *watch = pool->watch < 0 ? NULL : watch_of(pool->driver->watcher, pool->watch, false);
    GHashTable *names;

    if (!watch || g_hash_table_size(watch->names) > NAMES_MAX)
        return NULL;
    names = watch->names;
    watch->names = new_names();
    return names;
}
