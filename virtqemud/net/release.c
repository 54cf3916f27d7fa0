#include "virtqemud/net/release.h"

#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/file.h"
#include "common/daemon/peers.h"
#include "protocol/calls.h"
#include "virtqemud/driver.h"

#define LOG_SOURCE "qemu.net"
#include "common/base/log.h"

#define FILE_MAX (4 * 1024 * 1024)
#define ATTEMPT_TIMEOUT (10 * USEC_PER_SEC)
#define RETRY_FIRST USEC_PER_SEC
#define RETRY_MAX (60 * USEC_PER_SEC)

Release *
release_new(const char *network, const uint8_t *port)
{
    Release *release = g_new0(Release, 1);

    release->network = g_strdup(network);
    memcpy(release->port, port, UUID_SIZE);
    return release;
}

void
release_free(void *data)
{
    Release *release = data;

    g_free(release->network);
    g_free(release);
}

/* --- the file: a line "UUID NETWORK" each --- */

static char *
file_path(const Driver *driver)
{
    return g_build_filename(driver->status_dir, "ports.releasing", NULL);
}

static void
write_list(Driver *driver)
{
    g_autofree char *path = file_path(driver);
    g_autoptr(GString) text = g_string_new(NULL);
    _cleanup_error_ Error err = ERROR_INIT;

    for (guint i = 0; i < driver->releases.list->len; i++) {
        const Release *release = driver->releases.list->pdata[i];
        char uuid[UUID_TEXT_SIZE];

        uuid_to_text(release->port, uuid);
        g_string_append_printf(text, "%s %s\n", uuid, release->network);
    }
    if (text->len == 0)
        unlink(path);
    else if (file_replace(path, text->str, text->len, 0600, &err) < 0)
        log_error("%s", err.message);
}

static void
read_list(Driver *driver)
{
    g_autofree char *path = file_path(driver), *text = NULL;
    g_auto(GStrv) lines = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (access(path, F_OK) < 0)
        return;
    if (file_read(path, FILE_MAX, &text, NULL, &err) < 0) {
        log_error("%s", err.message);
        return;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *space = strchr(*line, ' ');
        uint8_t port[UUID_SIZE];

        if (!space)
            continue;
        *space = '\0';
        if (uuid_from_text(*line, port))
            g_ptr_array_add(driver->releases.list, release_new(space + 1, port));
    }
}

/* --- giving back --- */

/* The daemon could not be asked: it may be later. */
static bool
is_unreached(const Error *err)
{
    return err->code == ERR_NO_CONNECT || err->code == ERR_NO_SUPPORT || err->code == ERR_SYSTEM_ERROR || err->code == ERR_OPERATION_TIMEOUT ||
           err->code == ERR_OPERATION_ABORTED;
}

/* A network or port that is not there has nothing to take back; any other answer would be the same the next time. */
static int
give_back(Job *job, RpcPeer *peer, const Release *release, Error *err)
{
    const remote_network_lookup_by_name_args lookup = { .name = release->network };
    remote_network_lookup_by_name_ret network = { 0 };
    remote_network_port_delete_args args = { 0 };
    _cleanup_error_ Error why = ERROR_INIT;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = remote_call_network_lookup_by_name(job, peer, &arena, &lookup, &network, &why);
    if (r == 0) {
        args.port.net = network.net;
        memcpy(args.port.uuid, release->port, UUID_SIZE);
        r = remote_call_network_port_delete(job, peer, &arena, &args, &why);
    }
    arena_done(&arena);
    if (r < 0 && is_unreached(&why))
        return error_move(err, &why);
    if (r < 0 && why.code != ERR_NO_NETWORK && why.code != ERR_NO_NETWORK_PORT)
        log_error("a port of network '%s' is not taken back: %s", release->network, why.message);
    return 0;
}

static int
attempt(Job *job, Driver *driver, Error *err)
{
    _cleanup_peer_ RpcPeer *peer = NULL;
    PortReleases *releases = &driver->releases;

    if (daemon_peer(job, driver->daemon, RPC_OWNER_NETWORK, &peer, err) < 0)
        return -1;
    while (releases->list->len > 0) {
        if (give_back(job, peer, releases->list->pdata[0], err) < 0)
            return -1;
        g_ptr_array_remove_index(releases->list, 0);
        write_list(driver);
    }
    return 0;
}

static void
tell_waiting(PortReleases *releases)
{
    while (releases->waits->len > 0)
        wait_done(g_ptr_array_steal_index_fast(releases->waits, 0), 0);
}

static void
work(Job *job, void *data)
{
    Driver *driver = data;
    PortReleases *releases = &driver->releases;
    uint64_t pause = RETRY_FIRST;
    bool told = false;

    releases->job = job;
    while (releases->list->len > 0 && !job_cancelled(job)) {
        _cleanup_error_ Error err = ERROR_INIT;

        if (attempt(job, driver, &err) == 0)
            break;
        if (!told)
            log_warning("ports of ended guests are given back later: %s", err.message);
        told = true;
        tell_waiting(releases);
        if (job_sleep(job, pause, NULL) < 0)
            break;
        pause = MIN(pause * 2, RETRY_MAX);
    }
    tell_waiting(releases);
    releases->job = NULL;
}

static void
begin(Driver *driver)
{
    if (driver->releases.list->len > 0 && !driver->releases.job)
        driver->releases.job = job_spawn("ports", NULL, work, driver);
}

void
release_add(Driver *driver, GPtrArray *more)
{
    if (more->len > 0) {
        g_ptr_array_extend_and_steal(driver->releases.list, g_ptr_array_ref(more));
        write_list(driver);
        begin(driver);
    }
    g_ptr_array_unref(more);
}

int
release_wait(Job *job, Driver *driver, Error *err)
{
    PortReleases *releases = &driver->releases;
    _cleanup_error_ Error why = ERROR_INIT;
    Wait wait = { 0 };
    int r;

    if (releases->list->len == 0)
        return 0;
    begin(driver);
    g_ptr_array_add(releases->waits, &wait);
    r = job_wait(job, &wait, "ports of ended guests to be given back", ATTEMPT_TIMEOUT, &why);
    if (r < 0)
        g_ptr_array_remove(releases->waits, &wait);
    return r < 0 && job_cancelled(job) ? error_move(err, &why) : 0; /* having waited long enough is no error */
}

void
release_init(Driver *driver)
{
    driver->releases.list = g_ptr_array_new_with_free_func(release_free);
    driver->releases.waits = g_ptr_array_new();
}

void
release_load(Driver *driver)
{
    read_list(driver);
    begin(driver);
}

void
release_done(Driver *driver)
{
    g_clear_pointer(&driver->releases.list, g_ptr_array_unref);
    g_clear_pointer(&driver->releases.waits, g_ptr_array_unref);
}
