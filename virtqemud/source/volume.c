#include "virtqemud/source/volume.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/conf/storage/pool.h"
#include "common/daemon/peers.h"
#include "protocol/calls.h"
#include "protocol/constants.h"

/* What virtstoraged says about a volume. */
typedef struct Answer {
    const char *path;
    int type; /* virStorageVolType */
    PoolDef *pool;
} Answer;

/* Somebody may be faster: it starts with the host as well, or for another guest. */
static int
start_pool(Job *job, RpcPeer *peer, Arena *arena, const remote_nonnull_storage_pool *pool, Error *err)
{
    remote_storage_pool_is_active_ret active = { 0 };
    _cleanup_error_ Error why = ERROR_INIT;

    if (remote_call_storage_pool_create(job, peer, arena, &(remote_storage_pool_create_args){ *pool, 0 }, &why) == 0 ||
        (remote_call_storage_pool_is_active(job, peer, arena, &(remote_storage_pool_is_active_args){ *pool }, &active, NULL) == 0 && active.active))
        return 0;
    error_move(err, &why);
    return error_prefixf(err, "the pool is not active and cannot be started");
}

static int
ask(Job *job, RpcPeer *peer, Arena *arena, const StorageSource *source, bool start, Answer *ret, Error *err)
{
    remote_storage_pool_lookup_by_name_ret pool = { 0 };
    remote_storage_pool_is_active_ret active = { 0 };
    remote_storage_pool_get_xml_desc_ret xml = { 0 };
    remote_storage_vol_lookup_by_name_ret vol = { 0 };
    remote_storage_vol_get_info_ret info = { 0 };
    remote_storage_vol_get_path_ret path = { 0 };

    if (remote_call_storage_pool_lookup_by_name(job, peer, arena, &(remote_storage_pool_lookup_by_name_args){ source->pool }, &pool, err) < 0 ||
        remote_call_storage_pool_is_active(job, peer, arena, &(remote_storage_pool_is_active_args){ pool.pool }, &active, err) < 0)
        return -1;
    if (!active.active && !start)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "the pool is not active");
    if (!active.active && start_pool(job, peer, arena, &pool.pool, err) < 0)
        return -1;
    if (remote_call_storage_vol_lookup_by_name(job, peer, arena, &(remote_storage_vol_lookup_by_name_args){ pool.pool, source->volume }, &vol, err) < 0 ||
        remote_call_storage_vol_get_info(job, peer, arena, &(remote_storage_vol_get_info_args){ vol.vol }, &info, err) < 0 ||
        remote_call_storage_vol_get_path(job, peer, arena, &(remote_storage_vol_get_path_args){ vol.vol }, &path, err) < 0 ||
        remote_call_storage_pool_get_xml_desc(job, peer, arena, &(remote_storage_pool_get_xml_desc_args){ pool.pool, 0 }, &xml, err) < 0 ||
        pool_def_parse(xml.xml, 0, &ret->pool, err) < 0)
        return -1;
    ret->path = path.name;
    ret->type = info.type;
    return 0;
}

/* --- from the answer to a source --- */

static void
take_server(StorageSource *at, const PoolSource *from)
{
    for (size_t i = 0; i < from->hosts.n; i++) {
        StorageHost *host = g_new0(StorageHost, 1);

        host->name = g_strdup(from->hosts.items[i]->name);
        if (from->hosts.items[i]->port.set)
            host->port = g_strdup_printf("%u", from->hosts.items[i]->port.v);
        LIST_ADD(&at->hosts, host);
    }
    at->auth = xml_copy(&storage_auth_schema, from->auth);
}

static int
by_path(const StorageSource *source, const Answer *answer, StorageSource *at, Error *err)
{
    static const StorageType types[] = {
        [VIR_STORAGE_VOL_FILE] = STORAGE_FILE, [VIR_STORAGE_VOL_BLOCK] = STORAGE_BLOCK, [VIR_STORAGE_VOL_DIR] = STORAGE_DIR,
    };

    if (answer->type < 0 || answer->type >= (int)G_N_ELEMENTS(types) || !types[answer->type])
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a volume of its type in a pool of type '%s' cannot be a disk",
                          pool_type_names[answer->pool->type]);
    at->type = types[answer->type];
    at->path = g_strdup(answer->path);
    return 0;
}

