/* What is said of each type of pool: its formats and the parts of its source. */
#include "common/conf/storage/elements.h"

const char *const pool_type_names[] = {
    NULL, "dir", "fs", "netfs", "logical", "disk", "iscsi", "iscsi-direct", "scsi", "mpath", "rbd", "sheepdog", "gluster", "zfs",
    "vstorage", NULL,
};
const char *const vol_type_names[] = { NULL, "file", "block", "dir", "network", "netdir", "ploop", NULL };

const char *const fs_format_names[] = {
    NULL, "auto", "ext2", "ext3", "ext4", "ufs", "iso9660", "udf", "gfs", "gfs2", "vfat", "hfs+", "xfs", "ocfs2", "vmfs", NULL,
};
const char *const netfs_format_names[] = { NULL, "auto", "nfs", "glusterfs", "cifs", NULL };
const char *const logical_format_names[] = { NULL, "unknown", "lvm2", NULL };
const char *const disk_label_names[] = { NULL, "unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2", NULL };

/* Those of StorageFormat but for the last, which is no format of a volume. */
static const char *const file_format_names[] = {
    NULL, "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow", "qcow", "qcow2", "qed", "vmdk",
    NULL,
};
static const char *const published_file_formats[] = {
    NULL, "none", "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow", "qcow", "qcow2", "qed",
    "vmdk", NULL,
};
static const char *const partition_names[] = {
    NULL, "none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended", NULL,
};
static const char *const nothing_published[] = { NULL, NULL };

#define FILES .vol_formats = file_format_names, .default_vol_format = FORMAT_RAW, .published_vol_formats = published_file_formats
#define SOURCE(always, also) .needs = (always), .takes = (always) | (also) | SOURCE_AUTH

static const PoolKind kinds[POOL_TYPES] = {
    [POOL_DIR] = { "dir", 1 << 6, SOURCE(0, 0), .has_target = true, .vol_type = VOL_FILE, FILES },
    [POOL_FS] = { "fs", 1 << 7, SOURCE(SOURCE_DEVICE, 0), .has_target = true, .formats = fs_format_names, .default_format = FS_AUTO,
                  .vol_type = VOL_FILE, FILES },
    [POOL_NETFS] = { "netfs", 1 << 8, SOURCE(SOURCE_HOST | SOURCE_DIR, 0), .has_target = true, .formats = netfs_format_names,
                     .default_format = NETFS_AUTO, .vol_type = VOL_FILE, FILES },
    [POOL_LOGICAL] = { "logical", 1 << 9, SOURCE(SOURCE_NAME, SOURCE_DEVICE), .name_from_source = true, .source_from_name = true,
                       .has_target = true, .target_root = "/dev/", .formats = logical_format_names,
                       .default_format = LOGICAL_LVM2, .vol_type = VOL_BLOCK },
    [POOL_DISK] = { "disk", 1 << 10, SOURCE(SOURCE_DEVICE, 0), .has_target = true, .formats = disk_label_names,
                    .default_format = DISK_LABEL_UNKNOWN, .vol_type = VOL_BLOCK, .vol_formats = partition_names,
                    .default_vol_format = PARTITION_NONE },
    [POOL_ISCSI] = { "iscsi", 1 << 11, SOURCE(SOURCE_HOST, SOURCE_DEVICE | SOURCE_INITIATOR), .has_target = true,
                     .vol_type = VOL_BLOCK },
    [POOL_ISCSI_DIRECT] = { "iscsi-direct", 1 << 19, SOURCE(SOURCE_HOST | SOURCE_INITIATOR, SOURCE_DEVICE),
                            .vol_type = VOL_NETWORK },
    [POOL_SCSI] = { "scsi", 1 << 12, SOURCE(SOURCE_ADAPTER, 0), .has_target = true, .vol_type = VOL_BLOCK },
    [POOL_MPATH] = { "mpath", 1 << 13, SOURCE(0, 0), .has_target = true, .vol_type = VOL_BLOCK },
    [POOL_RBD] = { "rbd", 1 << 14, SOURCE(SOURCE_HOST | SOURCE_NAME, 0), .name_from_source = true, .vol_type = VOL_NETWORK,
                   .vol_formats = file_format_names, .default_vol_format = FORMAT_RAW, .published_vol_formats = nothing_published },
    [POOL_SHEEPDOG] = { "sheepdog", 1 << 15, SOURCE(SOURCE_HOST | SOURCE_NAME, 0), .name_from_source = true, .source_from_name = true,
                        .vol_type = VOL_NETWORK },
    [POOL_GLUSTER] = { "gluster", 1 << 16, SOURCE(SOURCE_HOST | SOURCE_NAME, SOURCE_DIR), .name_from_source = true,
                       .source_from_name = true, .vol_type = VOL_NETWORK, FILES },
    [POOL_ZFS] = { "zfs", 1 << 17, SOURCE(SOURCE_NAME, SOURCE_DEVICE), .name_from_source = true, .source_from_name = true,
                   .has_target = true, .target_root = "/dev/zvol/", .vol_type = VOL_BLOCK },
    [POOL_VSTORAGE] = { "vstorage", 1 << 18, SOURCE(SOURCE_NAME, 0), .name_from_source = true, .source_from_name = true,
                        .has_target = true, .vol_type = VOL_FILE, FILES },
};

