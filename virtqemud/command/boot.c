/* What the guest boots and what time it is told: firmware, boot options, kernel, SMBIOS, clock, power management. */
#include <time.h>

#include "common/conf/domain/domain.h"
#include "virtqemud/command/command.h"
#include "virtqemud/device/storage.h"

static void flash(QemuBuild *build, const char *name, const StorageSource *source, bool readonly)
{
    const StorageUse use = { .readonly = readonly };

    /* A plain file or what was checked with the definition: it cannot fail. */
    qemu_storage_build(build, source, name, &use, NULL);
}

void command_firmware(QemuBuild *build)
{
    const OsDef *os = &build->def->os;
    bool qcow2 = g_strcmp0(os->loader.format, "qcow2") == 0;
    StorageSource code = { .type = STORAGE_FILE, .format = qcow2 ? FORMAT_QCOW2 : FORMAT_RAW, .path = os->loader.path };

    if (os->loader.type != LOADER_PFLASH)
        return;
    flash(build, "pflash0", &code, os->loader.readonly == TRI_YES);
    if (os->nvram) {
        StorageSource vars = os->nvram->source;

        if (!os->nvram->source.type) {
            vars.type = STORAGE_FILE;
            vars.path = os->nvram->path;
        }
        vars.format = g_strcmp0(os->nvram->format, "qcow2") == 0 ? FORMAT_QCOW2 : FORMAT_RAW;
        flash(build, "pflash1", &vars, false);
    }
}

void command_loader(QemuBuild *build)
{
    const OsDef *os = &build->def->os;

    if (os->loader.type == LOADER_ROM || (os->loader.type == LOADER_ABSENT && os->loader.path))
        build_option(build, "-bios", "%s", os->loader.path);
    if (os->loader.secure == TRI_YES)
        build_option(build, "-global", "driver=cfi.pflash01,property=secure,value=on");
}

static int put_rtc(QemuBuild *build, Error *err)
{
    const ClockDef *clock = &build->def->clock;
    g_autoptr(GString) text = g_string_new("base=");
    time_t at = clock->offset == CLOCK_ABSOLUTE ? (time_t)clock->start.v : time(NULL) + (time_t)clock->adjustment.v;
    struct tm when;

    switch (clock->offset) {
    case CLOCK_LOCALTIME:
    case CLOCK_TIMEZONE:
        g_string_append(text, "localtime");
        break;
    case CLOCK_VARIABLE:
    case CLOCK_ABSOLUTE:
        if (clock->basis == CLOCK_BASIS_LOCALTIME)
            localtime_r(&at, &when);
        else
            gmtime_r(&at, &when);
        g_string_append_printf(text, "%04d-%02d-%02dT%02d:%02d:%02d", when.tm_year + 1900, when.tm_mon + 1, when.tm_mday,
                               when.tm_hour, when.tm_min, when.tm_sec);
        break;
    case CLOCK_UTC:
    case CLOCK_ABSENT:
        g_string_append(text, "utc");
        break;
    }
    for (size_t i = 0; i < clock->timers.n; i++) {
        const ClockTimer *timer = clock->timers.items[i];

        if (timer->name != TIMER_RTC)
            continue;
        if (timer->track == TRACK_GUEST)
            g_string_append(text, ",clock=vm");
        else if (timer->track == TRACK_WALL)
            g_string_append(text, ",clock=host");
        if (timer->tickpolicy == TICK_CATCHUP)
            g_string_append(text, ",driftfix=slew");
        else if (timer->tickpolicy == TICK_MERGE || timer->tickpolicy == TICK_DISCARD)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU's rtc timer has no tick policy 'merge' or 'discard'");
    }
    build_option(build, "-rtc", "%s", text->str);
    return 0;
}

static int put_pit(QemuBuild *build, const ClockTimer *timer, Error *err)
{
    switch (timer->tickpolicy) {
    case TICK_DELAY:
        if (qemu_caps_has_type(build->caps, "kvm-pit"))
            build_option(build, "-global", "kvm-pit.lost_tick_policy=delay");
        return 0;
    case TICK_DISCARD:
        build_option(build, "-global", "kvm-pit.lost_tick_policy=discard");
        return 0;
    case TICK_MERGE:
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU's pit timer has no tick policy 'merge'");
    default: /* catching up is what an emulated one does */
        return 0;
    }
}

int command_clock(QemuBuild *build, Error *err)
{
    const ClockDef *clock = &build->def->clock;

    if (put_rtc(build, err) < 0)
        return -1;
    for (size_t i = 0; i < clock->timers.n; i++) {
        if (clock->timers.items[i]->name == TIMER_PIT && put_pit(build, clock->timers.items[i], err) < 0)
            return -1;
        if (clock->timers.items[i]->name == TIMER_HPET && clock->timers.items[i]->present == TRI_NO && domain_def_is_x86(build->def))
            build_option(build, "-no-hpet", NULL);
    }
    return 0;
}

