#include "virtstoraged/backend/lvm.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "virtstoraged/backend/tool.h"

#define HUNDRED_PERCENT 100
#define FAILED 5 /* status of every program of LVM, also when what was asked about is not there */

/* The rows of a report, which are an array of objects whose values are texts. A new reference. */
static int
report_call(Job *job, const ToolCall *call, const char *rows, json_t **ret, Error *err)
{
    const char *const *argv = call->argv;
    g_autofree char *out = NULL;
    json_error_t why;
    json_t *root, *array;

    if (tool_call(job, call, &out, err) < 0)
        return -1;
    root = json_loads(out, 0, &why);
    if (!root)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "what '%s' reports is no JSON: %s in line %d", argv[0], why.text, why.line);
    array = json_incref(json_object_get(json_array_get(json_object_get(root, "report"), 0), rows));
    json_decref(root);
    if (!json_is_array(array)) {
        json_decref(array);
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "what '%s' reports has no list '%s'", argv[0], rows);
    }
    *ret = array;
    return 0;
}

static int
report(Job *job, const char *const *argv, const char *rows, json_t **ret, Error *err)
{
    const ToolCall call = { .argv = argv };

    return report_call(job, &call, rows, ret, err);
}

/* "": not said */
static const char *
text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));

    return text ? text : "";
}

static uint64_t
number_of(const json_t *row, const char *field)
{
    return g_ascii_strtoull(text_of(row, field), NULL, 10);
}

int
lvm_group(Job *job, const char *group, PoolSizes *ret, Error *err)
{
    json_t *rows, *row;

    if (report(job, TOOL("vgs", "--reportformat", "json", "--units", "b", "--nosuffix", "--options", "vg_size,vg_free", "--", group), "vg", &rows,
               err) < 0)
        return error_prefixf(err, "cannot find volume group '%s'", group);
    row = json_array_get(rows, 0);
    *ret = (PoolSizes){ .capacity = number_of(row, "vg_size"), .available = number_of(row, "vg_free") };
    ret->allocation = ret->capacity - MIN(ret->available, ret->capacity);
    json_decref(rows);
    return 0;
}

/* --- volumes --- */

static void
free_device(gpointer data)
{
    VolDevice *device = data;

    while (device->extents.n > 0)
        g_free(list_take((AnyList *)(void *)&device->extents, 0));
    g_free(device->extents.items);
    g_free(device->path);
    g_free(device);
}

static void
free_logical(gpointer data)
{
    LogicalVolume *volume = data;

    g_free(volume->name);
    g_free(volume->uuid);
    g_free(volume->origin);
    g_ptr_array_unref(volume->devices);
    g_free(volume);
}

/* Attributes are a letter each: the kind, and "a" where there is a device. */
static LogicalVolume *
logical_new(const json_t *row)
{
    LogicalVolume *volume = g_new0(LogicalVolume, 1);
    const char *attributes = text_of(row, "lv_attr"), *origin = text_of(row, "origin"), *percent = text_of(row, "data_percent");

    volume->name = g_strdup(text_of(row, "lv_name"));
    volume->uuid = g_strdup(text_of(row, "lv_uuid"));
    volume->origin = *origin ? g_strdup(origin) : NULL;
    volume->size = volume->used = number_of(row, "lv_size");
    if (*percent)
        volume->used = (uint64_t)((double)volume->size * g_ascii_strtod(percent, NULL) / HUNDRED_PERCENT);
    volume->active = strlen(attributes) > 4 && attributes[4] == 'a';
    volume->kind = attributes[0];
    volume->devices = g_ptr_array_new_with_free_func(free_device);
    return volume;
}

static VolDevice *
device_of(LogicalVolume *volume, const char *path)
{
    VolDevice *device;

    for (guint i = 0; i < volume->devices->len; i++) {
        device = volume->devices->pdata[i];
        if (strcmp(device->path, path) == 0)
            return device;
    }
    device = g_new0(VolDevice, 1);
    device->path = g_strdup(path);
    g_ptr_array_add(volume->devices, device);
    return device;
}

/* A segment lies in equal parts on "/dev/a(FIRST),/dev/b(FIRST)", FIRST counting extents. Parts of hidden volumes have no path. */
static void
add_segment(LogicalVolume *volume, const json_t *row)
{
    g_auto(GStrv) places = g_strsplit(text_of(row, "devices"), ",", -1);
    uint64_t size = number_of(row, "seg_size"), unit = number_of(row, "vg_extent_size"), stripes = number_of(row, "stripes");

    for (char **place = places; *place; place++) {
        char *open = strrchr(*place, '(');
        PoolExtent *extent;
        uint64_t start;

        if (**place != '/' || !open)
            continue;
        *open = '\0';
        start = g_ascii_strtoull(open + 1, NULL, 10) * unit;
        extent = g_new0(PoolExtent, 1);
        extent->start = (OptU64){ true, start };
        extent->end = (OptU64){ true, start + size / MAX(stripes, 1) };
        LIST_ADD(&device_of(volume, *place)->extents, extent);
    }
}

