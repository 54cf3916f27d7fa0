#include "virtqemud/caps/support.h"

#include <limits.h>
#include <string.h>

#include "virtqemud/caps/qemucaps.h"

#define NOT_YET UINT_MAX /* QEMU may be able to, we do not use it */

/* An ability is there from a version on, or with a QOM type, or with a program beside QEMU. */
static const struct {
    const char *what;
    unsigned version;    /* 8001000: from 8.1 */
    const char *type;
    const char *program;
} abilities[] = {
    { "cpu.migratable", 0, "max-x86_64-cpu", NULL },
    { "disk.discard_no_unref", 8001000, NULL, NULL },
    { "disk.librbd-layering", 8000000, NULL, NULL },
    { "disk.vhost-vdpa", NOT_YET, NULL, NULL },
    { "disk.cow", NOT_YET, NULL, NULL },
    { "graphics.rdp", NOT_YET, NULL, NULL },
    { "shim", 10000000, NULL, NULL },
    { "virtio-scsi.iothread-mapping", 10000000, NULL, NULL },
    { "virtio-mem.dynamic-memslots", 8002000, NULL, NULL },
    { "zpci", 0, "zpci", NULL },
    { "launch-security.sev", NOT_YET, NULL, NULL },
    { "launch-security.sev-snp", NOT_YET, NULL, NULL },
    { "launch-security.s390-pv", NOT_YET, NULL, NULL },
    { "launch-security.tdx", NOT_YET, NULL, NULL },
    { "tpm-emulator.1.2", 0, NULL, "swtpm" },
    { "tpm-emulator.2.0", 0, NULL, "swtpm" },
};

bool
qemu_caps_supports(const QemuCaps *caps, const char *what)
{
    for (size_t i = 0; i < G_N_ELEMENTS(abilities); i++) {
        g_autofree char *program = NULL;

        if (strcmp(abilities[i].what, what) != 0)
            continue;
        if (caps->version < abilities[i].version || (abilities[i].type && !qemu_caps_has_type(caps, abilities[i].type)))
            return false;
        program = abilities[i].program ? g_find_program_in_path(abilities[i].program) : NULL;
        return !abilities[i].program || program;
    }
    return false;
}
