/*
 * Text as a pool, a volume of each type of pool, a secret and a place to look for sources. What is accepted must format, parse
 * again and format to the same bytes; a copy must equal it. What may be made has a name that stays in its pool. Two pools
 * are compared: the second comes after a line "%%".
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/secret/secret.h"
#include "common/conf/storage/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must_be(bool right)
{
    if (!right)
        abort();
}

/* Every refusal says why. */
static bool
done(int result, const Error *err)
{
    must_be(result == 0 ? !error_is_set(err) : err->message && err->code);
    return result == 0;
}

static void
same(const char *a, const char *b)
{
    must_be(strcmp(a, b) == 0);
}

static PoolDef *
as_pool(const char *text, unsigned flags)
{
    g_autoptr(PoolDef) def = NULL, again = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    if (!done(pool_def_parse(text, flags, &def, &err), &err))
        return NULL;
    must_be(def->name && def->uuid.set);
    must_be(flags & XML_STATUS || !pool_kind(def->type)->has_target || *def->path == '/');
    first = pool_def_format(def, flags, NULL);
    must_be(pool_def_parse(first, flags, &again, &err) == 0);
    second = pool_def_format(again, flags, NULL);
    copy = pool_def_copy(def);
    third = pool_def_format(copy, flags, NULL);
    same(first, second);
    same(first, third);
    return g_steal_pointer(&def);
}

static void
as_volume(const char *text, PoolType type, unsigned flags)
{
    g_autoptr(VolDef) def = NULL, again = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT, no = ERROR_INIT;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    if (!done(vol_def_parse(text, type, flags, &def, &err), &err))
        return;
    first = vol_def_format(def);
    must_be(vol_def_parse(first, type, flags, &again, &err) == 0);
    second = vol_def_format(again);
    copy = vol_def_copy(def);
    third = vol_def_format(copy);
    same(first, second);
    same(first, third);
    if (done(vol_def_check_create(def, &no), &no))
        must_be(!strchr(def->name, '/') && !strchr(def->name, '\n') && strcmp(def->name, "..") != 0);
}

static void
as_secret(const char *text, unsigned flags)
{
    g_autoptr(SecretDef) def = NULL, again = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    if (!done(secret_def_parse(text, flags, &def, &err), &err))
        return;
    must_be(!def->usage == !def->usage_id);
    first = secret_def_format(def);
    must_be(secret_def_parse(first, flags, &again, &err) == 0);
    second = secret_def_format(again);
    copy = secret_def_copy(def);
    third = secret_def_format(copy);
    same(first, second);
    same(first, third);
}

static void
as_source(const char *text, PoolType type)
{
    g_autoptr(PoolSource) source = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *out = NULL;

    if (!done(pool_source_parse(text, type, &source, &err), &err))
        return;
    out = pool_sources_format((PoolSource *const[]){ source }, 1);
    must_be(g_str_has_prefix(out, "<sources>"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const PoolType volumes_of[] = { POOL_DIR, POOL_LOGICAL, POOL_DISK, POOL_RBD };
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(PoolDef) pool = NULL, other = NULL, strict = NULL, trusted = NULL;
    char *second = strstr(text, "\n%%\n");

    if (second) {
        *second = '\0';
        other = as_pool(second + 4, XML_INACTIVE);
    }
    pool = as_pool(text, XML_INACTIVE);
    strict = as_pool(text, XML_VALIDATE);
    trusted = as_pool(text, XML_STATUS);
    if (pool && other)
        must_be(pool_def_same_storage(pool, other) == pool_def_same_storage(other, pool));
    if (pool)
        must_be(pool_def_same_storage(pool, pool));
    for (size_t i = 0; i < G_N_ELEMENTS(volumes_of); i++) {
        as_volume(text, volumes_of[i], VOL_NO_CAPACITY);
        as_volume(text, volumes_of[i], XML_VALIDATE);
        as_volume(text, volumes_of[i], XML_STATUS);
    }
    as_secret(text, 0);
    as_secret(text, XML_VALIDATE);
    as_secret(text, XML_STATUS);
    for (PoolType type = POOL_DIR; type < POOL_TYPES; type++)
        as_source(text, type);
    return 0;
}
