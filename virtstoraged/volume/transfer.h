/*
 * The content of a volume over a stream, either way. A job of its own moves blocks between the file (in workers) and the
 * stream, which holds a few MiB at most: who is slower slows the other.
 */
#pragma once

#include "common/rpc/call.h"
#include "virtstoraged/volume/content.h"
#include "virtstoraged/volume/volume.h"

typedef struct TransferSpec {
    bool upload;
    uint64_t offset, length; /* bytes; length 0: to the end, or as much as comes */
    /* When an upload is over, from the transfer's job: the volume may be something else now. */
    void (*after)(Job *job, Volume *volume);
} TransferSpec;

/* Opens the call's stream. content is taken, also on failure. Doesn't suspend. */
int transfer_start(RpcCall *call, Volume *volume, Content *content, const TransferSpec *spec, Error *err);
