#include "common/conf/domain/device/disk.h"

#include <string.h>

const char *const disk_device_names[] = { NULL, "disk", "cdrom", "floppy", "lun", NULL };
const char *const disk_bus_names[] = { NULL, "ide", "fdc", "scsi", "virtio", "xen", "usb", "uml", "sata", "sd", "nvme", NULL };
const char *const disk_cache_names[] = { NULL, "default", "none", "writethrough", "writeback", "directsync", "unsafe", NULL };
const char *const disk_error_names[] = { NULL, "stop", "report", "ignore", "enospace", NULL };
const char *const disk_io_names[] = { NULL, "native", "threads", "io_uring", NULL };
const char *const disk_discard_names[] = { NULL, "unmap", "ignore", NULL };
const char *const disk_zeroes_names[] = { NULL, "off", "on", "unmap", NULL };
const char *const disk_model_names[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional", "usb-storage",
                                         "usb-bot", NULL };
const char *const disk_trans_names[] = { NULL, "none", "auto", "lba", NULL };
static const char *const tray_names[] = { NULL, "closed", "open", NULL };
static const char *const snapshot_names[] = { NULL, "no", "internal", "external", "manual", NULL };

#define D DiskDef

/* -- <driver> -- */

static const XmlRow iothread_queue_rows[] = {
    VALUE(ROW_ATTR, "id", struct OptUint, v, unsigned, xt_plain_uint, "number of the queue"),
    ROWS_END,
};
static SCHEMA(iothread_queue_schema, "iothreadQueue", OptUint, iothread_queue_rows, "queue served by an I/O thread");
static const XmlRow iothread_rows[] = {
    A_UINT("id", DiskIothread, id, "the I/O thread", .flags = XR_REQUIRED),
    ITEMS("queue", DiskIothread, queues, iothread_queue_schema, "a queue it serves"),
    ROWS_END,
};
SCHEMA(disk_iothread_schema, "diskIothread", DiskIothread, iothread_rows, "I/O thread and its queues");
static const XmlRow iothreads_rows[] = {
    ITEMS("iothread", DiskDriver, iothreads, disk_iothread_schema, "an I/O thread"),
    ROWS_END,
};
static SCHEMA(iothreads_schema, "diskIothreads", DiskDriver, iothreads_rows, "spread over I/O threads");

static const XmlRow driver_tail_rows[] = {
    A_ENUM("cache", DiskDriver, cache, disk_cache_names, "host page cache"),
    A_ENUM("error_policy", DiskDriver, error_policy, disk_error_names, "what to do on a write error"),
    A_ENUM("rerror_policy", DiskDriver, rerror_policy, disk_error_names, "what to do on a read error"),
    A_ENUM("io", DiskDriver, io, disk_io_names, "way of asynchronous I/O"),
    A_ONOFF("ioeventfd", DiskDriver, ioeventfd, "notify by eventfd"),
    A_ONOFF("event_idx", DiskDriver, event_idx, "fewer notifications"),
    A_ONOFF("copy_on_read", DiskDriver, copy_on_read, "copy what is read from the backing image"),
    A_ENUM("discard", DiskDriver, discard, disk_discard_names, "what a guest's discard does"),
    A_ONOFF("discard_no_unref", DiskDriver, discard_no_unref, "discarded clusters stay allocated"),
    A_UINT("iothread", DiskDriver, iothread, "the I/O thread that serves the disk"),
    A_ENUM("detect_zeroes", DiskDriver, detect_zeroes, disk_zeroes_names, "turn zeroes into holes"),
    A_UINT("queues", DiskDriver, queues, "number of queues"),
    A_UINT("queue_size", DiskDriver, queue_size, "entries of a queue"),
    INLINE_AT(DiskDriver, virtio, virtio_options_schema),
    GROUP("iothreads", iothreads_schema, "spread over I/O threads"),
    ROWS_END,
};
static SCHEMA(driver_tail_schema, "diskDriverOptions", DiskDriver, driver_tail_rows, "options of the disk's back-end");

