/* <tpm>: a trusted platform module of the host, or one emulated by swtpm behind a socket. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

static const char *const drivers[] = {
    [TPM_TIS] = "tpm-tis", [TPM_CRB] = "tpm-crb", [TPM_SPAPR] = "tpm-spapr", [TPM_SPAPR_PROXY] = "spapr-tpm-proxy",
};

static int tpm_check(const QemuBuild *build, const Device *device, Error *err)
{
    if (TPM(device)->backend == TPM_EMULATOR)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "the emulated TPM is not supported yet; use backend 'external' with a swtpm of your own");
    return check_type(build, device, drivers[TPM(device)->model], err);
}

static void tpm_resources(const Device *device, GPtrArray *list)
{
    if (TPM(device)->backend == TPM_PASSTHROUGH)
        resource_add(list, TPM(device)->path ? TPM(device)->path : "/dev/tpm0", true, false);
}

static int tpm_backend(QemuBuild *build, const Device *device, Error *err)
{
    const TpmDef *tpm = TPM(device);
    const char *alias = device->info.alias;
    g_autofree char *chardev = g_strdup_printf("chr%s", alias), *path = NULL;

    if (tpm->backend == TPM_PASSTHROUGH) {
        path = qemu_escape(tpm->path ? tpm->path : "/dev/tpm0");
        build_option(build, "-tpmdev", "passthrough,id=tpm-%s,path=%s", alias, path);
        return 0;
    }
    if (qemu_chardev_build(build, chardev, alias, &tpm->chardev, err) < 0)
        return -1;
    build_option(build, "-tpmdev", "emulator,id=tpm-%s,chardev=%s", alias, chardev);
    return 0;
}

static int tpm_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    *ret = props_device(drivers[TPM(device)->model]);
    prop_strf(*ret, "tpmdev", "tpm-%s", device->info.alias);
    prop_str(*ret, "id", device->info.alias);
    return 0;
}

const QemuDeviceKind qemu_tpm = {
    .kind = DEVICE_TPM, .check = tpm_check, .resources = tpm_resources, .backend = tpm_backend, .properties = tpm_properties,
};
