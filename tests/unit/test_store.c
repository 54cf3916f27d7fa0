/* Named objects: found while they are there, and names that are kept for a rename. */
#include "common/store/store.h"
#include "tests/unit/unit.h"

static Store store;

static void
free_object(StoreObject *object)
{
    g_free(object->name);
    g_free(object);
}

static int
set_up(void **state)
{
    store_init(&store, free_object);
    return 0;
}

static int
tear_down(void **state)
{
    store_done(&store);
    return 0;
}

static StoreObject *
add(const char *name, uint8_t uuid)
{
    StoreObject *object = g_new0(StoreObject, 1);

    *object = (StoreObject){ .references = 1, .id = -1, .name = g_strdup(name), .uuid = { uuid } };
    store_add(&store, object);
    store_unref(&store, object);
    return object;
}

static bool
is_free(const char *name, uint8_t first)
{
    _cleanup_error_ Error err = ERROR_INIT;
    const uint8_t uuid[UUID_SIZE] = { first };
    StoreObject *same;

    return store_match(&store, "thing", FROM_NONE, name, uuid, &same, &err) == 0 && !same;
}

static void
found_by_each(void **state)
{
    StoreObject *object = add("one", 1);

    store_set_id(&store, object, 7);
    assert_ptr_equal(store_by_name(&store, "one"), object);
    assert_ptr_equal(store_by_uuid(&store, object->uuid), object);
    assert_ptr_equal(store_by_id(&store, 7), object);
    assert_false(is_free("one", 2));
    assert_false(is_free("two", 1));
    assert_true(is_free("two", 2));
    store_remove(&store, object);
    assert_true(is_free("one", 1));
}

static void
a_kept_name_is_nobodys(void **state)
{
    StoreObject *object = add("old", 1);

    assert_false(store_reserve(&store, "old"));
    assert_true(store_reserve(&store, "new"));
    assert_false(store_reserve(&store, "new"));
    assert_false(is_free("new", 2));
    assert_null(store_by_name(&store, "new"));
    store_rename(&store, object, "new");
    store_unreserve(&store, "new");
    assert_ptr_equal(store_by_name(&store, "new"), object);
    assert_false(is_free("new", 2));
    assert_true(is_free("old", 2));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(found_by_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_kept_name_is_nobodys, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
