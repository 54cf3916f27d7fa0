#include "virtsecretd/driver.h"

#include <string.h>

#include "common/base/file.h"
#include "virtsecretd/secret.h"
#include "virtsecretd/value.h"

#define LOG_SOURCE "secret.driver"
#include "common/base/log.h"

static void
free_secret(StoreObject *object)
{
    secret_free((Secret *)object);
}

/* Definitions are small, and usages must be known: all are parsed. */
static int
parse_file(void *user, const char *text, char **ret_name, uint8_t *ret_uuid, void **ret_def, Error *err)
{
    SecretDef *def = NULL;
    char uuid[UUID_TEXT_SIZE];

    if (secret_def_parse(text, XML_STATUS, &def, err) < 0)
        return -1;
    uuid_to_text(def->uuid.b, uuid);
    *ret_name = g_strdup(uuid);
    memcpy(ret_uuid, def->uuid.b, UUID_SIZE);
    *ret_def = def;
    return 0;
}

static void
left_alone(const char *path, const char *why)
{
    log_error("the definition '%s' is left alone: %s", path, why);
}

static void
discard(void *def)
{
    secret_def_unref(def);
}

static void
add_secret(void *user, const char *name, const uint8_t *uuid, bool autostart, void *data)
{
    Driver *driver = user;
    SecretDef *def = data;
    g_autoptr(Secret) secret = secret_new(driver, def);
    Secret *other = secret_by_usage(driver, def->usage, def->usage_id);

    if (other) {
        left_alone(name, "another secret is for the same use");
        return;
    }
    secret->has_value = value_exists(driver, name);
    secret_add(secret);
}

Store *
driver_secrets(Driver *driver)
{
    const DefinitionsIndex index = { &driver->secrets, driver, parse_file, add_secret, discard, left_alone };
    _cleanup_error_ Error err = ERROR_INIT;

    if (driver->indexed)
        return &driver->secrets;
    driver->indexed = true;
    if (definitions_open_journal(&driver->definitions, "virtsecretd", &err) < 0) {
        log_warning("%s; definitions are written without it, more slowly", err.message);
        error_done(&err);
    }
    if (definitions_index(&driver->definitions, &index, &err) < 0)
        log_error("%s", err.message);
    return &driver->secrets;
}

int
driver_init(Driver *driver, Daemon *daemon, Error *err)
{
    g_autofree char *dir = g_build_filename(daemon->paths.config, "secrets", NULL);

    driver->daemon = daemon;
    driver->server = daemon->server;
    store_init(&driver->secrets, free_secret);
    driver->by_usage = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    driver->encrypted = !daemon->paths.session && value_host_has_key();
    definitions_init(&driver->definitions, dir, "secret-define");
    return file_mkdirs(dir, 0700, err);
}

void
driver_done(Driver *driver)
{
    file_journal_close();
    store_done(&driver->secrets);
    g_hash_table_unref(driver->by_usage);
    definitions_done(&driver->definitions);
}
