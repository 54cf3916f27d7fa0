#include "common/store/store.h"

#include <stdio.h>
#include <string.h>

void
store_init(Store *store, void (*free_object)(StoreObject *object))
{
    *store = (Store){
        .by_name = g_hash_table_new(g_str_hash, g_str_equal),
        .by_uuid = g_hash_table_new(uuid_hash, uuid_equal),
        .by_id = g_hash_table_new(NULL, NULL),
        .reserved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .free = free_object,
    };
}

void
store_done(Store *store)
{
    g_autoptr(GPtrArray) all = store_list(store);

    for (guint i = 0; i < all->len; i++) {
        store_remove(store, all->pdata[i]);
        store_unref(store, all->pdata[i]);
    }
    g_hash_table_unref(store->by_name);
    g_hash_table_unref(store->by_uuid);
    g_hash_table_unref(store->by_id);
    g_hash_table_unref(store->reserved);
}

void
store_add(Store *store, StoreObject *object)
{
    g_assert(!object->stored && !store_by_name(store, object->name) && !store_by_uuid(store, object->uuid));
    object->stored = true;
    object->references++;
    g_hash_table_insert(store->by_name, object->name, object);
    g_hash_table_insert(store->by_uuid, object->uuid, object);
    if (object->id >= 0)
        g_hash_table_insert(store->by_id, GINT_TO_POINTER(object->id), object);
    store->changes++;
}

void
store_remove(Store *store, StoreObject *object)
{
    if (!object->stored)
        return;
    object->stored = false;
    g_hash_table_remove(store->by_name, object->name);
    g_hash_table_remove(store->by_uuid, object->uuid);
    if (object->id >= 0)
        g_hash_table_remove(store->by_id, GINT_TO_POINTER(object->id));
    store->changes++;
    store_unref(store, object);
}

void
store_set_id(Store *store, StoreObject *object, int id)
{
    if (object->stored && object->id >= 0)
        g_hash_table_remove(store->by_id, GINT_TO_POINTER(object->id));
    object->id = id;
    if (object->stored && id >= 0)
        g_hash_table_insert(store->by_id, GINT_TO_POINTER(id), object);
    store->changes++;
}

void
store_changed(Store *store)
{
    store->changes++;
}

void
store_rename(Store *store, StoreObject *object, const char *name)
{
    if (object->stored)
        g_hash_table_remove(store->by_name, object->name);
    g_free(object->name);
    object->name = g_strdup(name);
    if (object->stored)
        g_hash_table_insert(store->by_name, object->name, object);
    store->changes++;
}

bool
store_reserve(Store *store, const char *name)
{
    return !store_by_name(store, name) && g_hash_table_add(store->reserved, g_strdup(name));
}

void
store_unreserve(Store *store, const char *name)
{
    g_hash_table_remove(store->reserved, name);
}

StoreObject *
store_by_name(const Store *store, const char *name)
{
    return g_hash_table_lookup(store->by_name, name);
}

StoreObject *
store_by_uuid(const Store *store, const uint8_t *uuid)
{
    return g_hash_table_lookup(store->by_uuid, uuid);
}

StoreObject *
store_by_id(const Store *store, int id)
{
    return id < 0 ? NULL : g_hash_table_lookup(store->by_id, GINT_TO_POINTER(id));
}

int
store_match(const Store *store, const char *kind, ErrorDomain domain, const char *name, const uint8_t *uuid,
            StoreObject **ret_object, Error *err)
{
    StoreObject *same_uuid = store_by_uuid(store, uuid), *same_name = store_by_name(store, name);
    char text[UUID_TEXT_SIZE];

    if (same_uuid && strcmp(same_uuid->name, name) != 0) {
        uuid_to_text(uuid, text);
        return error_setf(err, domain, ERR_OPERATION_FAILED, "%s '%s' is already defined with uuid %s", kind, same_uuid->name, text);
    }
    if (same_name && same_name != same_uuid) {
        uuid_to_text(same_name->uuid, text);
        return error_setf(err, domain, ERR_OPERATION_FAILED, "%s '%s' already exists with uuid %s", kind, name, text);
    }
    if (!same_uuid && g_hash_table_contains(store->reserved, name))
        return error_setf(err, domain, ERR_OPERATION_FAILED, "another %s is being renamed to '%s'", kind, name);
    *ret_object = same_uuid;
    return 0;
}

size_t
store_count(const Store *store)
{
    return g_hash_table_size(store->by_name);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(StoreObject *const *)a)->name, (*(StoreObject *const *)b)->name);
}

GPtrArray *
store_list(const Store *store)
{
    GPtrArray *list = g_ptr_array_sized_new((guint)store_count(store));
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, store->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        g_ptr_array_add(list, store_ref(object));
    g_ptr_array_sort(list, compare_names);
    return list;
}

void *
store_ref(void *object)
{
    ((StoreObject *)object)->references++;
    return object;
}

void
store_unref(Store *store, void *object)
{
    StoreObject *o = object;

    if (!o || --o->references > 0)
        return;
    g_assert(!o->stored);
    store->free(o);
}
