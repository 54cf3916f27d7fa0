/* The order of everything on the command line: see command.h. */
#include "virtqemud/command/command.h"

#include "common/conf/domain/device/audio.h"
#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

/* Buses before what plugs into them; PCI bridges before everything. */
static const ControllerType controller_order[] = {
    CONTROLLER_PCI, CONTROLLER_ISA, CONTROLLER_USB, CONTROLLER_SCSI, CONTROLLER_IDE, CONTROLLER_SATA, CONTROLLER_FDC,
    CONTROLLER_VIRTIO_SERIAL, CONTROLLER_NVME,
};

/* Kinds in the order libvirt has them, for guests that number what they find. */
static const DeviceKind before_controllers[] = { DEVICE_IOMMU };
static const DeviceKind after_controllers[] = {
    DEVICE_MEMORY, DEVICE_DISK, DEVICE_FILESYSTEM, DEVICE_INTERFACE, DEVICE_SMARTCARD, DEVICE_SERIAL, DEVICE_PARALLEL,
    DEVICE_CHANNEL, DEVICE_CONSOLE, DEVICE_TPM, DEVICE_INPUT, DEVICE_AUDIO, DEVICE_GRAPHICS, DEVICE_VIDEO, DEVICE_SOUND,
    DEVICE_WATCHDOG,
};
static const DeviceKind after_watchdog[] = { DEVICE_REDIRDEV, DEVICE_HOSTDEV, DEVICE_MEMBALLOON, DEVICE_RNG, DEVICE_NVRAM };
static const DeviceKind last[] = { DEVICE_PANIC, DEVICE_SHMEM, DEVICE_CRYPTO, DEVICE_VSOCK, DEVICE_PSTORE };

static int add_kinds(QemuBuild *build, const DeviceKind *kinds, size_t n, Error *err)
{
    for (size_t i = 0; i < n; i++)
        DOMAIN_FOREACH_KIND(build->def, kinds[i], device)
            if (qemu_device_build(build, device, err) < 0)
                return -1;
    return 0;
}
#define ADD_KINDS(build, kinds, err) add_kinds(build, kinds, G_N_ELEMENTS(kinds), err)

static int add_controllers(QemuBuild *build, ControllerType type, Error *err)
{
    DOMAIN_FOREACH_KIND(build->def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == type && qemu_device_build(build, device, err) < 0)
            return -1;
    return 0;
}

static int add_buses(QemuBuild *build, Error *err)
{
    static const DeviceKind hubs[] = { DEVICE_HUB };

    for (size_t i = 0; i < G_N_ELEMENTS(controller_order); i++)
        if (add_controllers(build, controller_order[i], err) < 0)
            return -1;
    if (ADD_KINDS(build, hubs, err) < 0)
        return -1;
    return add_controllers(build, CONTROLLER_CCID, err); /* may sit behind a hub */
}

static void add_name(QemuBuild *build)
{
    g_autofree char *name = qemu_escape(build->def->name);
    json_t *secret = props_object("secret", "masterKey0");

    build_option(build, "-name", "guest=%s,debug-threads=on", name);
    build_option(build, "-S", NULL);
    prop_str(secret, "format", "raw");
    prop_strf(secret, "file", "%s/master-key.aes", build->options->dir);
    build_object(build, secret);
}

static void add_monitor(QemuBuild *build)
{
    if (build->options->monitor_fd >= 0) {
        build_option(build, "-chardev", "socket,id=charmonitor,fd=%d,server=on,wait=off", build->options->monitor_fd);
    } else {
        g_autofree char *dir = qemu_escape(build->options->dir);

        build_option(build, "-chardev", "socket,id=charmonitor,path=%s/monitor.sock,server=on,wait=off", dir);
    }
    build_option(build, "-mon", "chardev=charmonitor,id=monitor,mode=control");
}

/* One action serves all watchdogs; a dump is made by the daemon while the guest is paused. */
static void add_watchdog_action(QemuBuild *build)
{
    const Device *first = domain_def_device(build->def, DEVICE_WATCHDOG, 0);
    WatchdogAction action;

    if (!first)
        return;
    action = WATCHDOG(first)->action;
    build_option(build, "-watchdog-action", "%s",
                 action == WATCHDOG_DUMP ? "pause" : action == WATCHDOG_ACTION_ABSENT ? "reset" : watchdog_action_names[action]);
}

static int check_all(const QemuBuild *build, Error *err)
{
    const DomainDef *def = build->def;

    for (size_t i = 0; i < def->devices.list.n; i++)
        if (qemu_device_check(build, def->devices.list.items[i], err) < 0)
            return -1;
    for (size_t i = 0; i < def->sysinfos.n; i++)
        if (def->sysinfos.items[i]->boards.n > 1 && def->os.smbios == SMBIOS_SYSINFO)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU shows the guest one <baseBoard> only");
    if (def->numatune.placement == PLACEMENT_AUTO || def->vcpu_placement == PLACEMENT_AUTO)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "automatic placement on NUMA nodes is not supported");
    if (def->launch_security)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<launchSecurity> is not supported");
    if (def->backing.hugepages)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "huge pages are not supported yet");
    return 0;
}

static int add_machine(QemuBuild *build, Error *err)
{
    add_name(build);
    command_firmware(build);
    command_machine(build);
    if (command_cpu(build, err) < 0)
        return -1;
    command_loader(build);
    command_memory(build);
    command_topology(build);
    command_numa(build);
    {
        char uuid[UUID_TEXT_SIZE];

        build_option(build, "-uuid", "%s", uuid_format(&build->def->uuid, uuid));
    }
    command_smbios(build);
    if (domain_def_count(build->def, DEVICE_GRAPHICS) == 0)
        build_option(build, "-display", "none");
    build_option(build, "-no-user-config", NULL);
    build_option(build, "-nodefaults", NULL);
    add_monitor(build);
    if (command_clock(build, err) < 0)
        return -1;
    return command_boot(build, err);
}

static int add_devices(QemuBuild *build, Error *err)
{
    if (ADD_KINDS(build, before_controllers, err) < 0 || add_buses(build, err) < 0 || ADD_KINDS(build, after_controllers, err) < 0)
        return -1;
    add_watchdog_action(build);
    if (ADD_KINDS(build, after_watchdog, err) < 0)
        return -1;
    if (build->def->features.vmcoreinfo == TRI_ON)
        build_device(build, props_device("vmcoreinfo"));
    for (size_t i = 0; i < build->def->qemu.args.n; i++)
        build_option(build, build->def->qemu.args.items[i]->value, NULL);
    if (build->options->sandbox)
        build_option(build, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    return ADD_KINDS(build, last, err);
}

int qemu_command_build(QemuBuild *build, Error *err)
{
    if (check_all(build, err) < 0)
        return -1;
    if (add_machine(build, err) < 0 || add_devices(build, err) < 0)
        return -1;
    if (build->options->log_timestamp)
        build_option(build, "-msg", "timestamp=on");
    return 0;
}

static void add_variable(GStrvBuilder *builder, const char *name, const char *value)
{
    g_autofree char *entry = value ? g_strconcat(name, "=", value, NULL) : NULL;

    if (entry)
        g_strv_builder_add(builder, entry);
}

/* What the libraries behind displays and sound take from the environment only. */
static void add_device_environment(GStrvBuilder *builder, const DomainDef *def)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_GRAPHICS, device)
        if (GRAPHICS(device)->type == GRAPHICS_SDL) {
            add_variable(builder, "XAUTHORITY", GRAPHICS(device)->xauth);
            add_variable(builder, "DISPLAY", GRAPHICS(device)->display);
        }
    DOMAIN_FOREACH_KIND(def, DEVICE_AUDIO, device) {
        if (AUDIO(device)->type == AUDIO_SDL)
            add_variable(builder, "SDL_AUDIODRIVER", AUDIO(device)->driver);
        if (AUDIO(device)->type == AUDIO_PIPEWIRE)
            add_variable(builder, "PIPEWIRE_RUNTIME_DIR", AUDIO(device)->runtime_dir);
    }
}

char **qemu_command_environment(const DomainDef *def, const char *dir)
{
    GStrvBuilder *builder = g_strv_builder_new();
    char **environment;
    char *entries[] = {
        g_strdup("LC_ALL=C"),
        g_strconcat("HOME=", dir, NULL),
        g_strconcat("XDG_DATA_HOME=", dir, "/.local/share", NULL),
        g_strconcat("XDG_CACHE_HOME=", dir, "/.cache", NULL),
        g_strconcat("XDG_CONFIG_HOME=", dir, "/.config", NULL),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++) {
        g_strv_builder_add(builder, entries[i]);
        g_free(entries[i]);
    }
    if (def->clock.offset == CLOCK_TIMEZONE && def->clock.timezone) {
        g_autofree char *zone = g_strconcat("TZ=", def->clock.timezone, NULL);

        g_strv_builder_add(builder, zone);
    }
    add_device_environment(builder, def);
    for (size_t i = 0; i < def->qemu.envs.n; i++) {
        const QemuEnv *env = def->qemu.envs.items[i];
        g_autofree char *entry = g_strconcat(env->name, "=", env->value ? env->value : "", NULL);

        g_strv_builder_add(builder, entry);
    }
    environment = g_strv_builder_end(builder);
    g_strv_builder_unref(builder);
    return environment;
}
