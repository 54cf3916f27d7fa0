/* Dying at every step of a durable change leaves the old file or the new one, and leftovers that a sweep removes. */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fiber.h"
#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "tests/unit/unit.h"

static char *directory, *path, *journal;
static bool with_journal;
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
        fault_hook = die_in_time;
        signal(SIGPIPE, SIG_IGN);
        if (loop_init(NULL) < 0 || (with_journal && file_journal_open(journal, "this boot", NULL) < 0))
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
                if (strcmp(name, "journal") != 0)
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

/* The same with a journal: fewer syncs, and nothing else is different from outside. */
static void
with_a_journal(void **unused)
{
    with_journal = true;
    at_every_step(write_new, "new");
    at_every_step(remove_it, "gone");
    at_every_step(link_it, "link");
    with_journal = false;
}

static void
open_journal_after(const char *boot)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(loop_init(NULL) == 0 && file_journal_open(journal, boot, NULL) == 0 ? 0 : 1);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* What was answered as done is done again when the machine was switched off before the files were synced. */
static void
replaying(void **unused)
{
    g_unlink(journal);
    with_journal = true;
    reset();
    assert_true(survives(write_new, 1000));
    reset(); /* as if the disk had never seen it */
    open_journal_after("this boot");
    assert_string_equal(state(), "old"); /* the machine went on: the kernel had it */
    assert_true(survives(write_new, 1000));
    reset();
    open_journal_after("next boot");
    assert_string_equal(state(), "new");
    /* Once is enough: what is changed after that is not touched. */
    reset();
    open_journal_after("the boot after");
    assert_string_equal(state(), "old");
    with_journal = false;
}

/* A record that was torn, and garbage, end the journal; they are never made true. */
static void
damaged_journal(void **unused)
{
    g_autofree char *content = NULL;
    gsize size;

    g_unlink(journal);
    with_journal = true;
    reset();
    assert_true(survives(write_new, 1000));
    reset();
    assert_true(g_file_get_contents(journal, &content, &size, NULL));
    content[512 + 60] ^= 1;
    assert_true(g_file_set_contents(journal, content, (gssize)size, NULL));
    open_journal_after("next boot");
    assert_string_equal(state(), "old");
    assert_true(g_file_set_contents(journal, "garbage", 7, NULL));
    open_journal_after("next boot");
    assert_string_equal(state(), "old");
    with_journal = false;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing),
        cmocka_unit_test(removing),
        cmocka_unit_test(linking),
        cmocka_unit_test(with_a_journal),
        cmocka_unit_test(replaying),
        cmocka_unit_test(damaged_journal),
    };
    int r;

    directory = g_dir_make_tmp("virtd-XXXXXX", NULL);
    path = g_build_filename(directory, "file", NULL);
    journal = g_build_filename(directory, "journal", NULL);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    g_unlink(path);
    g_unlink(journal);
    g_free(journal);
    g_rmdir(directory);
    g_free(path);
    g_free(directory);
    return r;
}
