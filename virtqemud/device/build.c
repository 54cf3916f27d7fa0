/* Parts of what QEMU is told: see build.h. */
#include "virtqemud/device/build.h"

#include <string.h>

#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/domain.h"

static void part_free(void *pointer)
{
    QemuPart *part = pointer;

    g_free(part->text);
    json_decref(part->json);
    g_free(part);
}

static void add_part(QemuBuild *build, QemuPartKind kind, const char *option, char *text, json_t *json)
{
    QemuPart *part = g_new0(QemuPart, 1);

    *part = (QemuPart){ .kind = kind, .option = option, .text = text, .json = json };
    g_ptr_array_add(build->parts, part);
}

void qemu_build_init(QemuBuild *build, const DomainDef *def, const QemuCaps *caps, const QemuBuildOptions *options)
{
    *build = (QemuBuild){ .def = def, .caps = caps, .options = options };
    build->parts = g_ptr_array_new_with_free_func(part_free);
}

void qemu_build_done(QemuBuild *build)
{
    g_clear_pointer(&build->parts, g_ptr_array_unref);
}

void build_option(QemuBuild *build, const char *option, const char *format, ...)
{
    va_list args;
    char *text = NULL;

    if (format) {
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
    }
    add_part(build, PART_OPTION, option, text, NULL);
}

void build_json_option(QemuBuild *build, const char *option, json_t *json) { add_part(build, PART_OPTION, option, NULL, json); }
void build_object(QemuBuild *build, json_t *json) { add_part(build, PART_OBJECT, "-object", NULL, json); }
void build_blockdev(QemuBuild *build, json_t *json) { add_part(build, PART_BLOCKDEV, "-blockdev", NULL, json); }
void build_netdev(QemuBuild *build, json_t *json) { add_part(build, PART_NETDEV, "-netdev", NULL, json); }
void build_device(QemuBuild *build, json_t *json) { add_part(build, PART_DEVICE, "-device", NULL, json); }
void build_chardev(QemuBuild *build, char *text, json_t *json) { add_part(build, PART_CHARDEV, "-chardev", text, json); }

GPtrArray *qemu_build_argv(const QemuBuild *build)
{
    GPtrArray *argv = g_ptr_array_new();

    for (guint i = 0; i < build->parts->len; i++) {
        const QemuPart *part = build->parts->pdata[i];

        g_ptr_array_add(argv, g_strdup(part->option));
        if (part->text) {
            g_ptr_array_add(argv, g_strdup(part->text));
        } else if (part->json) {
            char *text = json_dumps(part->json, JSON_COMPACT | JSON_PRESERVE_ORDER);

            g_ptr_array_add(argv, g_strdup(text));
            free(text);
        }
    }
    return argv;
}

json_t *props_device(const char *driver)
{
    json_t *props = json_object();

    prop_str(props, "driver", driver);
    return props;
}

json_t *props_object(const char *type, const char *id)
{
    json_t *props = json_object();

    prop_str(props, "qom-type", type);
    prop_str(props, "id", id);
    return props;
}

void prop_str(json_t *props, const char *key, const char *value)
{
    if (value)
        json_object_set_new(props, key, json_string(value));
}

void prop_strf(json_t *props, const char *key, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    json_object_set_new(props, key, json_string(text));
}

void prop_int(json_t *props, const char *key, long long value) { json_object_set_new(props, key, json_integer(value)); }

void prop_uint(json_t *props, const char *key, OptUint value)
{
    if (value.set)
        prop_int(props, key, value.v);
}

void prop_u64(json_t *props, const char *key, OptU64 value)
{
    if (value.set)
        prop_int(props, key, (long long)value.v);
}

void prop_bool(json_t *props, const char *key, bool value) { json_object_set_new(props, key, json_boolean(value)); }

void prop_tri(json_t *props, const char *key, Tri value)
{
    if (value != TRI_ABSENT)
        prop_bool(props, key, value == TRI_ON);
}

void prop_onoff(json_t *props, const char *key, Tri value)
{
    if (value != TRI_ABSENT)
        prop_str(props, key, value == TRI_ON ? "on" : "off");
}

void prop_virtio(json_t *props, const VirtioOptions *options)
{
    prop_tri(props, "iommu_platform", options->iommu);
    prop_tri(props, "ats", options->ats);
    prop_tri(props, "packed", options->packed);
    prop_tri(props, "page-per-vq", options->page_per_vq);
}

char *qemu_escape(const char *text)
{
    g_auto(GStrv) pieces = g_strsplit(text, ",", -1);

    return g_strjoinv(",,", pieces);
}

char *virtio_driver(const char *base, int model, const DeviceInfo *info)
{
    static const char *const suffixes[] = { "", "", "-transitional", "-non-transitional" };
    const char *bus = info->address.type == ADDRESS_CCW ? "-ccw" : info->address.type == ADDRESS_VIRTIO_MMIO ? "-device" : "-pci";

    return g_strconcat(base, bus, model >= 0 && model < (int)G_N_ELEMENTS(suffixes) ? suffixes[model] : "", NULL);
}

const GArray *build_fds(const QemuBuild *build, const char *alias)
{
    return build->options->fds && alias ? g_hash_table_lookup(build->options->fds, alias) : NULL;
}

const ControllerDef *build_controller(const QemuBuild *build, int type, unsigned index)
{
    for (size_t i = 0; i < build->def->devices.list.n; i++) {
        const Device *device = build->def->devices.list.items[i];

        if (device->kind == DEVICE_CONTROLLER && (int)CONTROLLER(device)->type == type && CONTROLLER(device)->index.v == index)
            return CONTROLLER(device);
    }
    return NULL;
}
