#include "virtsecretd/value.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/process.h"
#include "common/daemon/secret.h"
#include "virtsecretd/driver.h"

#define PROGRAM "/usr/bin/systemd-creds"
#define HOST_KEY "/var/lib/systemd/credential.secret"
#define TIMEOUT (30 * USEC_PER_SEC)
#define FILE_MAX (1024 * 1024)

bool
value_host_has_key(void)
{
    return access(HOST_KEY, F_OK) == 0 && access(PROGRAM, X_OK) == 0;
}

static char *
value_path(const Driver *driver, const char *uuid, bool encrypted)
{
    return g_strconcat(driver->definitions.dir, "/", uuid, encrypted ? ".cred" : ".base64", NULL);
}

bool
value_exists(const Driver *driver, const char *uuid)
{
    g_autofree char *encrypted = value_path(driver, uuid, true), *plain = value_path(driver, uuid, false);

    return access(encrypted, F_OK) == 0 || access(plain, F_OK) == 0;
}

/* Texts on their way are secrets too. */
static void
wipe_text(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    g_free(*text);
}
#define _cleanup_wiped_ __attribute__((cleanup(wipe_text)))

/* The value's base64 to what is kept, or back. The value passes through pipes only. */
static int
run_creds(Job *job, const char *verb, const char *uuid, const char *input, char **ret, Error *err)
{
    g_autofree char *name = g_strconcat("--name=", uuid, NULL);
    const char *const argv[] = { PROGRAM, verb, name, "-", "-", NULL };
    const ProcessSpec spec = { .argv = argv };
    ProcessOutput output = { 0 };

    if (process_check(job, &spec, input, TIMEOUT, &output, err) < 0)
        return error_prefixf(err, "cannot %s the value of secret '%s' with this host's key", verb, uuid);
    *ret = g_steal_pointer(&output.out);
    process_output_done(&output);
    return 0;
}

static GBytes *
decode(const char *text)
{
    gsize size;
    guchar *data = g_base64_decode(text, &size);
    GBytes *value = secret_bytes(data, size);

    explicit_bzero(data, size);
    g_free(data);
    return value;
}

int
value_get(Job *job, Secret *secret, GBytes **ret, Error *err)
{
    const char *uuid = secret->base.name;
    g_autofree char *encrypted = value_path(secret->driver, uuid, true), *plain = value_path(secret->driver, uuid, false);
    _cleanup_wiped_ char *text = NULL, *clear = NULL;
    bool is_encrypted = access(encrypted, F_OK) == 0;

    if (!secret->value && !secret->has_value)
        return error_setf(err, FROM_SECRET, ERR_NO_SECRET, "Secret not found: %s does not have a value", secret->label);
    if (!secret->value) {
        if (file_read(is_encrypted ? encrypted : plain, FILE_MAX, &text, NULL, err) < 0 ||
            (is_encrypted && run_creds(job, "decrypt", uuid, text, &clear, err) < 0))
            return error_prefixf(err, "the value of %s cannot be read", secret->label);
        if (!secret->value) /* nobody else was faster */
            secret->value = decode(is_encrypted ? clear : text);
    }
    *ret = secret->value;
    return 0;
}

static int
write_value(Job *job, Secret *secret, GBytes *value, Error *err)
{
    const Driver *driver = secret->driver;
    const char *uuid = secret->base.name;
    g_autofree char *path = value_path(driver, uuid, driver->encrypted), *other = value_path(driver, uuid, !driver->encrypted);
    _cleanup_wiped_ char *text = NULL;
    g_autofree char *sealed = NULL;
    gsize size;
    gconstpointer data = g_bytes_get_data(value, &size);

    text = g_base64_encode(data, size);
    if (driver->encrypted && run_creds(job, "encrypt", uuid, text, &sealed, err) < 0)
        return -1;
    if (file_commit_write(job, path, sealed ? sealed : text, strlen(sealed ? sealed : text), 0600, err) < 0)
        return -1;
    return file_commit_unlink(job, other, err);
}

int
value_set(Job *job, Secret *secret, GBytes *value, Error *err)
{
    if (secret->def->ephemeral != TRI_YES && write_value(job, secret, value, err) < 0) {
        g_bytes_unref(value);
        return -1;
    }
    secret_set_value(secret, value);
    return 0;
}

int
value_remove(Job *job, const Driver *driver, const char *uuid, Error *err)
{
    g_autofree char *encrypted = value_path(driver, uuid, true), *plain = value_path(driver, uuid, false);

    return file_commit_unlink(job, encrypted, err) < 0 || file_commit_unlink(job, plain, err) < 0 ? -1 : 0;
}

int
value_keep(Job *job, Secret *secret, bool ephemeral, Error *err)
{
    GBytes *value;

    if (!secret->has_value)
        return 0;
    if (!ephemeral)
        return secret->value ? write_value(job, secret, secret->value, err) : 0;
    /* Into memory first: the file goes. */
    return value_get(job, secret, &value, err) < 0 ? -1 : value_remove(job, secret->driver, secret->base.name, err);
}
