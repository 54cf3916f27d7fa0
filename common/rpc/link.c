/* See link.h. */
#include "common/rpc/link.h"

#include <unistd.h>

#include <glib.h>

#include "common/base/process.h"

struct RpcLink {
    const RpcTarget *target;
    RpcPeer *peer;   /* NULL: not open */
    JobQueue opening;
    uint64_t span, used;
    sd_event_source *idle;
};

RpcLink *
rpc_link_new(const RpcTarget *target, uint64_t idle)
{
    RpcLink *link = g_new0(RpcLink, 1);

    link->target = target;
    link->span = idle;
    return link;
}

RpcLink *
rpc_link_free(RpcLink *link)
{
    if (!link)
        return NULL;
    sd_event_source_disable_unref(link->idle);
    rpc_peer_free(link->peer);
    g_free(link);
    return NULL;
}

static int
on_idle(sd_event_source *source, uint64_t usec, void *data)
{
    RpcLink *link = data;
    uint64_t idle = loop_now() - link->used;

    link->idle = sd_event_source_disable_unref(link->idle);
    if (!link->peer)
        return 0;
    if (rpc_peer_shared(link->peer))
        link->used = loop_now(); /* somebody is in the middle of a call */
    else if (idle >= link->span)
        link->peer = rpc_peer_free(link->peer);
    if (link->peer)
        loop_timer(&link->idle, link->used + link->span - loop_now(), on_idle, link, NULL);
    return 0;
}

static int
open_link(Job *job, RpcLink *link, Error *err)
{
    RpcIdentity self = { .uid = geteuid(), .gid = getegid(), .pid = getpid(), .start_time = process_start_time(getpid()) };

    if (link->peer && rpc_peer_broken(link->peer))
        link->peer = rpc_peer_unref(link->peer);
    return link->peer ? 0 : rpc_target_open(job, link->target, &self, RPC_TARGET_TOKEN, &link->peer, err);
}

int
rpc_link_get(Job *job, RpcLink *link, RpcPeer **ret, Error *err)
{
    int r = 0;

    if (!link->peer || rpc_peer_broken(link->peer)) {
        if (job_acquire(job, &link->opening, link->target->daemon, JOB_QUEUE_TIMEOUT, err) < 0)
            return -1;
        r = open_link(job, link, err);
        job_release(job, &link->opening);
    }
    if (r < 0)
        return r;
    link->used = loop_now();
    if (!link->idle)
        loop_timer(&link->idle, link->span, on_idle, link, NULL);
    *ret = rpc_peer_ref(link->peer);
    return 0;
}