int
lvm_volumes(Job *job, const char *group, const char *name, GPtrArray **ret, Error *err)
{
    g_autofree char *select = name ? g_strdup_printf("lv_name=\"%s\"", name) : g_strdup("all"); /* LVM's names have no quotes */
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(free_logical);
    json_t *rows, *row;
    size_t i;

    if (report(job,
               TOOL("lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "--segments", "--options",
                    "lv_name,lv_uuid,lv_size,lv_attr,origin,data_percent,devices,seg_size,stripes,vg_extent_size", "--sort", "lv_name,seg_start",
                    "--select", select, "--", group),
               "seg", &rows, err) < 0)
        return error_prefixf(err, "cannot list the volumes of volume group '%s'", group);
    json_array_foreach(rows, i, row) {
        LogicalVolume *volume = volumes->len ? volumes->pdata[volumes->len - 1] : NULL;

        if (!volume || strcmp(volume->name, text_of(row, "lv_name")) != 0) {
            volume = logical_new(row);
            g_ptr_array_add(volumes, volume);
        }
        add_segment(volume, row);
    }
    json_decref(rows);
    *ret = g_steal_pointer(&volumes);
    return 0;
}

/* --- devices --- */

static int
all_devices(Job *job, json_t **ret, Error *err)
{
    if (report(job, TOOL("pvs", "--reportformat", "json", "--options", "pv_name,pv_uuid,vg_name"), "pv", ret, err) < 0)
        return error_prefixf(err, "cannot list the physical volumes of the host");
    return 0;
}

int
lvm_group_of(Job *job, const char *device, char **ret, Error *err)
{
    const ToolCall call = { .argv = TOOL("pvs", "--reportformat", "json", "--options", "pv_name,vg_name", "--", device), .also_fine = 1u << FAILED };
    json_t *rows;
    int n;

    if (report_call(job, &call, "pv", &rows, err) < 0)
        return error_prefixf(err, "cannot tell which volume group device '%s' is of", device);
    n = json_array_size(rows) > 0;
    if (n)
        *ret = g_strdup(text_of(json_array_get(rows, 0), "vg_name"));
    json_decref(rows);
    return n;
}

int
lvm_uuids(Job *job, const char *group, char **ret, Error *err)
{
    g_autoptr(GPtrArray) uuids = g_ptr_array_new();
    json_t *rows, *row;
    size_t i;

    if (all_devices(job, &rows, err) < 0)
        return -1;
    json_array_foreach(rows, i, row)
        if (strcmp(text_of(row, "vg_name"), group) == 0)
            g_ptr_array_add(uuids, (char *)text_of(row, "pv_uuid"));
    *ret = NULL;
    if (uuids->len > 0) {
        g_ptr_array_add(uuids, NULL);
        *ret = g_strjoinv(" ", (char **)uuids->pdata);
    }
    json_decref(rows);
    return 0;
}

int
lvm_orphans(Job *job, const char *uuids, GPtrArray **ret, Error *err)
{
    g_auto(GStrv) wanted = g_strsplit(uuids, " ", -1);
    json_t *rows, *row;
    size_t i;

    if (all_devices(job, &rows, err) < 0)
        return -1;
    *ret = g_ptr_array_new_with_free_func(g_free);
    json_array_foreach(rows, i, row)
        if (!*text_of(row, "vg_name") && g_strv_contains((const char *const *)wanted, text_of(row, "pv_uuid")))
            g_ptr_array_add(*ret, g_strdup(text_of(row, "pv_name")));
    json_decref(rows);
    return 0;
}

int
lvm_devices(Job *job, const char *group, GHashTable **ret, Error *err)
{
    json_t *rows, *row;
    size_t i;

    if (all_devices(job, &rows, err) < 0)
        return -1;
    *ret = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    json_array_foreach(rows, i, row) {
        const char *of = text_of(row, "vg_name");

        if (*of && (!group || strcmp(of, group) == 0))
            g_hash_table_insert(*ret, g_strdup(text_of(row, "pv_name")), g_strdup(of));
    }
    json_decref(rows);
    return 0;
}
