#include "virtqemud/device/secret.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <string.h>
#include <sys/random.h>

typedef struct Sealed {
    char *data, *iv; /* base64 */
} Sealed;

struct QemuSecrets {
    struct aes256_ctx key;
    GHashTable *sealed; /* id -> Sealed */
};

static void sealed_free(void *pointer)
{
    Sealed *sealed = pointer;

    g_free(sealed->data);
    g_free(sealed->iv);
    g_free(sealed);
}

QemuSecrets *qemu_secrets_new(const uint8_t key[QEMU_MASTER_KEY_SIZE])
{
    QemuSecrets *secrets = g_new0(QemuSecrets, 1);

    aes256_set_encrypt_key(&secrets->key, key);
    secrets->sealed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, sealed_free);
    return secrets;
}

void qemu_secrets_free(QemuSecrets *secrets)
{
    if (!secrets)
        return;
    explicit_bzero(&secrets->key, sizeof(secrets->key));
    g_hash_table_unref(secrets->sealed);
    g_free(secrets);
}

int qemu_secrets_seal(QemuSecrets *secrets, const char *id, const void *value, size_t size, Error *err)
{
    /* A whole number of blocks; the last byte says how many were added, and at least one is. */
    size_t padding = AES_BLOCK_SIZE - size % AES_BLOCK_SIZE, padded = size + padding;
    g_autofree uint8_t *bytes = g_malloc(padded);
    uint8_t iv[AES_BLOCK_SIZE], chain[AES_BLOCK_SIZE];
    Sealed *sealed;

    if (getrandom(iv, sizeof(iv), 0) != sizeof(iv))
        return error_setf(err, FROM_QEMU, ERR_SYSTEM_ERROR, "no random bytes to encrypt a secret with");
    if (size > 0)
        memcpy(bytes, value, size);
    memset(bytes + size, (int)padding, padding);
    memcpy(chain, iv, sizeof(iv));
    cbc_encrypt(&secrets->key, (nettle_cipher_func *)aes256_encrypt, AES_BLOCK_SIZE, chain, padded, bytes, bytes);
    sealed = g_new0(Sealed, 1);
    sealed->data = g_base64_encode(bytes, padded);
    sealed->iv = g_base64_encode(iv, sizeof(iv));
    g_hash_table_replace(secrets->sealed, g_strdup(id), sealed);
    return 0;
}

int build_secret(QemuBuild *build, const char *id, Error *err)
{
    const QemuSecrets *secrets = build->options->secrets;
    const Sealed *sealed = secrets ? g_hash_table_lookup(secrets->sealed, id) : NULL;
    json_t *props;

    if (!sealed && !build->options->for_show)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "the value of secret '%s' was not fetched", id);
    props = props_object("secret", id);
    prop_str(props, "data", sealed ? sealed->data : "");
    prop_str(props, "keyid", "masterKey0");
    prop_str(props, "iv", sealed ? sealed->iv : "");
    prop_str(props, "format", "base64");
    build_object(build, props);
    return 0;
}

void secret_text_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}