/* "unit:0:0:5" is unit 5; or what its path ends in: "...-lun-5". */
static const char *
unit_of(const StorageSource *source, const Answer *answer)
{
    const char *colon = strrchr(source->volume, ':'), *lun = g_strrstr(answer->path, "-lun-");

    return g_str_has_prefix(source->volume, "unit:") && colon ? colon + 1 : lun ? lun + strlen("-lun-") : NULL;
}

static int
by_iscsi(const StorageSource *source, const Answer *answer, StorageSource *at, Error *err)
{
    const PoolSource *from = &answer->pool->source;
    const char *unit = unit_of(source, answer);

    if (!unit || !*unit || strspn(unit, "0123456789") != strlen(unit) || from->devices.n == 0)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "it names no unit of the target: it is called \"unit:0:0:NUMBER\"");
    at->type = STORAGE_NETWORK;
    at->protocol = PROTOCOL_ISCSI;
    at->path = g_strdup_printf("%s/%s", from->devices.items[0]->path, unit);
    at->initiator = g_strdup(from->initiator);
    take_server(at, from);
    return 0;
}

static int
by_iscsi_mode(const StorageSource *source, const Answer *answer, StorageSource *at, Error *err)
{
    return source->volume_mode == VOLUME_DIRECT ? by_iscsi(source, answer, at, err) : by_path(source, answer, at, err);
}

static int
by_rbd(const StorageSource *source, const Answer *answer, StorageSource *at, Error *err)
{
    at->type = STORAGE_NETWORK;
    at->protocol = PROTOCOL_RBD;
    at->path = g_strdup(answer->path); /* "pool/image" */
    take_server(at, &answer->pool->source);
    return 0;
}

typedef int (*Translation)(const StorageSource *source, const Answer *answer, StorageSource *at, Error *err);

static const Translation translations[POOL_TYPES] = {
    [POOL_DIR] = by_path,  [POOL_FS] = by_path,    [POOL_NETFS] = by_path,       [POOL_LOGICAL] = by_path,        [POOL_DISK] = by_path,
    [POOL_SCSI] = by_path, [POOL_MPATH] = by_path, [POOL_ISCSI] = by_iscsi_mode, [POOL_ISCSI_DIRECT] = by_iscsi,  [POOL_RBD] = by_rbd,
};

static int
translate(const StorageSource *source, const Answer *answer, StorageSource *at, Error *err)
{
    PoolType type = answer->pool->type;

    if (type >= POOL_TYPES || !translations[type])
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "volumes of pools of type '%s' cannot be disks", pool_type_names[type]);
    if (source->volume_mode == VOLUME_DIRECT && type != POOL_ISCSI && type != POOL_ISCSI_DIRECT)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "mode='direct' is for pools of type 'iscsi'; this one is of type '%s'",
                          pool_type_names[type]);
    return translations[type](source, answer, at, err);
}

int
volume_resolve(Job *job, Driver *driver, StorageSource *source, bool start, Error *err)
{
    _cleanup_peer_ RpcPeer *peer = NULL;
    Answer answer = { 0 };
    StorageSource *at = xml_new(&storage_chain_schema);
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = daemon_peer(job, driver->daemon, RPC_OWNER_STORAGE, &peer, err);
    if (r == 0) {
        rpc_peer_set_timeout(peer, VOLUME_TIMEOUT);
        r = ask(job, peer, &arena, source, start, &answer, err);
    }
    if (r == 0)
        r = translate(source, &answer, at, err);
    if (r == 0) {
        /* What the library at the other end decrypts is told to it; the rest concerns the image as before. */
        at->encryption = xml_copy(&storage_encryption_schema, source->encryption);
        xml_free(&storage_chain_schema, source->resolved);
        source->resolved = g_steal_pointer(&at);
    }
    xml_free(&storage_chain_schema, at);
    pool_def_unref(answer.pool);
    arena_done(&arena);
    return r < 0 ? error_prefixf(err, "cannot use volume '%s' of pool '%s'", source->volume, source->pool) : 0;
}