static const XmlRow driver_rows[] = {
    A_STR("name", D, driver.name, "always qemu"),
    A_ENUM("type", D, source.format, storage_format_names, "format of the image"),
    INLINE_AT(D, driver, driver_tail_schema),
    { .kind = ROW_GROUP, .name = "metadata_cache", .offset = offsetof(D, source), .schema = &metadata_cache_schema,
      .doc = "cache of the image's tables" },
    ROWS_END,
};
static SCHEMA(driver_schema, "diskDriver", D, driver_rows, "back-end of a disk");

/* -- <iotune> -- */

#define TUNE(n) E_U64(#n, DiskTune, n, "limit; 0 is none")
static const XmlRow tune_rows[] = {
    TUNE(total_bytes_sec), TUNE(read_bytes_sec), TUNE(write_bytes_sec), TUNE(total_iops_sec), TUNE(read_iops_sec),
    TUNE(write_iops_sec), TUNE(total_bytes_sec_max), TUNE(read_bytes_sec_max), TUNE(write_bytes_sec_max),
    TUNE(total_iops_sec_max), TUNE(read_iops_sec_max), TUNE(write_iops_sec_max), TUNE(size_iops_sec),
    E_STR("group_name", DiskTune, group_name, "disks of a group share the limits"),
    TUNE(total_bytes_sec_max_length), TUNE(read_bytes_sec_max_length), TUNE(write_bytes_sec_max_length),
    TUNE(total_iops_sec_max_length), TUNE(read_iops_sec_max_length), TUNE(write_iops_sec_max_length), ROWS_END,
};

static int
tune_check(XmlParse *parse, xmlNode *element, void *object)
{
    const DiskTune *t = object;
    const struct { const char *what; OptU64 total, read, write; } rules[] = {
        { "bytes_sec", t->total_bytes_sec, t->read_bytes_sec, t->write_bytes_sec },
        { "iops_sec", t->total_iops_sec, t->read_iops_sec, t->write_iops_sec },
        { "bytes_sec_max", t->total_bytes_sec_max, t->read_bytes_sec_max, t->write_bytes_sec_max },
        { "iops_sec_max", t->total_iops_sec_max, t->read_iops_sec_max, t->write_iops_sec_max },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (rules[i].total.v && (rules[i].read.v || rules[i].write.v))
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "<iotune> has total_%s together with read_ or write_%s; give one or the other",
                               rules[i].what, rules[i].what);
    return 0;
}
static SCHEMA(tune_schema, "iotune", DiskTune, tune_rows, "limits of a disk", .check = tune_check);

