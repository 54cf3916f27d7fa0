/* Dying at every step of a durable change leaves the old file or the new one, and leftovers that a sweep removes. */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fiber.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "tests/unit/unit.h"

static char *directory, *path;
static int die_at; /* which step from now on */

static void
die_in_time(const char *step, const char *at)
{
    if (--die_at == 0)
        _exit(99); /* as kill -9 would: nothing is cleaned up */
}

typedef int (*Change)(Job *job, Error *err);

static int
write_new(Job *job, Error *err)
{
    return file_commit_write(job, path, "new", 3, 0600, err);
}

static int
remove_it(Job *job, Error *err)
{
    return file_commit_unlink(job, path, err);
}

static int
link_it(Job *job, Error *err)
{
    return file_commit_symlink(job, "elsewhere", path, err);
}

static void
run_change(Job *job, void *data)
{
    _exit(((Change)data)(job, NULL) == 0 ? 0 : 1);
}

/* In a child that dies at the step; true when it got through instead. */
static bool
survives(Change change, int step)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        die_at = step;
        file_fault_hook = die_in_time;
        signal(SIGPIPE, SIG_IGN);
        if (loop_init(NULL) < 0)
            _exit(2);
        job_spawn("change", NULL, run_change, (void *)change);
        for (;;)
            loop_run_once(LOOP_NEVER, NULL);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 99);
    return WEXITSTATUS(status) == 0;
}

static void
reset(void)
{
    g_unlink(path);
    assert_true(g_file_set_contents(path, "old", 3, NULL));
}

/* "old", "new", "link", or NULL when there is no file; anything else would be a half. */
static const char *
state(void)
{
    g_autofree char *text = NULL, *target = g_file_read_link(path, NULL);

    if (target)
        return strcmp(target, "elsewhere") == 0 ? "link" : "broken";
    if (file_read(path, 100, &text, NULL, NULL) < 0)
        return NULL;
    return strcmp(text, "old") == 0 ? "old" : strcmp(text, "new") == 0 ? "new" : "broken";
}

static void
at_every_step(Change change, const char *after)
{
    int step = 1;

    for (;; step++) {
        bool through;

        reset();
        through = survives(change, step);
        if (g_strcmp0(state(), "old") != 0)
            assert_string_equal(state() ? state() : "gone", after);
        file_sweep(directory);
        {
            g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
            const char *name;

            while ((name = g_dir_read_name(dir)))
                assert_string_equal(name, "file");
        }
        if (!through)
            continue;
        assert_string_equal(state() ? state() : "gone", after);
        break;
    }
    assert_true(step > 2); /* there were steps to die at */
}

static void
writing(void **unused)
{
    at_every_step(write_new, "new");
}

static void
removing(void **unused)
{
    at_every_step(remove_it, "gone");
}

static void
linking(void **unused)
{
    at_every_step(link_it, "link");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing),
        cmocka_unit_test(removing),
        cmocka_unit_test(linking),
    };
    int r;

    directory = g_dir_make_tmp("virtd-XXXXXX", NULL);
    path = g_build_filename(directory, "file", NULL);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    g_unlink(path);
    g_rmdir(directory);
    g_free(path);
    g_free(directory);
    return r;
}
