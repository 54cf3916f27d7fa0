/* <redirdev>: a USB device somebody else lends through a channel; <redirfilter> says which. */
#include <stdio.h>
#include <string.h>

#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

static int redirdev_backend(QemuBuild *build, const Device *device, Error *err)
{
    g_autofree char *id = g_strconcat("char", device->info.alias, NULL);

    return qemu_chardev_build(build, id, device->info.alias, &REDIRDEV(device)->source, err);
}

static void append_id(GString *text, OptInt id, const char *format)
{
    if (!id.set || id.v == -1)
        g_string_append(text, "-1");
    else if (g_str_equal(format, "2"))
        g_string_append_printf(text, "0x%02X", (unsigned)id.v);
    else
        g_string_append_printf(text, "0x%04X", (unsigned)id.v);
    g_string_append_c(text, ':');
}

/* "2.08" is 0x0208: binary-coded decimal, as USB has it. */
static void append_version(GString *text, const char *version)
{
    unsigned major, minor = 0;

    if (!version || sscanf(version, "%u.%2u", &major, &minor) < 1) {
        g_string_append(text, "-1:");
        return;
    }
    if (strchr(version, '.') && strlen(strchr(version, '.') + 1) == 1)
        minor *= 10;
    g_string_append_printf(text, "0x%02u%02u:", major, minor);
}

static char *filter_text(const RedirFilterDef *filter)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < filter->rules.n; i++) {
        const RedirRule *rule = filter->rules.items[i];

        if (i)
            g_string_append_c(text, '|');
        append_id(text, rule->usb_class, "2");
        append_id(text, rule->vendor, "4");
        append_id(text, rule->product, "4");
        append_version(text, rule->version);
        g_string_append_c(text, rule->allow == TRI_YES ? '1' : '0');
    }
    return g_string_free(text, FALSE);
}

static int redirdev_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const Device *filter = domain_def_device(build->def, DEVICE_REDIRFILTER, 0);

    *ret = props_device("usb-redir");
    prop_strf(*ret, "chardev", "char%s", device->info.alias);
    if (filter) {
        g_autofree char *text = filter_text(REDIRFILTER(filter));

        prop_str(*ret, "filter", text);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_redirdev = { .kind = DEVICE_REDIRDEV, .backend = redirdev_backend, .properties = redirdev_properties };