static const XmlRow throttle_rows[] = {
    A_STR("group", DiskThrottle, group, "the throttle group", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(throttle_schema, "throttlefilter", DiskThrottle, throttle_rows, "use of a throttle group");
static const XmlRow throttles_rows[] = { ITEMS("throttlefilter", D, throttles, throttle_schema, "a group"), ROWS_END };
static SCHEMA(throttles_schema, "throttlefilters", D, throttles_rows, "throttle groups, in order");

/* -- small elements -- */

static const XmlRow geometry_rows[] = {
    A_UINT("cyls", D, cylinders, "cylinders"),
    A_UINT("heads", D, heads, "heads"),
    A_UINT("secs", D, sectors, "sectors"),
    A_ENUM("trans", D, trans, disk_trans_names, "translation by the BIOS"),
    ROWS_END,
};
static SCHEMA(geometry_schema, "geometry", D, geometry_rows, "geometry the guest sees");

static const XmlRow blockio_rows[] = {
    A_UINT("logical_block_size", D, logical_block_size, "bytes"),
    A_UINT("physical_block_size", D, physical_block_size, "bytes"),
    A_UINT("discard_granularity", D, discard_granularity, "bytes"),
    ROWS_END,
};
static SCHEMA(blockio_schema, "blockio", D, blockio_rows, "block sizes the guest sees");

/* A closed tray is the default and not said. */
static bool
tray_shown(const void *object, unsigned flags)
{
    return ((const DiskDef *)object)->tray == DISK_TRAY_OPEN;
}

static const XmlRow target_rows[] = {
    A_STR("dev", D, target, "name in the domain", .flags = XR_ABI),
    A_ENUM("bus", D, bus, disk_bus_names, "what it is plugged into", .flags = XR_ABI),
    A_ENUM("tray", D, tray, tray_names, "state of the tray", .shown = tray_shown),
    A_ONOFF("removable", D, removable, "shown as removable", .flags = XR_ABI),
    A_UINT("rotation_rate", D, rotation_rate, "revolutions per minute; 1 is solid state", .flags = XR_ABI,
           .max = 65534),
    ROWS_END,
};
static SCHEMA(target_schema, "diskTarget", D, target_rows, "how the guest sees the disk");

static const XmlRow transient_rows[] = {
    PRESENT(D, transient),
    A_YESNO("shareBacking", D, transient_share_backing, "several domains use the image"),
    ROWS_END,
};
static SCHEMA(transient_schema, "transient", D, transient_rows, "changes are thrown away");

static const XmlRow backenddomain_rows[] = { A_STR("name", D, backend_domain, "the domain"), ROWS_END };
static SCHEMA(backenddomain_schema, "backenddomain", D, backenddomain_rows, "driver domain");

#define M DiskMirror
static const XmlRow mirror_rows[] = {
    INLINE_AT(M, source, storage_type_schema),
    A_STR("file", M, file, "old spelling of the destination", .flags = XR_HIDDEN | XR_NO_FORMAT),
    A_STR("format", M, format, "old spelling of its format", .flags = XR_HIDDEN | XR_NO_FORMAT),
    A_WORD("job", M, job, WORDS("copy", "active-commit"), "copy or active-commit"),
    A_WORD("ready", M, ready, WORDS("yes", "abort", "pivot"), "whether it may be finished"),
    { .kind = ROW_GROUP, .name = "format", .offset = offsetof(M, source), .schema = &storage_format_schema },
    { .kind = ROW_GROUP, .name = "source", .offset = offsetof(M, source), .schema = &storage_source_schema },
    ROWS_END,
};
static SCHEMA(mirror_schema, "mirror", M, mirror_rows, "where a running job writes to");
#undef M

/* -- rules -- */

static int
default_bus_for(const DiskDef *disk)
{
    static const struct { const char *prefix; DiskBus bus; } prefixes[] = {
        { "fd", DISK_BUS_FDC }, { "hd", DISK_BUS_IDE }, { "sd", DISK_BUS_SCSI }, { "vd", DISK_BUS_VIRTIO },
        { "xvd", DISK_BUS_XEN }, { "ubd", DISK_BUS_UML },
    };

    if (disk->device == DISK_FLOPPY)
        return DISK_BUS_FDC;
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(disk->target, prefixes[i].prefix))
            return prefixes[i].bus;
    return DISK_BUS_IDE;
}

/* <auth> and <encryption> are accepted in <disk> too and stay where they were. */
static int
adopt_old_places(XmlParse *parse, xmlNode *element, DiskDef *disk)
{
    xmlNode *auth, *encryption;

    if (xml_only_child(parse, element, "auth", &auth) < 0 || xml_only_child(parse, element, "encryption", &encryption) < 0)
        return -1;
    if (auth && disk->source.auth)
        return xml_problem(parse, auth, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "<auth> is given both in <disk> and in its <source>; remove one");
    if (encryption && disk->source.encryption)
        return xml_problem(parse, encryption, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "<encryption> is given both in <disk> and in its <source>; remove one");
    if (auth && !(disk->source.auth = xml_read_new(parse, auth, &storage_auth_schema)))
        return -1;
    if (encryption && !(disk->source.encryption = xml_read_new(parse, encryption, &storage_encryption_schema)))
        return -1;
    disk->auth_at_disk = auth != NULL;
    disk->encryption_at_disk = encryption != NULL;
    return 0;
}

/* disk_check() does it, once <source> is known. */
static int
old_places_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    return 0;
}

static void
old_places_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const DiskDef *disk = object;

    if (strcmp(row->name, "auth") == 0 && disk->auth_at_disk && disk->source.auth)
        xml_write(writer, "auth", &storage_auth_schema, disk->source.auth, flags);
    if (strcmp(row->name, "encryption") == 0 && disk->encryption_at_disk && disk->source.encryption)
        xml_write(writer, "encryption", &storage_encryption_schema, disk->source.encryption, flags);
}

static void
old_places_copy(void *dst, const void *src)
{
    ((DiskDef *)dst)->auth_at_disk = ((const DiskDef *)src)->auth_at_disk;
    ((DiskDef *)dst)->encryption_at_disk = ((const DiskDef *)src)->encryption_at_disk;
}

