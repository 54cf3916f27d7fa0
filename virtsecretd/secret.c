#include "virtsecretd/secret.h"


#include "virtsecretd/driver.h"

static char *
usage_key(SecretUsage usage, const char *id)
{
    return usage == SECRET_NONE || !id ? NULL : g_strdup_printf("%d %s", (int)usage, id);
}

Secret *
secret_new(Driver *driver, SecretDef *def)
{
    Secret *s = g_new0(Secret, 1);
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(def->uuid.b, uuid);
    s->base.references = 1;
    s->base.id = -1;
    s->base.name = g_strdup(uuid);
    memcpy(s->base.uuid, def->uuid.b, UUID_SIZE);
    s->label = g_strdup_printf("secret '%s'", uuid);
    s->driver = driver;
    s->def = def;
    return s;
}

void
secret_unref(Secret *secret)
{
    if (secret)
        store_unref(&secret->driver->secrets, secret);
}

void
secret_free(Secret *secret)
{
    g_clear_pointer(&secret->value, g_bytes_unref);
    secret_def_unref(secret->def);
    g_free(secret->label);
    g_free(secret->base.name);
    g_free(secret);
}

void
secret_add(Secret *secret)
{
    char *key = usage_key(secret->def->usage, secret->def->usage_id);

    store_add(&secret->driver->secrets, &secret->base);
    if (key)
        g_hash_table_insert(secret->driver->by_usage, key, secret);
}

void
secret_remove(Secret *secret)
{
    g_autofree char *key = usage_key(secret->def->usage, secret->def->usage_id);

    if (key)
        g_hash_table_remove(secret->driver->by_usage, key);
    secret_set_value(secret, NULL);
    store_remove(&secret->driver->secrets, &secret->base);
}

void
secret_set_def(Secret *secret, SecretDef *def)
{
    secret_def_unref(secret->def);
    secret->def = def;
    store_changed(&secret->driver->secrets);
}

Secret *
secret_by_usage(Driver *driver, SecretUsage usage, const char *id)
{
    g_autofree char *key = usage_key(usage, id);

    driver_secrets(driver);
    return key ? g_hash_table_lookup(driver->by_usage, key) : NULL;
}

/* --- values --- */

void
secret_set_value(Secret *secret, GBytes *value)
{
    g_clear_pointer(&secret->value, g_bytes_unref);
    secret->value = value;
    secret->has_value = value != NULL;
}
