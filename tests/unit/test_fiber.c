/* Fibers, jobs, queues, workers, children and durable files, all in one loop as a daemon has it. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fiber.h"
#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/job.h"
#include "common/base/process.h"
#include "common/base/undo.h"
#include "common/base/worker.h"
#include "tests/unit/unit.h"

static GString *trace;

static void
run_all(void)
{
    while (fiber_count() > 0)
        assert_int_equal(loop_run_once(LOOP_NEVER, NULL), 0);
}

static int
setup(void **state)
{
    trace = g_string_new(NULL);
    return loop_event() ? 0 : loop_init(NULL);
}

static int
teardown(void **state)
{
    g_string_free(trace, TRUE);
    return 0;
}

static void
job_sleeper(Job *job, void *data)
{
    assert_int_equal(job_sleep(job, GPOINTER_TO_SIZE(data) * USEC_PER_MSEC, NULL), 0);
    g_string_append_printf(trace, "%zu ", GPOINTER_TO_SIZE(data));
}

static void
sleeping_in_order(void **state)
{
    job_spawn("a", NULL, job_sleeper, GSIZE_TO_POINTER(400));
    job_spawn("b", NULL, job_sleeper, GSIZE_TO_POINTER(1));
    job_spawn("c", NULL, job_sleeper, GSIZE_TO_POINTER(200));
    run_all();
    assert_string_equal(trace->str, "1 200 400 ");
}

static void
job_forever(Job *job, void *data)
{
    Wait wait = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(job_wait(job, &wait, "nothing", LOOP_NEVER, &err), -1);
    g_string_append_printf(trace, "%d:%s ", err.code, err.message);
    error_done(&err);
    /* A cancelled job stays so, unless shielded. */
    assert_int_equal(job_sleep(job, 10, &err), -1);
    job_shield(job);
    assert_int_equal(job_sleep(job, 10, NULL), 0);
    job_unshield(job);
}

static void
cancelling(void **state)
{
    Job *job = job_spawn("forever", NULL, job_forever, NULL);

    loop_run_once(0, NULL);
    job_cancel(job, FROM_RPC, ERR_OPERATION_ABORTED, "gone");
    run_all();
    assert_string_equal(trace->str, "78:gone ");
}

static void
job_late(Job *job, void *data)
{
    Wait wait = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;

    job_set_deadline(job, 5 * USEC_PER_MSEC);
    assert_int_equal(job_wait(job, &wait, "the moon", LOOP_NEVER, &err), -1);
    assert_int_equal(err.code, ERR_OPERATION_TIMEOUT);
    assert_non_null(strstr(err.message, "the moon"));
}

static void
deadlines(void **state)
{
    job_spawn("late", NULL, job_late, NULL);
    run_all();
}

static JobQueue queue;

static void
job_queued(Job *job, void *data)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &queue, "domain 'x'", 400 * USEC_PER_MSEC, &err) < 0) {
        assert_non_null(strstr(err.message, "busy with 'first'"));
        g_string_append(trace, "timeout ");
        return;
    }
    assert_int_equal(job_acquire(job, &queue, "again", 0, NULL), 0);
    job_release(job, &queue);
    g_string_append_printf(trace, "%s ", job_name(job));
    assert_int_equal(job_sleep(job, GPOINTER_TO_SIZE(data) * USEC_PER_MSEC, NULL), 0);
    job_release(job, &queue);
}

static void
queue_is_fair(void **state)
{
    job_spawn("first", NULL, job_queued, GSIZE_TO_POINTER(2));
    job_spawn("second", NULL, job_queued, GSIZE_TO_POINTER(1));
    job_spawn("third", NULL, job_queued, GSIZE_TO_POINTER(1));
    run_all();
    assert_string_equal(trace->str, "first second third ");
    assert_false(job_queue_busy(&queue));
}

static void
queue_times_out(void **state)
{
    job_spawn("first", NULL, job_queued, GSIZE_TO_POINTER(1200));
    job_spawn("second", NULL, job_queued, GSIZE_TO_POINTER(1));
    run_all();
    assert_string_equal(trace->str, "first timeout ");
    assert_int_equal(queue.waiting, 0);
}

/* The name of what is waited for may go while somebody waits: a rename. */
static void
job_named(Job *job, void *data)
{
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(job_acquire(job, &queue, data, 20 * USEC_PER_MSEC, &err), -1);
    assert_non_null(strstr(err.message, "domain 'old'"));
    g_string_append(trace, "told ");
}

static void
job_renaming(Job *job, void *data)
{
    char *name = data;

    assert_int_equal(job_acquire(job, &queue, "domain 'x'", 0, NULL), 0);
    job_spawn("waiting", NULL, job_named, name);
    job_yield(job);
    memset(name, '!', strlen(name));
    g_free(name);
    assert_int_equal(job_sleep(job, 100 * USEC_PER_MSEC, NULL), 0);
    job_release(job, &queue);
}

static void
queue_keeps_the_name(void **state)
{
    job_spawn("renaming", NULL, job_renaming, g_strdup("domain 'old'"));
    run_all();
    assert_string_equal(trace->str, "told ");
}

