#include "virtqemud/run/secrets.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/conf/domain/device/disk.h"
#include "common/daemon/secret.h"
#include "virtqemud/device/storage.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/run.h"

static char *
key_path(const Domain *domain)
{
    return g_build_filename(domain->run->dir, "master-key.aes", NULL);
}

int
secrets_init(Domain *domain, QemuSecrets **ret, Error *err)
{
    const QemuConfig *config = &domain->driver->config;
    g_autofree char *path = key_path(domain);
    uint8_t key[QEMU_MASTER_KEY_SIZE];
    int r;

    if (getrandom(key, sizeof(key), 0) != sizeof(key))
        return error_set_errno(err, FROM_QEMU, errno, "cannot make a key");
    r = file_replace(path, key, sizeof(key), 0600, err);
    if (r == 0 && config->set_identity && chown(path, config->uid, config->gid) < 0)
        r = error_set_errno(err, FROM_QEMU, errno, "cannot give '%s' to the guests' user", path);
    if (r == 0)
        *ret = qemu_secrets_new(key);
    explicit_bzero(key, sizeof(key));
    return r;
}

int
secrets_load(Domain *domain, QemuSecrets **ret, Error *err)
{
    g_autofree char *path = key_path(domain), *key = NULL;
    size_t size;
    int r = 0;

    if (file_read(path, QEMU_MASTER_KEY_SIZE, &key, &size, err) < 0)
        return -1;
    if (size != QEMU_MASTER_KEY_SIZE)
        r = error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the key of %s in '%s' is damaged: its QEMU can be given no secret until it is restarted",
                       domain->label, path);
    else
        *ret = qemu_secrets_new((const uint8_t *)key);
    explicit_bzero(key, size);
    return r;
}

static int
fetch(Job *job, Domain *domain, const StorageSecret *need, QemuSecrets *secrets, Error *err)
{
    g_autoptr(GBytes) value = NULL;
    const void *bytes;
    gsize size;

    if (need->value)
        return qemu_secrets_seal(secrets, need->id, need->value, strlen(need->value), err);
    if (!need->ref)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "its credentials name no <secret>");
    if (daemon_secret(job, domain->driver->daemon, need->ref, need->usage, &value, err) < 0)
        return -1;
    bytes = g_bytes_get_data(value, &size);
    return qemu_secrets_seal(secrets, need->id, bytes, size, err);
}

/* The needs point into the source, which nobody changes meanwhile: a definition is immutable. */
static int
fetch_chain(Job *job, Domain *domain, const StorageSource *source, const char *name, const char *what, QemuSecrets *secrets, Error *err)
{
    g_autoptr(GPtrArray) needs = qemu_storage_secrets(source, name);

    for (guint i = 0; i < needs->len; i++)
        if (fetch(job, domain, needs->pdata[i], secrets, err) < 0)
            return error_prefixf(err, "cannot get the secret of %s", what);
    return 0;
}

int
secrets_fetch(Job *job, Domain *domain, const StorageSource *source, const char *what, QemuSecrets *secrets, Error *err)
{
    return fetch_chain(job, domain, source, NULL, what, secrets, err);
}

int
secrets_fetch_device(Job *job, Domain *domain, const Device *device, QemuSecrets *secrets, Error *err)
{
    g_autofree char *what = NULL;

    if (device->kind != DEVICE_DISK)
        return 0;
    what = g_strdup_printf("disk '%s'", DISK(device)->target);
    return secrets_fetch(job, domain, &DISK(device)->source, what, secrets, err);
}

int
secrets_fetch_all(Job *job, Domain *domain, const DomainDef *def, QemuSecrets *secrets, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device)
        if (secrets_fetch_device(job, domain, device, secrets, err) < 0)
            return -1;
    return def->os.nvram ? fetch_chain(job, domain, &def->os.nvram->source, "pflash1", "the firmware's variables", secrets, err) : 0;
}