static void put_power_management(QemuBuild *build)
{
    const DomainDef *def = build->def;
    const char *device = domain_def_is_q35(def) ? "ICH9-LPC" : "PIIX4_PM";

    if (def->suspend_to_mem != TRI_ABSENT)
        build_option(build, "-global", "%s.disable_s3=%d", device, def->suspend_to_mem == TRI_NO);
    if (def->suspend_to_disk != TRI_ABSENT)
        build_option(build, "-global", "%s.disable_s4=%d", device, def->suspend_to_disk == TRI_NO);
}

/* <boot dev=> gives each kind its place in the order; devices with an order of their own are told directly. */
static void number_boot_devices(QemuBuild *build)
{
    const OsDef *os = &build->def->os;

    for (size_t i = 0; i < os->boots.n; i++) {
        unsigned *next[] = { [BOOT_ABSENT] = NULL, [BOOT_FD] = &build->boot_floppy, [BOOT_HD] = &build->boot_disk,
                             [BOOT_CDROM] = &build->boot_cdrom, [BOOT_NETWORK] = &build->boot_network };

        if (next[os->boots.items[i]->dev])
            *next[os->boots.items[i]->dev] = i + 1;
    }
}

static void put_kernel(QemuBuild *build)
{
    const OsDef *os = &build->def->os;
    const struct { const char *option, *value; } options[] = {
        { "-kernel", os->kernel }, { "-initrd", os->initrd }, { "-append", os->cmdline }, { "-dtb", os->dtb },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
        if (options[i].value)
            build_option(build, options[i].option, "%s", options[i].value);
    for (size_t i = 0; i < os->acpi_tables.n; i++) {
        const AcpiTable *table = os->acpi_tables.items[i];
        g_autofree char *path = qemu_escape(table->path);

        if (g_strcmp0(table->type, "raw") == 0 || g_strcmp0(table->type, "rawset") == 0)
            build_option(build, "-acpitable", "file=%s", path);
        else {
            g_autofree char *signature = g_ascii_strup(table->type, -1);

            build_option(build, "-acpitable", "sig=%s,file=%s", signature, path);
        }
    }
}

int command_boot(QemuBuild *build, Error *err)
{
    const OsDef *os = &build->def->os;
    g_autoptr(GString) text = g_string_new(NULL);

    build_option(build, "-no-shutdown", NULL);
    if (!build->def->features.acpi && domain_def_is_x86(build->def))
        build_option(build, "-no-acpi", NULL);
    put_power_management(build);
    number_boot_devices(build);
    if (os->bootmenu != TRI_ABSENT)
        g_string_append_printf(text, "menu=%s,", os->bootmenu == TRI_YES ? "on" : "off");
    if (os->bootmenu_timeout.set)
        g_string_append_printf(text, "splash-time=%u,", os->bootmenu_timeout.v);
    if (os->reboot_timeout.set)
        g_string_append_printf(text, "reboot-timeout=%d,", os->reboot_timeout.v);
    build_option(build, "-boot", "%sstrict=on", text->str);
    put_kernel(build);
    return 0;
}

static void smbios_block(QemuBuild *build, int type, const SysinfoBlock *block)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (block->entries.n == 0)
        return;
    g_string_printf(text, "type=%d", type);
    for (size_t i = 0; i < block->entries.n; i++) {
        const SysinfoEntry *entry = block->entries.items[i];
        g_autofree char *value = qemu_escape(entry->value ? entry->value : "");

        g_string_append_printf(text, ",%s=%s", type == 11 ? "value" : entry->name, value);
    }
    build_option(build, "-smbios", "%s", text->str);
}

void command_smbios(QemuBuild *build)
{
    const DomainDef *def = build->def;

    for (size_t i = 0; i < def->sysinfos.n; i++) {
        const SysinfoDef *info = def->sysinfos.items[i];

        if (g_strcmp0(info->type, "smbios") == 0 && def->os.smbios == SMBIOS_SYSINFO) {
            smbios_block(build, 0, &info->bios);
            smbios_block(build, 1, &info->system);
            for (size_t j = 0; j < info->boards.n; j++)
                smbios_block(build, 2, info->boards.items[j]);
            smbios_block(build, 3, &info->chassis);
            smbios_block(build, 11, &info->oem_strings);
        }
        for (size_t j = 0; g_strcmp0(info->type, "fwcfg") == 0 && j < info->entries.n; j++) {
            const SysinfoEntry *entry = info->entries.items[j];
            g_autofree char *value = qemu_escape(entry->file ? entry->file : entry->value ? entry->value : "");

            build_option(build, "-fw_cfg", "name=%s,%s=%s", entry->name, entry->file ? "file" : "string", value);
        }
    }
    if (def->genid_present) {
        json_t *props = props_device("vmgenid");
        char uuid[UUID_TEXT_SIZE];

        prop_str(props, "guid", uuid_format(&def->genid, uuid));
        prop_str(props, "id", "vmgenid0");
        build_device(build, props);
    }
}