static const XmlCustom old_places = {
    .parse = old_places_parse, .format = old_places_format, .copy = old_places_copy,
    .children = (const char *const[]){ "auth", "encryption", NULL },
};

/* <source> without what is shown in <disk> itself. */
static void
source_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const DiskDef *disk = object;
    StorageSource source = disk->source;
    XmlMark mark = xml_writer_start(writer, "source");

    if (disk->auth_at_disk)
        source.auth = NULL;
    if (disk->encryption_at_disk)
        source.encryption = NULL;
    if (!storage_source_is_empty(&source) || source.startup_policy || source.seclabels.n || source.encryption)
        xml_write_rows(writer, &storage_source_schema, &source, flags);
    xml_writer_end_optional(writer, "source", mark);
}

static int
source_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    DiskDef *disk = object;
    xmlNode *source;

    if (xml_only_child(parse, element, "source", &source) < 0)
        return -1;
    return source ? xml_read(parse, source, &storage_source_schema, &disk->source) : 0;
}

static void
source_copy(void *dst, const void *src)
{
    xml_copy_into(&storage_source_schema, &((DiskDef *)dst)->source, &((const DiskDef *)src)->source);
}

static void
source_clear(void *object)
{
    xml_clear(&storage_source_schema, &((DiskDef *)object)->source);
}

static bool
source_equal(const void *a, const void *b)
{
    g_autofree char *path = xml_compare(&storage_source_schema, &((const DiskDef *)a)->source,
                                        &((const DiskDef *)b)->source, 0);

    return !path;
}

static const XmlCustom source_row = {
    .parse = source_parse, .format = source_format, .copy = source_copy, .clear = source_clear, .equal = source_equal,
    .children = (const char *const[]){ "source", NULL },
};

static int
check_strings(XmlParse *parse, xmlNode *element, DiskDef *disk)
{
    const struct { const char *name, *text; size_t max; } limits[] = {
        { "vendor", disk->vendor, 8 }, { "product", disk->product, 16 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        if (!limits[i].text)
            continue;
        if (strlen(limits[i].text) > limits[i].max)
            return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                               "<%s> '%s' of disk '%s' is longer than %zu characters", limits[i].name, limits[i].text,
                               disk->target, limits[i].max);
        for (const char *s = limits[i].text; *s; s++)
            if (!g_ascii_isprint(*s))
                return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                                   "<%s> of disk '%s' has a character that cannot be printed", limits[i].name, disk->target);
    }
    if (disk->wwn && strspn(disk->wwn + (g_str_has_prefix(disk->wwn, "0x") ? 2 : 0), "0123456789abcdefABCDEF") != 16)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<wwn> '%s' is not 16 hexadecimal digits",
                           disk->wwn);
    return 0;
}

static int
disk_check(XmlParse *parse, xmlNode *element, void *object)
{
    DiskDef *disk = object;

    if (adopt_old_places(parse, element, disk) < 0)
        return -1;
    if (!disk->source.type)
        disk->source.type = STORAGE_FILE;
    if (!disk->device)
        disk->device = DISK_DISK;
    if (!disk->target)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<disk> needs a <target> with a 'dev'");
    if (g_str_has_prefix(disk->target, "ioemu:"))
        memmove(disk->target, disk->target + 6, strlen(disk->target + 6) + 1);
    if (!disk->bus)
        disk->bus = default_bus_for(disk);
    if (disk->driver.cache == DISK_CACHE_DEFAULT)
        disk->driver.cache = DISK_CACHE_ABSENT;
    if (disk->bus == DISK_BUS_FDC && disk->device == DISK_DISK)
        disk->device = DISK_FLOPPY;
    if (disk->device == DISK_CDROM)
        disk->readonly = true;
    if (disk->device == DISK_FLOPPY || disk->device == DISK_CDROM) {
        if (!disk->tray)
            disk->tray = DISK_TRAY_CLOSED;
    } else if (disk->tray) {
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "only cdrom and floppy disks have a 'tray'");
    }
    if (disk->source.startup_policy && disk->source.type == STORAGE_NETWORK)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "startupPolicy '%s' is not possible for a network disk",
                           disk->source.startup_policy == STARTUP_OPTIONAL ? "optional" : "requisite");
    if (storage_source_check(parse, element, &disk->source) < 0)
        return -1;
    return check_strings(parse, element, disk);
}

