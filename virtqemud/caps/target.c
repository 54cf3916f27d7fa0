#include "virtqemud/caps/target.h"

#include <string.h>

#include "common/host/node.h"

void
caps_target_done(CapsTarget *target)
{
    g_clear_pointer(&target->caps, qemu_caps_unref);
}

static bool
known_arch(const char *arch)
{
    for (const char *const *a = qemu_caps_arches(); *a; a++)
        if (strcmp(*a, arch) == 0)
            return true;
    return false;
}

/* A 64-bit x86 emulator runs 32-bit guests too, and ppc64 both byte orders. */
static bool
runs(const QemuCaps *caps, const char *arch)
{
    return strcmp(caps->arch, arch) == 0 || (strcmp(caps->arch, "x86_64") == 0 && strcmp(arch, "i686") == 0) ||
           (strcmp(caps->arch, "ppc64") == 0 && strcmp(arch, "ppc64le") == 0);
}

static int
find_accel(const char *type, CapsTarget *t, Error *err)
{
    bool kvm = t->caps->accel[QEMU_ACCEL_KVM].available;

    if (!type || !*type) {
        t->accel = kvm ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
        return 0;
    }
    if (strcmp(type, "qemu") == 0) {
        t->accel = QEMU_ACCEL_TCG;
        return 0;
    }
    if (strcmp(type, "kvm") != 0)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the domain type '%s' is not known; try qemu or kvm", type);
    if (!kvm)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "KVM is not supported by '%s' on this host", t->caps->binary);
    t->accel = QEMU_ACCEL_KVM;
    return 0;
}

int
caps_target_find(Job *job, const char *emulator, const char *arch, const char *machine, const char *type, CapsTarget *ret, Error *err)
{
    _cleanup_target_ CapsTarget t = { 0 };

    arch = arch && *arch ? arch : NULL;
    if (arch && !known_arch(arch))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "unknown architecture '%s'", arch);
    if (!emulator || !*emulator) {
        const char *wanted = arch ? arch : node_arch();

        emulator = qemu_caps_find_binary(wanted);
        if (!emulator)
            return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "there is no emulator for architecture '%s' on this host", wanted);
    }
    if (qemu_caps_get(job, emulator, &t.caps, err) < 0)
        return -1;
    if (arch && !runs(t.caps, arch))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "architecture from emulator '%s' doesn't match given architecture '%s'",
                          t.caps->arch, arch);
    t.arch = g_intern_string(arch ? arch : t.caps->arch);
    if (find_accel(type, &t, err) < 0)
        return -1;
    t.machine = qemu_caps_machine(t.caps, t.accel, machine && *machine ? machine : NULL);
    if (!t.machine || strcmp(t.machine->name, "none") == 0)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the machine '%s' is not supported by emulator '%s'",
                          machine ? machine : "(default)", t.caps->binary);
    *ret = t;
    t.caps = NULL;
    return 0;
}
