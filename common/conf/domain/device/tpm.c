#include "common/conf/domain/device/simple.h"

#include <string.h>

const char *const tpm_model_names[] = { NULL, "tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy", NULL };
static const char *const backend_names[] = { NULL, "passthrough", "emulator", "external", NULL };

#define T TpmDef
static const XmlRow device_rows[] = { A_STR("path", T, path, "device of the host"), ROWS_END };
static SCHEMA(device_schema, "tpmDevice", T, device_rows, "TPM of the host");
static const XmlRow encryption_rows[] = {
    A_UUID("secret", T, encryption_secret, "the secret", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(encryption_schema, "tpmEncryption", T, encryption_rows, "encryption of the state");
static const XmlRow banks_rows[] = {
    PRESENT(T, pcr_banks), FLAG("sha1", T, sha1, "bank"), FLAG("sha256", T, sha256, "bank"),
    FLAG("sha384", T, sha384, "bank"), FLAG("sha512", T, sha512, "bank"), ROWS_END,
};
static SCHEMA(banks_schema, "pcrBanks", T, banks_rows, "active banks of registers");
static const XmlRow source_rows[] = {
    A_STR("type", T, source_type, "file or dir", WHEN(T, backend, TPM_EMULATOR)),
    INLINE_AT(T, chardev, char_type_schema, WHEN(T, backend, TPM_EXTERNAL)),
    A_STR("path", T, source_path, "path of the state", WHEN(T, backend, TPM_EMULATOR)),
    A_STR("path", T, chardev.path, "socket", WHEN(T, backend, TPM_EXTERNAL)),
    A_STR("mode", T, source_mode, "who listens", WHEN(T, backend, TPM_EXTERNAL)),
    ROWS_END,
};
static SCHEMA(source_schema, "tpmSource", T, source_rows, "state or socket of an emulated TPM");
static const XmlRow profile_rows[] = {
    A_STR("source", T, profile_source, "where it is described"),
    A_STR("removeDisabled", T, profile_remove, "check or fips-host"),
    A_STR("name", T, profile_name, "its name"),
    ROWS_END,
};
static SCHEMA(profile_schema, "tpmProfile", T, profile_rows, "profile of an emulated TPM");

static const XmlRow backend_rows[] = {
    A_ENUM("type", T, backend, backend_names, "where the TPM is", .flags = XR_REQUIRED),
    A_STR("version", T, version, "1.2 or 2.0", WHEN(T, backend, TPM_EMULATOR)),
    A_YESNO("persistent_state", T, persistent_state, "kept when the domain goes", WHEN(T, backend, TPM_EMULATOR)),
    A_UINT("debug", T, debug, "log level", WHEN(T, backend, TPM_EMULATOR)),
    GROUP("source", source_schema, "state or socket", WHEN(T, backend, TPM_EMULATOR, TPM_EXTERNAL)),
    GROUP("device", device_schema, "TPM of the host", WHEN(T, backend, TPM_PASSTHROUGH)),
    GROUP("encryption", encryption_schema, "encryption", WHEN(T, backend, TPM_EMULATOR)),
    GROUP("active_pcr_banks", banks_schema, "banks", WHEN(T, backend, TPM_EMULATOR)),
    GROUP("profile", profile_schema, "profile", WHEN(T, backend, TPM_EMULATOR)),
    ROWS_END,
};
static SCHEMA(backend_schema, "tpmBackend", T, backend_rows, "where the TPM is");

static int
tpm_check(XmlParse *parse, xmlNode *element, void *object)
{
    T *tpm = object;

    if (!xml_child(element, "backend"))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<tpm> needs a <backend>");
    if (tpm->version && strcmp(tpm->version, "1.2") != 0 && strcmp(tpm->version, "2.0") != 0)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED, "TPM version '%s' is not 1.2 or 2.0",
                           tpm->version);
    if (tpm->backend == TPM_PASSTHROUGH && !tpm->path)
        tpm->path = g_strdup("/dev/tpm0");
    return 0;
}

static const XmlRow tpm_rows[] = {
    A_ENUM("model", T, model, tpm_model_names, "kind of device", .flags = XR_ABI),
    GROUP("backend", backend_schema, "where the TPM is"),
    INLINE_AT(T, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(tpm_schema, "tpm", T, tpm_rows, "trusted platform module", .check = tpm_check);

const DeviceKindOps tpm_ops = {
    .kind = DEVICE_TPM, .element = "tpm", .schema = &tpm_schema, .alias_prefix = "tpm", .has_info = true,
};
