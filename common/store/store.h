/*
 * Named objects in memory: found by name, UUID and (when active) id.
 *
 * The object structure begins with a StoreObject. The store holds one reference of each object in it; an object that was
 * removed stays valid for whoever else holds one. Not thread-safe; nothing here suspends.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/uuid.h"

typedef struct StoreObject {
    unsigned references;
    bool stored; /* is in the store */
    int id;      /* -1 when inactive */
    uint8_t uuid[UUID_SIZE];
    char *name;
} StoreObject;

typedef struct Store {
    GHashTable *by_name, *by_uuid, *by_id;
    void (*free)(StoreObject *object); /* of the last reference: releases name too */
    GHashTable *reserved;              /* names about to be given to objects */
    uint64_t changes;                  /* grows with every change of what lists show: add, remove, id, name, store_changed() */
} Store;

void store_init(Store *store, void (*free_object)(StoreObject *object));
void store_done(Store *store);

/* Name and UUID are set and not in use. Takes no reference away from the caller. */
void store_add(Store *store, StoreObject *object);
void store_remove(Store *store, StoreObject *object);
void store_set_id(Store *store, StoreObject *object, int id); /* -1: inactive */
void store_changed(Store *store); /* something else that lists show is different */
void store_rename(Store *store, StoreObject *object, const char *name);

/*
 * Keep a name that nobody has for an object that is about to be renamed: until store_unreserve() nobody else gets it. false: it is an
 * object's, or kept for another one.
 */
bool store_reserve(Store *store, const char *name);
void store_unreserve(Store *store, const char *name);

/* Borrowed; NULL when there is none. */
StoreObject *store_by_name(const Store *store, const char *name);
StoreObject *store_by_uuid(const Store *store, const uint8_t *uuid);
StoreObject *store_by_id(const Store *store, int id);
/*
 * The object a new definition of this name and UUID is about; NULL for a new one. -1 with ERR_OPERATION_FAILED when the
 * name is one object's and the UUID another's, or the name is reserved. kind is for the error: "domain".
 */
int store_match(const Store *store, const char *kind, ErrorDomain domain, const char *name, const uint8_t *uuid,
                StoreObject **ret_object, Error *err);
size_t store_count(const Store *store);

/* All objects, sorted by name, each with a reference: safe to walk while objects come and go. */
GPtrArray *store_list(const Store *store);

void *store_ref(void *object);
void store_unref(Store *store, void *object); /* NULL is fine */
