/* Errors and arenas: the first error wins; arena memory is zeroed, aligned and survives growth. */
#include "common/base/arena.h"
#include "common/base/error.h"
#include "tests/unit/unit.h"

#include <glib.h>
#include <string.h>

static void
first_error_wins(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(error_setf(&err, FROM_QEMU, ERR_NO_DOMAIN, "no domain '%s'", "a"), -1);
    error_setf(&err, FROM_NONE, ERR_INTERNAL_ERROR, "later");
    assert_int_equal(err.code, ERR_NO_DOMAIN);
    assert_string_equal(err.message, "no domain 'a'");
    error_prefixf(&err, "while starting");
    assert_string_equal(err.message, "while starting: no domain 'a'");
}

static void
arena_memory(void **state)
{
    char first[64];
    Arena arena;
    char *small, *big, *after;

    memset(first, 0xff, sizeof(first));
    arena_init(&arena, first, sizeof(first));
    small = arena_alloc(&arena, 7);
    assert_true(small >= first && small < first + sizeof(first));
    for (int i = 0; i < 7; i++)
        assert_int_equal(small[i], 0);
    big = arena_alloc(&arena, 100000);
    memset(big, 1, 100000);
    after = arena_strdup(&arena, "text");
    assert_int_equal((uintptr_t)after % 16, 0);
    assert_string_equal(after, "text");
    assert_string_equal(arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
    arena_done(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(arena_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
