#include "tests/conf/fakecaps.h"

#include <string.h>

static const char *const i440fx_versions[] = { "1.7", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9",
    "2.10", "2.11", "2.12", "3.0", "3.1", "4.0", "4.1", "4.2", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2", "7.0", "7.1", "7.2", NULL };

static int
emulator(void *user, OsType os, const char *arch, VirtType virt, char **ret_path, Error *err)
{
    if (strcmp(arch, "x86_64") != 0 && strcmp(arch, "i686") != 0)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: No emulator found for arch '%s'", arch);
    *ret_path = g_strdup(strcmp(arch, "i686") == 0 ? "/usr/bin/qemu-system-i386" : "/usr/bin/qemu-system-x86_64");
    return 0;
}

static int
check_emulator(void *user, const char *path, OsType os, const char *arch, VirtType virt, Error *err)
{
    if (strcmp(path, "/usr/bin/qemu-system-x86_64") != 0 && strcmp(path, "/usr/bin/qemu-system-i386") != 0)
        return error_setf(err, FROM_QEMU, ERR_SYSTEM_ERROR, "Cannot check QEMU binary %s: No such file or directory", path);
    if (os != OS_HVM)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: Emulator '%s' does not support os type '%s'", path, os_type_names[os]);
    if (strcmp(arch, "x86_64") != 0 && strcmp(arch, "i686") != 0)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: Emulator '%s' does not support arch '%s'", path, arch);
    if (virt != VIRT_QEMU && virt != VIRT_KVM)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: Emulator '%s' does not support virt type '%s'", path,
                          virt_type_names[virt]);
    return 0;
}

static bool
known_version(const char *machine, const char *prefix)
{
    return g_str_has_prefix(machine, prefix) && g_strv_contains(i440fx_versions, machine + strlen(prefix));
}

static int
machine_name(void *user, const char *path, VirtType virt, const char *machine, char **ret_name, Error *err)
{
    if (!machine || strcmp(machine, "pc") == 0)
        *ret_name = g_strdup("pc-i440fx-7.2");
    else if (strcmp(machine, "q35") == 0)
        *ret_name = g_strdup("pc-q35-7.2");
    else if (known_version(machine, "pc-i440fx-") || known_version(machine, "pc-q35-") || strcmp(machine, "isapc") == 0 ||
             strcmp(machine, "microvm") == 0)
        *ret_name = g_strdup(machine);
    else
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: Emulator '%s' does not support machine type '%s'", path, machine);
    return 0;
}

static const char *
default_cpu(void *user, const char *path, VirtType virt, const char *machine)
{
    if (strcmp(machine, "isapc") == 0)
        return "486";
    return g_str_has_suffix(path, "i386") ? "qemu32" : "qemu64";
}

static bool
has_device(void *user, const char *path, const char *name)
{
    return true;
}

static bool
supports(void *user, const char *path, const char *what)
{
    static const char *const missing[] = {
        "disk.discard_no_unref", "disk.librbd-layering", "disk.vhost-vdpa", "disk.cow", "graphics.rdp", "shim",
        "virtio-scsi.iothread-mapping", "launch-security.sev", "tpm-emulator.1.2", "tpm-emulator.2.0", "zpci",
        "virtio-mem.dynamic-memslots", NULL };

    if (strcmp(what, "cpu.migratable") == 0)
        return !g_str_has_suffix(path, "i386");
    return !g_strv_contains(missing, what);
}

/* Firmware that is installed is known; nothing is chosen by itself here. */
static int
firmware(void *user, DomainDef *def, Error *err)
{
    Nvram *nvram = def->os.nvram;

    if (def->os.firmware)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "operation failed: Unable to find '%s' firmware that is "
                          "compatible with the current configuration", firmware_names[def->os.firmware]);
    if (nvram && nvram->template_path && !nvram->template_format && g_str_has_prefix(nvram->template_path, "/usr/share/OVMF/"))
        nvram->template_format = g_strdup("raw");
    return 0;
}

const DomainCaps fake_caps = {
    .host_arch = "x86_64",
    .nvram_dir = "/var/lib/libvirt/qemu/nvram",
    .emulator = emulator,
    .check_emulator = check_emulator,
    .machine = machine_name,
    .default_cpu = default_cpu,
    .has_device = has_device,
    .supports = supports,
    .firmware = firmware,
};
