/* What is in a volume: uploaded and downloaded. */
#include <unistd.h>

#include "common/base/file.h"
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/volume/transfer.h"

/* What was uploaded may be an image of another format. */
static void
look_anew(Job *job, Volume *volume)
{
    g_autoptr(PoolDef) pool = volume->pool->live ? pool_def_ref(volume->pool->live) : NULL;
    g_autoptr(VolDef) before = vol_def_ref(volume->def);
    const FileStamp none = { 0 };
    Found *found;

    if (!pool || backend_of(pool->type)->vol_look(job, pool, before, &none, NULL, &found, NULL) < 0)
        return; /* whoever looks at it is told why that can't be done */
    if (volume->stored) {
        volume_set_def(volume, g_steal_pointer(&found->def));
        image_info_unref(volume->image);
        volume->image = g_steal_pointer(&found->image);
        volume->stamp = found->stamp;
    }
    found_free(found);
}

static int
start(Job *job, RpcCall *call, const TransferSpec *spec, Error *err)
{
    Volume *volume = api_volume(call);
    g_autoptr(PoolDef) pool = NULL;
    const Backend *backend;
    int fd;

    if (pool_check_active(volume->pool, err) < 0)
        return -1;
    pool = pool_def_ref(volume->pool->live);
    backend = backend_of(pool->type);
    if (!backend->vol_open)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool doesn't support volume %s", spec->upload ? "upload" : "download");
    if (spec->upload && volume_check_idle(volume, err) < 0)
        return -1;
    if (backend->vol_open(job, pool, volume->def, spec->upload, &fd, err) < 0)
        return -1;
    return transfer_start(call, volume, fd, spec, err);
}

static int
upload(Job *job, RpcCall *call, const remote_storage_vol_upload_args *args, void *ret, Error *err)
{
    const TransferSpec spec = { .upload = true, .offset = args->offset, .length = args->length, .after = look_anew };

    if (rpc_call_check_flags(call, args->flags, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM, err) < 0)
        return -1;
    if (args->offset > INT64_MAX || args->length > INT64_MAX - args->offset)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "offset and length go beyond what a volume can have");
    return start(job, call, &spec, err);
}

static int
download(Job *job, RpcCall *call, const remote_storage_vol_download_args *args, void *ret, Error *err)
{
    const TransferSpec spec = { .offset = args->offset, .length = args->length };

    if (rpc_call_check_flags(call, args->flags, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM, err) < 0)
        return -1;
    if (args->offset > INT64_MAX || args->length > INT64_MAX - args->offset)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "offset and length go beyond what a volume can have");
    return start(job, call, &spec, err);
}

API_TABLE(api_content,
    REMOTE_BIND(STORAGE_VOL_UPLOAD, upload),
    REMOTE_BIND(STORAGE_VOL_DOWNLOAD, download));