static int
work_slow(void *data, Error *err)
{
    int *value = data;

    if (*value < 0)
        return error_setf(err, FROM_NONE, ERR_OPERATION_FAILED, "negative");
    g_usleep((gulong)*value * 1000);
    return *value;
}

static void
job_worker(Job *job, void *data)
{
    int *box = g_atomic_rc_box_new0(int);
    _cleanup_error_ Error err = ERROR_INIT;
    int r;

    *box = GPOINTER_TO_INT(data);
    r = worker_run(job, "work", work_slow, box, NULL, 100 * USEC_PER_MSEC, &err);
    g_string_append_printf(trace, "%d/%d ", r, err.code);
    g_atomic_rc_box_release(box);
}

static void
workers(void **state)
{
    job_spawn("w1", NULL, job_worker, GINT_TO_POINTER(3));
    run_all();
    job_spawn("w2", NULL, job_worker, GINT_TO_POINTER(-1));
    run_all();
    job_spawn("w3", NULL, job_worker, GINT_TO_POINTER(300)); /* gives up, the thread goes on */
    run_all();
    assert_string_equal(trace->str, "3/0 -1/9 -1/68 ");
    while (worker_busy() > 0)
        loop_run_once(LOOP_NEVER, NULL);
}

static void
job_child(Job *job, void *data)
{
    const char *const argv[] = { "/bin/sh", "-c", "cat; echo oops >&2; exit 3", NULL };
    const char *const missing[] = { "/nonexistent/program", NULL };
    const char *const slow[] = { "/bin/sleep", "100", NULL };
    ProcessSpec spec = { .argv = argv };
    ProcessOutput out = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(process_run(job, &spec, "hello", LOOP_NEVER, &out, &err), 0);
    assert_string_equal(out.out, "hello");
    assert_string_equal(out.err, "oops\n");
    assert_int_equal(WEXITSTATUS(out.status), 3);
    process_output_done(&out);
    assert_int_equal(process_check(job, &spec, NULL, LOOP_NEVER, &out, &err), -1);
    assert_non_null(strstr(err.message, "exit status 3: oops"));
    error_done(&err);
    spec.argv = missing;
    assert_int_equal(process_run(job, &spec, NULL, LOOP_NEVER, &out, &err), -1);
    assert_int_equal(err.int1, ENOENT);
    error_done(&err);
    spec.argv = slow;
    assert_int_equal(process_run(job, &spec, NULL, 20 * USEC_PER_MSEC, &out, &err), -1);
    assert_int_equal(err.code, ERR_OPERATION_TIMEOUT);
    g_string_append(trace, "done");
}

static void
children(void **state)
{
    job_spawn("child", NULL, job_child, NULL);
    run_all();
    assert_string_equal(trace->str, "done");
}

static char *directory;
static int fsyncs;

static void
count_fsync(const char *step, const char *path)
{
    if (strcmp(step, "fsync-directory") == 0)
        g_atomic_int_inc(&fsyncs);
}

static void
job_commit(Job *job, void *data)
{
    g_autofree char *path = g_strdup_printf("%s/%d", directory, GPOINTER_TO_INT(data));
    g_autofree char *content = NULL;

    assert_int_equal(file_commit_write(job, path, "one", 3, 0600, NULL), 0);
    assert_int_equal(file_commit_write(job, path, "two", 3, 0600, NULL), 0);
    assert_int_equal(file_read(path, 100, &content, NULL, NULL), 0);
    assert_string_equal(content, "two");
    assert_int_equal(file_read(path, 2, &content, NULL, NULL), -1);
    assert_int_equal(file_commit_unlink(job, path, NULL), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void
group_commit(void **state)
{
    directory = g_dir_make_tmp("virtd-XXXXXX", NULL);
    fault_hook = count_fsync;
    for (int i = 0; i < 20; i++)
        job_spawn("commit", NULL, job_commit, GINT_TO_POINTER(i));
    run_all();
    fault_hook = NULL;
    assert_true(fsyncs < 20); /* 60 changes, far fewer commits */
    assert_int_equal(g_rmdir(directory), 0);
    g_free(directory);
}

static void
undo_note(Job *job, void *data)
{
    assert_int_equal(job_sleep(job, 1, NULL), 0);
    g_string_append(trace, data);
}

static void
job_undo(Job *job, void *data)
{
    _cleanup_undo_ Undo undo = UNDO_INIT(job), kept = UNDO_INIT(job);

    undo_push(&undo, undo_note, (void *)"first ");
    undo_push(&undo, undo_note, (void *)"second ");
    undo_push(&kept, undo_note, (void *)"never ");
    undo_commit(&kept);
    job_cancel(job, FROM_NONE, ERR_OPERATION_ABORTED, "cancelled");
}

static void
undoing(void **state)
{
    job_spawn("undo", NULL, job_undo, NULL);
    run_all();
    assert_string_equal(trace->str, "second first ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sleeping_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling, setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_is_fair, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_keeps_the_name, setup, teardown),
        cmocka_unit_test_setup_teardown(workers, setup, teardown),
        cmocka_unit_test_setup_teardown(children, setup, teardown),
        cmocka_unit_test_setup_teardown(group_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(undoing, setup, teardown),
    };
    int r;

    signal(SIGPIPE, SIG_IGN);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    worker_pool_done();
    fiber_pool_trim();
    loop_done();
    return r;
}
