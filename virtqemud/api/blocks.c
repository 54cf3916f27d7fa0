/* Disks as blocks: their size, and a look at their bytes. */
#include <string.h>

#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/device/storage.h"
#include "virtqemud/run/run.h"
#include "virtqemud/source/medium.h"
#include "virtqemud/source/volume.h"

#define SECTOR 512

const DiskDef *
api_disk(const Domain *domain, const DomainDef *def, const char *path, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device) {
        const DiskDef *disk = DISK(device);

        if (g_strcmp0(disk->target, path) == 0 || g_strcmp0(storage_location(&disk->source)->path, path) == 0)
            return disk;
    }
    error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "%s has no disk '%s' (name it by its target, such as 'vda', or its path)", domain->label, path);
    return NULL;
}

int
api_disk_image(Job *job, Domain *domain, const DomainDef *def, const char *path, Device **ret, Error *err)
{
    const DiskDef *disk = api_disk(domain, def, path, err);
    g_autoptr(Device) copy = disk ? device_copy(&disk->base) : NULL;

    if (!copy || (storage_location(&DISK(copy)->source)->type == STORAGE_VOLUME &&
                  volume_resolve(job, domain->driver, &DISK(copy)->source, false, err) < 0))
        return -1;
    *ret = g_steal_pointer(&copy);
    return 0;
}

/* --- resize --- */

/* KiB unless bytes are meant; a format with clusters takes whole sectors. */
static int
wanted_size(uint64_t size, unsigned flags, StorageFormat format, uint64_t *ret, Error *err)
{
    if (!(flags & VIR_DOMAIN_BLOCK_RESIZE_BYTES)) {
        if (size > INT64_MAX / 1024)
            return error_setf(err, FROM_QEMU, ERR_OVERFLOW, "a disk of %" G_GUINT64_FORMAT " KiB is too large", size);
        size *= 1024;
    }
    if (size > INT64_MAX - SECTOR)
        return error_setf(err, FROM_QEMU, ERR_OVERFLOW, "a disk of %" G_GUINT64_FORMAT " bytes is too large", size);
    if (format == FORMAT_QCOW || format == FORMAT_QCOW2 || format == FORMAT_QED)
        size = (size + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
    *ret = size;
    return 0;
}

/* As large as the block device behind it is now. */
static int
device_size(Job *job, const DiskDef *disk, uint64_t size, uint64_t *ret, Error *err)
{
    MediumInfo info;

    if (storage_location(&disk->source)->type != STORAGE_BLOCK || disk->source.format > FORMAT_RAW)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "disk '%s' is no raw block device, which alone has a size of its own", disk->target);
    if (medium_look(job, &disk->source, &info, err) < 0)
        return -1;
    if (size != 0 && size != info.physical)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the block device of disk '%s' has %" G_GUINT64_FORMAT " bytes, not %" G_GUINT64_FORMAT,
                          disk->target, info.physical, size);
    *ret = info.physical;
    return 0;
}

static int
block_resize(Job *job, RpcCall *call, const remote_domain_block_resize_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autoptr(DomainDef) live = NULL;
    g_autofree char *node = NULL;
    const DiskDef *disk;
    uint64_t size;

    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_BLOCK_RESIZE_BYTES | VIR_DOMAIN_BLOCK_RESIZE_CAPACITY, err) < 0 ||
        run_check_monitor(d, err) < 0)
        return -1;
    live = domain_def_ref(d->live); /* a drive that opens makes another one */
    disk = api_disk(d, live, args->disk, err);
    if (!disk)
        return -1;
    if (storage_source_is_empty(&disk->source) || disk->readonly || disk->source.type == STORAGE_VHOST_USER)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "disk '%s' is %s: it cannot be resized", disk->target,
                          storage_source_is_empty(&disk->source) ? "an empty drive" : disk->readonly ? "read-only" : "another process's");
    node = qemu_storage_node(&disk->source, NULL);
    if (wanted_size(args->size, args->flags, disk->source.format, &size, err) < 0 ||
        ((args->flags & VIR_DOMAIN_BLOCK_RESIZE_CAPACITY) && device_size(job, disk, size, &size, err) < 0))
        return -1;
    return qmp_call(job, d->run->qmp, "block_resize", json_pack("{s:s, s:I}", "node-name", node, "size", (json_int_t)size), NULL, err);
}

/* --- peek --- */

static int
block_peek(Job *job, RpcCall *call, const remote_domain_block_peek_args *args, remote_domain_block_peek_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    const DomainDef *def = domain_definition(d, err);
    g_autoptr(Device) disk = NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (!def || rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (args->size > REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "%u bytes at once are too many; %d are not", args->size, REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX);
    if (api_disk_image(job, d, def, args->path, &disk, err) < 0 || medium_read(job, &DISK(disk)->source, args->offset, args->size, &bytes, err) < 0)
        return -1;
    ret->buffer = arena_memdup(rpc_call_arena(call), g_bytes_get_data(bytes, NULL), args->size);
    ret->n_buffer = args->size;
    return 0;
}

API_TABLE(api_blocks,
    REMOTE_BIND(DOMAIN_BLOCK_RESIZE, block_resize),
    REMOTE_BIND(DOMAIN_BLOCK_PEEK, block_peek));
