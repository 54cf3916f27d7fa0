/* What is in a volume: uploaded and downloaded. */
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/volume/refresh.h"
#include "virtstoraged/volume/transfer.h"

static int
check(const Volume *volume, const TransferSpec *spec, Error *err)
{
    if (!volume->stored)
        return api_no_volume("name", volume->def->name, err);
    return spec->upload ? volume_check_idle(volume, err) : 0;
}

static int
start(Job *job, RpcCall *call, const TransferSpec *spec, Error *err)
{
    Volume *volume = api_volume(call);
    g_autoptr(PoolDef) pool = NULL;
    g_autoptr(VolDef) def = NULL;
    const Backend *backend;
    Content *content;

    if (pool_enter(job, volume->pool, err) < 0)
        return -1;
    pool = pool_def_ref(volume->pool->live);
    backend = backend_of(pool->type);
    if (!backend->vol_open)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool doesn't support volume %s", spec->upload ? "upload" : "download");
    if (check(volume, spec, err) < 0)
        return -1;
    def = vol_def_ref(volume->def);
    if (backend->vol_open(job, pool, def, spec->upload, &content, err) < 0)
        return -1;
    /* Others went on while it was opened. */
    if (check(volume, spec, err) < 0 || pool_check_stays(volume->pool, err) < 0) {
        content_unref(content);
        return -1;
    }
    return transfer_start(call, volume, content, spec, err);
}

static int
upload(Job *job, RpcCall *call, const remote_storage_vol_upload_args *args, void *ret, Error *err)
{
    const TransferSpec spec = { .upload = true, .offset = args->offset, .length = args->length, .after = volume_look_anew };

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
