/* Defaults of firmware given by hand; automatic choice is the hypervisor's (DomainCaps.firmware). */
#include <string.h>

#include "common/conf/domain/complete.h"

static int
refuse(Error *err, const char *text)
{
    return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL, "%s", text);
}

static int
check_choice(const OsDef *os, Error *err)
{
    Tri secure_boot = TRI_ABSENT, enrolled = TRI_ABSENT;

    for (size_t i = 0; i < os->features.n; i++) {
        const FirmwareFeature *feature = os->features.items[i];

        *(strcmp(feature->name, "secure-boot") == 0 ? &secure_boot : &enrolled) = feature->enabled;
    }
    if (!os->firmware && os->features.n)
        return refuse(err,
                      "firmware features can be asked for only with automatic choice of firmware; add firmware='efi' to <os>");
    if (enrolled == TRI_YES && secure_boot == TRI_NO)
        return refuse(err, "firmware feature 'enrolled-keys' needs 'secure-boot', which is disabled");
    if (os->firmware == FIRMWARE_BIOS && os->nvram)
        return refuse(err, "firmware of type 'bios' has no <nvram>");
    if (os->nvram && os->nvram->template_path && os->loader.stateless == TRI_YES)
        return refuse(err, "a stateless <loader> has no <nvram> template");
    if (os->nvram && os->loader.stateless == TRI_YES)
        return refuse(err, "a stateless <loader> has no <nvram>");
    return 0;
}

/* A loader that is memory-mapped flash has variables beside it. */
static void
default_nvram(DomainDef *def, const DomainCaps *caps)
{
    OsDef *os = &def->os;

    if (os->loader.stateless == TRI_YES)
        return;
    if (!os->nvram)
        os->nvram = g_new0(Nvram, 1);
    if (!os->nvram->source.type && !os->nvram->path)
        os->nvram->path = g_strdup_printf("%s/%s_VARS%s", caps->nvram_dir, def->name,
                                          g_strcmp0(os->nvram->format, "qcow2") == 0 ? ".qcow2" : ".fd");
    if (!os->nvram->format)
        os->nvram->format = g_strdup("raw");
}

int
domain_complete_firmware(DomainDef *def, const DomainCaps *caps, Error *err)
{
    OsDef *os = &def->os;

    if (check_choice(os, err) < 0)
        return -1;
    if (caps->firmware && caps->firmware(caps->user, def, err) < 0)
        return -1;
    if (os->firmware && !os->loader.path)
        return caps->firmware ? 0 : error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "operation failed: no '%s' firmware fits "
                                               "the domain '%s'", firmware_names[os->firmware], def->name);
    if (os->loader.present && !os->loader.path)
        return refuse(err, "<loader> names no image and firmware is not chosen automatically; add firmware='efi' to <os> or a path");
    if (!os->loader.path)
        return 0;
    if (!os->loader.type)
        os->loader.type = LOADER_ROM;
    if (!os->loader.format)
        os->loader.format = g_strdup("raw");
    if (os->loader.type != LOADER_PFLASH)
        return 0;
    if (os->loader.readonly == TRI_YES)
        default_nvram(def, caps);
    if (domain_def_is_x86(def) && !def->features.acpi)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: UEFI firmware needs ACPI on "
                          "architecture '%s'; add <acpi/> to <features>", os->arch);
    return 0;
}
