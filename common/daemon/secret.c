#include "common/daemon/secret.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/uuid.h"
#include "common/daemon/peers.h"
#include "protocol/calls.h"

typedef struct Value {
    size_t size;
    uint8_t bytes[];
} Value;

static void
wipe(gpointer data)
{
    Value *value = data;

    explicit_bzero(value->bytes, value->size);
    g_free(value);
}

GBytes *
secret_value(const void *bytes, size_t size)
{
    Value *value = g_malloc(sizeof(Value) + size);

    value->size = size;
    if (size > 0)
        memcpy(value->bytes, bytes, size);
    return g_bytes_new_with_free_func(value->bytes, size, wipe, value);
}

static int
find(Job *job, RpcPeer *peer, Arena *arena, const SecretRef *ref, SecretUsage usage, remote_nonnull_secret *ret, Error *err)
{
    remote_secret_lookup_by_usage_ret by_usage = { 0 };
    remote_secret_lookup_by_uuid_args uuid = { 0 };
    remote_secret_lookup_by_uuid_ret by_uuid = { 0 };

    if (ref->uuid.set) {
        memcpy(uuid.uuid, ref->uuid.b, UUID_SIZE);
        if (remote_call_secret_lookup_by_uuid(job, peer, arena, &uuid, &by_uuid, err) < 0)
            return -1;
        *ret = by_uuid.secret;
        return 0;
    }
    if (remote_call_secret_lookup_by_usage(job, peer, arena, &(remote_secret_lookup_by_usage_args){ usage, ref->usage }, &by_usage, err) < 0)
        return -1;
    *ret = by_usage.secret;
    return 0;
}

int
daemon_secret(Job *job, Daemon *daemon, const SecretRef *ref, SecretUsage usage, GBytes **ret, Error *err)
{
    _cleanup_peer_ RpcPeer *peer = NULL;
    remote_secret_get_value_args args = { 0 };
    remote_secret_get_value_ret got = { 0 };
    Arena arena;
    int r;

    if (daemon_peer(job, daemon, RPC_OWNER_SECRET, &peer, err) < 0)
        return -1;
    arena_init(&arena, NULL, 0);
    r = find(job, peer, &arena, ref, usage, &args.secret, err);
    if (r == 0)
        r = remote_call_secret_get_value(job, peer, &arena, &args, &got, err);
    if (r == 0) {
        *ret = secret_value(got.value, got.n_value);
        explicit_bzero((void *)got.value, got.n_value); /* the arena is ours */
    }
    arena_done(&arena);
    return r;
}