static const XmlRow disk_rows[] = {
    A_ENUM("type", D, source.type, storage_type_names, "where the data is", .def = "file"),
    A_ENUM("device", D, device, disk_device_names, "what the guest sees", .flags = XR_ABI),
    A_ENUM("model", D, model, disk_model_names, "variant of a virtio or USB disk", .flags = XR_ABI),
    A_YESNO("rawio", D, rawio, "the guest's QEMU may send raw SCSI commands"),
    A_WORD("sgio", D, sgio, WORDS("filtered", "unfiltered"), "whether SCSI commands are filtered"),
    A_ENUM("snapshot", D, snapshot, snapshot_names, "default of snapshots"),
    GROUP("driver", driver_schema, "back-end"),
    CUSTOM("auth", old_places, "credentials, beside the source", .schema = &storage_auth_schema),
    CUSTOM("source", source_row, "where the data is", .schema = &storage_source_schema, .offset = offsetof(D, source)),
    { .kind = ROW_PTR, .name = "backingStore", .offset = offsetof(D, source.backing), .schema = &storage_chain_schema,
      .doc = "image behind the source" },
    GROUP("backenddomain", backenddomain_schema, "driver domain"),
    GROUP("geometry", geometry_schema, "geometry"),
    GROUP("blockio", blockio_schema, "block sizes"),
    PTR("mirror", D, mirror, mirror_schema, "where a running job writes to", .flags = XR_LIVE),
    GROUP("target", target_schema, "how the guest sees the disk"),
    GROUP_AT("iotune", D, tune, tune_schema, "limits"),
    GROUP("throttlefilters", throttles_schema, "throttle groups"),
    FLAG("readonly", D, readonly, "the guest cannot write", .flags = XR_ABI),
    FLAG("shareable", D, shareable, "several domains use it"),
    GROUP("transient", transient_schema, "changes are thrown away"),
    E_LSTR("serial", D, serial, "serial number", .flags = XR_ABI),
    E_LSTR("wwn", D, wwn, "world wide name", .flags = XR_ABI),
    E_STR("vendor", D, vendor, "vendor of a SCSI disk", .flags = XR_ABI),
    E_STR("product", D, product, "product name", .flags = XR_ABI),
    CUSTOM("encryption", old_places, "encryption, beside the source", .flags = XR_NO_COPY,
           .schema = &storage_encryption_schema),
    INLINE_AT(D, base.info, device_info_boot_schema),
    ROWS_END,
};
static SCHEMA(disk_schema, "disk", D, disk_rows, "a disk, CD-ROM or floppy drive", .check = disk_check);

const DeviceKindOps disk_ops = {
    .kind = DEVICE_DISK, .element = "disk", .schema = &disk_schema, .has_info = true,
};

int
disk_name_to_index(const char *name)
{
    static const char *const prefixes[] = { "fd", "hd", "sd", "vd", "xvd", "ubd", "nvme" };
    long index = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        const char *s = name ? name + strlen(prefixes[i]) : NULL;

        if (!name || !g_str_has_prefix(name, prefixes[i]) || !g_ascii_islower(*s))
            continue;
        for (; g_ascii_islower(*s) && index < 100000; s++)
            index = index * 26 + (*s - 'a') + 1;
        if (g_ascii_islower(*s) || s[strspn(s, "0123456789")])
            return -1;
        return index - 1;
    }
    return -1;
}

char *
disk_index_to_name(const char *prefix, unsigned index)
{
    char letters[16], *at = letters + sizeof(letters) - 1;

    *at = '\0';
    for (long i = index; i >= 0; i = i / 26 - 1)
        *--at = 'a' + i % 26;
    return g_strconcat(prefix, at, NULL);
}

void
disk_set_source(DiskDef *disk, const StorageSource *source)
{
    StorageSource *to = &disk->source;

    xml_free(&storage_chain_schema, to->backing);
    xml_clear(&storage_source_schema, to);
    *to = (StorageSource){ .type = source->type, .format = source->format, .metadata_cache = source->metadata_cache };
    xml_copy_into(&storage_source_schema, to, source);
    to->index = (OptUint){ 0 };
    to->backing = xml_copy(&storage_chain_schema, source->backing);
}