const PoolKind *
pool_kind(PoolType type)
{
    return &kinds[type < POOL_TYPES ? type : POOL_ABSENT];
}

/* -- capabilities -- */

static void
write_choice(XmlWriter *writer, const char *element, const char *kind, const char *const *names, const char *by_default)
{
    xml_writer_start(writer, element);
    xml_writer_start(writer, "defaultFormat");
    xml_writer_attr(writer, "type", by_default);
    xml_writer_end(writer, "defaultFormat");
    xml_writer_start(writer, "enum");
    xml_writer_attr(writer, "name", kind);
    for (int i = 1; names[i]; i++)
        xml_writer_text_element(writer, "value", names[i]);
    xml_writer_end(writer, "enum");
    xml_writer_end(writer, element);
}

char *
pool_types_format(uint64_t supported)
{
    XmlWriter writer;

    xml_writer_init(&writer);
    xml_writer_start(&writer, "capabilities");
    xml_writer_start(&writer, "pool");
    xml_writer_start(&writer, "enum");
    xml_writer_attr(&writer, "name", "type");
    for (PoolType type = POOL_DIR; type < POOL_TYPES; type++)
        if (supported >> type & 1)
            xml_writer_text_element(&writer, "value", pool_kind(type)->name);
    xml_writer_end(&writer, "enum");
    xml_writer_end(&writer, "pool");
    xml_writer_end(&writer, "capabilities");
    return xml_writer_steal(&writer);
}

char *
pool_capabilities_format(uint64_t supported)
{
    XmlWriter writer;

    xml_writer_init(&writer);
    xml_writer_start(&writer, "storagepoolCapabilities");
    for (PoolType type = POOL_DIR; type < POOL_TYPES; type++) {
        const PoolKind *kind = pool_kind(type);

        xml_writer_start(&writer, "pool");
        xml_writer_attr(&writer, "type", kind->name);
        xml_writer_attr(&writer, "supported", supported >> type & 1 ? "yes" : "no");
        if (kind->formats)
            write_choice(&writer, "poolOptions", "sourceFormatType", kind->formats, kind->formats[kind->default_format]);
        if (kind->vol_formats)
            write_choice(&writer, "volOptions", "targetFormatType",
                         kind->published_vol_formats ? kind->published_vol_formats : kind->vol_formats,
                         kind->vol_formats[kind->default_vol_format]);
        xml_writer_end(&writer, "pool");
    }
    xml_writer_end(&writer, "storagepoolCapabilities");
    return xml_writer_steal(&writer);
}
