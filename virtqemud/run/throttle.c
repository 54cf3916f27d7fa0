/* Limits of disks: see throttle.h. */
#include "virtqemud/run/throttle.h"

#include "common/conf/domain/device/disk.h"

/* Members of <iotune> and what QEMU calls them; a limit that is absent is 0, which QEMU takes as none. */
static const struct { size_t offset; const char *qemu; bool optional; } limits[] = {
    { offsetof(DiskTune, total_bytes_sec), "bps", false },
    { offsetof(DiskTune, read_bytes_sec), "bps_rd", false },
    { offsetof(DiskTune, write_bytes_sec), "bps_wr", false },
    { offsetof(DiskTune, total_iops_sec), "iops", false },
    { offsetof(DiskTune, read_iops_sec), "iops_rd", false },
    { offsetof(DiskTune, write_iops_sec), "iops_wr", false },
    { offsetof(DiskTune, total_bytes_sec_max), "bps_max", true },
    { offsetof(DiskTune, read_bytes_sec_max), "bps_rd_max", true },
    { offsetof(DiskTune, write_bytes_sec_max), "bps_wr_max", true },
    { offsetof(DiskTune, total_iops_sec_max), "iops_max", true },
    { offsetof(DiskTune, read_iops_sec_max), "iops_rd_max", true },
    { offsetof(DiskTune, write_iops_sec_max), "iops_wr_max", true },
    { offsetof(DiskTune, total_bytes_sec_max_length), "bps_max_length", true },
    { offsetof(DiskTune, read_bytes_sec_max_length), "bps_rd_max_length", true },
    { offsetof(DiskTune, write_bytes_sec_max_length), "bps_wr_max_length", true },
    { offsetof(DiskTune, total_iops_sec_max_length), "iops_max_length", true },
    { offsetof(DiskTune, read_iops_sec_max_length), "iops_rd_max_length", true },
    { offsetof(DiskTune, write_iops_sec_max_length), "iops_wr_max_length", true },
    { offsetof(DiskTune, size_iops_sec), "iops_size", true },
};

/* What QEMU takes for the disk's own device: behind some there is another one that holds the image. */
static json_t *
holder_of(const DiskDef *disk)
{
    const char *alias = disk->base.info.alias;

    switch (disk->bus) {
    case DISK_BUS_VIRTIO:
        return json_sprintf("/machine/peripheral/%s/virtio-backend", alias);
    case DISK_BUS_USB:
        return json_sprintf("/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
    default:
        return json_string(alias);
    }
}

/* The arguments of block_set_io_throttle; NULL: the disk has no limits. */
static json_t *
throttle_arguments(const DiskDef *disk)
{
    json_t *arguments = json_object();
    bool any = false;

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        const OptU64 *limit = (const OptU64 *)(const void *)((const char *)&disk->tune + limits[i].offset);

        any |= limit->set;
        if (limit->set || !limits[i].optional)
            json_object_set_new(arguments, limits[i].qemu, json_integer((json_int_t)limit->v));
    }
    if (!any) {
        json_decref(arguments);
        return NULL;
    }
    json_object_set_new(arguments, "id", holder_of(disk));
    json_object_set_new(arguments, "group", json_string(disk->tune.group_name ? disk->tune.group_name : disk->base.info.alias));
    return arguments;
}

int
throttle_apply_disk(Job *job, Domain *domain, const DiskDef *disk, Error *err)
{
    /* An empty drive has nothing to limit. */
    json_t *arguments = storage_source_is_empty(&disk->source) ? NULL : throttle_arguments(disk);

    if (arguments && qmp_call(job, domain->run->qmp, "block_set_io_throttle", arguments, NULL, err) < 0)
        return error_prefixf(err, "cannot limit disk '%s'", disk->target);
    return 0;
}

int
throttle_apply(Job *job, Domain *domain, Error *err)
{
    DOMAIN_FOREACH_KIND(domain->live, DEVICE_DISK, device)
        if (throttle_apply_disk(job, domain, DISK(device), err) < 0)
            return -1;
    return 0;
}
