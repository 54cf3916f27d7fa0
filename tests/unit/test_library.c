/* Libraries that are loaded when they are needed: what is said of one that is not there, or is another than was expected. */
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

#include "virtstoraged/backend/library.h"

static __typeof__(cos) *found;
static const LibrarySymbol there[] = { { "cos", &found } }, missing[] = { { "cos", &found }, { "no_such_function", &found } };

static void
one_that_is_there(void **state)
{
    Library library = { "libm.so.6", "libc6", there, 1, NULL };

    assert_int_equal(library_load(&library, NULL), 0);
    assert_true(found(0) == 1);
    assert_non_null(library.handle);
    assert_int_equal(library_load(&library, NULL), 0);
}

static void
one_that_is_not_installed(void **state)
{
    Library library = { "libnobodyhasit.so.1", "libnobodyhasit1", there, 1, NULL };
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(library_load(&library, &err), -1);
    assert_int_equal(err.code, ERR_NO_SUPPORT);
    assert_non_null(strstr(err.message, "libnobodyhasit1"));
    library.file = "libm.so.6"; /* as if it had been installed meanwhile */
    assert_int_equal(library_load(&library, NULL), 0);
}

static void
one_that_is_too_old(void **state)
{
    Library library = { "libm.so.6", "libc6", missing, 2, NULL };
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(library_load(&library, &err), -1);
    assert_non_null(strstr(err.message, "no_such_function"));
    assert_null(library.handle);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_there),
        cmocka_unit_test(one_that_is_not_installed),
        cmocka_unit_test(one_that_is_too_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
