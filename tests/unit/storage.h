/* Pools and volumes, for the tests of their definitions. */
#pragma once

#include "common/conf/storage/volume.h"
#include "tests/unit/fixtures.h"

static inline PoolDef *
pool(const char *text)
{
    _cleanup_error_ Error err = ERROR_INIT;
    PoolDef *def = NULL;

    if (pool_def_parse(text, XML_INACTIVE | XML_VALIDATE, &def, &err) < 0)
        fail_msg("%s", err.message);
    return def;
}

static inline VolDef *
volume(PoolType type, const char *text)
{
    _cleanup_error_ Error err = ERROR_INIT;
    VolDef *def = NULL;

    if (vol_def_parse(text, type, XML_VALIDATE, &def, &err) < 0)
        fail_msg("%s", err.message);
    return def;
}

static inline int
pool_through(const char *name, const char *text, bool copied, char **ret_text, Error *err)
{
    g_autoptr(PoolDef) def = NULL, copy = NULL;

    if (pool_def_parse(text, XML_INACTIVE, &def, err) < 0)
        return -1;
    copy = pool_def_copy(def);
    *ret_text = pool_def_format(copied ? copy : def, XML_INACTIVE, NULL);
    return 0;
}

/* The name begins with the type of the pool: "dir-raw.xml". */
static inline PoolType
pool_type_of(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "-", 2);

    return (PoolType)enum_from_name(pool_type_names, parts[0]);
}

static inline int
volume_through(const char *name, const char *text, bool copied, char **ret_text, Error *err)
{
    g_autoptr(VolDef) def = NULL, copy = NULL;

    if (vol_def_parse(text, pool_type_of(name), 0, &def, err) < 0)
        return -1;
    copy = vol_def_copy(def);
    *ret_text = vol_def_format(copied ? copy : def);
    return 0;
}

static inline int
volume_created(const char *name, const char *text, bool copied, char **ret_text, Error *err)
{
    g_autoptr(VolDef) def = NULL;

    if (vol_def_parse(text, pool_type_of(name), 0, &def, err) < 0)
        return -1;
    return vol_def_check_create(def, err);
}
