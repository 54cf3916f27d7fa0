/* Definitions in files, for tests of definitions: argv[1] is the folder fixtures. */
#pragma once

#include <glib.h>

#include "common/base/error.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *fixtures;

/* The text of a file of a folder of fixtures, owned by the caller. */
static inline char *
fixture_of(const char *folder, const char *file)
{
    g_autofree char *path = g_build_filename(fixtures, folder, file, NULL);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* Read a definition and write it (or a copy of it) again. name: of the file, or what the test gives. */
typedef int (*ReadDefinition)(const char *name, const char *text, bool copied, char **ret_text, Error *err);

/* All files of a folder come back to the byte, also by way of a copy. Returns how many there are. */
static inline unsigned
all_come_back(const char *folder, ReadDefinition read)
{
    g_autofree char *path = g_build_filename(fixtures, folder, NULL);
    GDir *dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;
    const char *file;

    assert_non_null(dir);
    while ((file = g_dir_read_name(dir))) {
        for (int copied = 0; copied < 2; copied++) {
            g_autofree char *text = fixture_of(folder, file), *out = NULL;
            _cleanup_error_ Error err = ERROR_INIT;

            if (read(file, text, copied, &out, &err) < 0)
                fail_msg("%s: %s", file, err.message);
            assert_string_equal(out, text);
        }
        n++;
    }
    g_dir_close(dir);
    return n;
}

/* A text that is refused: with which code and domain, and a part of the message. */
typedef struct Refusal {
    const char *text;
    ErrorCode code;
    ErrorDomain domain;
    const char *part;
} Refusal;

static inline void
refuse_all_by(ReadDefinition read, const char *name, const Refusal *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *out = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        if (read(name, table[i].text, false, &out, &err) == 0)
            fail_msg("accepted: %s", table[i].text);
        if (err.code != table[i].code || err.domain != table[i].domain || !strstr(err.message, table[i].part))
            fail_msg("%s: %d %d %s", table[i].text, err.code, err.domain, err.message);
    }
}

#define FIXTURE_TEST_MAIN(...) \
    int \
    main(int argc, char **argv) \
    { \
        const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
\
        if (argc != 2) \
            return 2; \
        fixtures = argv[1]; \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }
