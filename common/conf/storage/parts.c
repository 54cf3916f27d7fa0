#include "common/conf/storage/parts.h"

#include <string.h>

const char *const storage_format_names[] = {
    NULL, "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow", "qcow", "qcow2", "qed",
    "vmdk", "auto", NULL,
};

/* -- secrets, authentication, encryption -- */

static int
secret_check(XmlParse *parse, xmlNode *element, void *object)
{
    const SecretRef *secret = object;

    if (secret->uuid.set == (secret->usage != NULL))
        return xml_problem(parse, element, FROM_NONE, ERR_XML_ERROR, "element <secret> needs one of 'uuid' and 'usage'");
    return 0;
}

static const XmlRow secret_rows[] = {
    A_STR("type", SecretRef, type, "what the secret is for"),
    A_UUID("uuid", SecretRef, uuid, "the secret by UUID"),
    A_STR("usage", SecretRef, usage, "the secret by its usage"),
    ROWS_END,
};
SCHEMA(secret_ref_schema, "secretRef", SecretRef, secret_rows, "reference to a secret", .check = secret_check);

static const char *const auth_types[] = { "chap", "ceph", NULL };

static int
auth_check(XmlParse *parse, xmlNode *element, void *object)
{
    const StorageAuth *auth = object;

    if (auth->type && !g_strv_contains(auth_types, auth->type))
        return xml_problem(parse, element, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED,
                           "authentication of type '%s' is not known; allowed: chap, ceph", auth->type);
    return 0;
}

static const XmlRow auth_rows[] = {
    A_STR("type", StorageAuth, type, "way of authentication, of pools: `chap` or `ceph`"),
    A_STR("username", StorageAuth, username, "name to log in with", .flags = XR_REQUIRED),
    PTR("secret", StorageAuth, secret, secret_ref_schema, "the password"),
    ROWS_END,
};
SCHEMA(storage_auth_schema, "storageAuth", StorageAuth, auth_rows, "credentials for a network source",
       .check = auth_check);

#define E StorageEncryption
static const char *const encryption_formats[] = { "default", "qcow", "luks", "luks2", "luks-any", NULL };

static const XmlRow cipher_rows[] = {
    PRESENT(E, cipher.present),
    A_STR("name", E, cipher.name, "cipher", .flags = XR_REQUIRED),
    A_UINT("size", E, cipher.size, "bits of the key"),
    A_STR("mode", E, cipher.mode, "mode"),
    A_STR("hash", E, cipher.hash, "hash"),
    ROWS_END,
};
static SCHEMA(cipher_schema, "cipher", E, cipher_rows, "cipher of an encrypted image");
static const XmlRow ivgen_rows[] = {
    PRESENT(E, ivgen.present),
    A_STR("name", E, ivgen.name, "generator", .flags = XR_REQUIRED),
    A_STR("hash", E, ivgen.hash, "hash"),
    ROWS_END,
};
static SCHEMA(ivgen_schema, "ivgen", E, ivgen_rows, "initialization vectors of an encrypted image");

static int
check_secrets(XmlParse *parse, xmlNode *element, const E *encryption)
{
    LIST_FOREACH(SecretRef, secret, &encryption->secrets) {
        if (!secret->type)
            return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR, "<secret> of <encryption> needs type='passphrase'");
        if (strcmp(secret->type, "passphrase") != 0)
            return xml_problem(parse, element, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED,
                               "a <secret> of type '%s' encrypts nothing; the type is 'passphrase'", secret->type);
    }
    return 0;
}

static int
encryption_check(XmlParse *parse, xmlNode *element, void *object)
{
    const E *encryption = object;

    if (!encryption->format || !g_strv_contains(encryption_formats, encryption->format))
        return xml_problem(parse, element, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED,
                           "encryption format '%s' is not known; allowed: qcow, luks, luks2, luks-any",
                           encryption->format ? encryption->format : "");
    if (encryption->ivgen.present && !encryption->cipher.present)
        return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR, "<encryption> with <ivgen> needs a <cipher>");
    return check_secrets(parse, element, encryption);
}

/* Only LUKS has a choice. */
static bool
cipher_shown(const void *object, unsigned flags)
{
    const E *encryption = object;

    return encryption->format && g_str_has_prefix(encryption->format, "luks");
}

static const XmlRow encryption_rows[] = {
    A_STR("format", E, format, "format of the encryption", .flags = XR_REQUIRED),
    A_WORD("engine", E, engine, WORDS("default", "qemu", "librbd"), "who decrypts"),
    ITEMS("secret", E, secrets, secret_ref_schema, "passphrases"),
    GROUP("cipher", cipher_schema, "cipher", .shown = cipher_shown),
    GROUP("ivgen", ivgen_schema, "initialization vectors", .shown = cipher_shown),
    ROWS_END,
};
SCHEMA(storage_encryption_schema, "storageEncryption", E, encryption_rows, "encryption of an image",
       .check = encryption_check);
