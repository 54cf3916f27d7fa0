#include "virtstoraged/secret.h"

#include "common/daemon/secret.h"

/* Backends know definitions only; the one thing they need of the daemon is whom it can ask. */
static Daemon *asker;

void
storage_secret_init(Daemon *daemon)
{
    asker = daemon;
}

int
storage_secret(Job *job, const StorageAuth *auth, GBytes **ret, Error *err)
{
    SecretUsage usage = g_strcmp0(auth->type, "ceph") == 0 ? SECRET_CEPH : SECRET_ISCSI;

    if (!auth->secret)
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "<auth> of user '%s' names no secret", auth->username);
    return daemon_secret(job, asker, auth->secret, usage, ret, err);
}

int
storage_passphrase(Job *job, const VolDef *def, GBytes **ret, Error *err)
{
    SecretRef by_path = { .usage = def->path };

    *ret = NULL;
    if (!def->encryption)
        return 0;
    if (daemon_secret(job, asker, def->encryption->secrets.n ? def->encryption->secrets.items[0] : &by_path, SECRET_VOLUME, ret, err) < 0)
        return error_prefixf(err, "passphrase of volume '%s'", def->name);
    return 0;
}
