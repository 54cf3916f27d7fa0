/* The capabilities of the real QEMU binary, probed once, then from memory and from disk; a broken binary is reported. */
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "common/base/fiber.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "tests/unit/unit.h"
#include "virtqemud/caps/qemucaps.h"

static char *directory;

static void
run_job(JobFn fn)
{
    job_spawn("test", NULL, fn, NULL);
    while (fiber_count() > 0)
        assert_int_equal(loop_run_once(LOOP_NEVER, NULL), 0);
}

static void
probe_real(Job *job, void *data)
{
    const char *binary = qemu_caps_find_binary("x86_64");
    g_autoptr(QemuCaps) caps = NULL, again = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    const QemuMachine *pc, *q35;

    if (qemu_caps_get(job, binary, &caps, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(caps->version >= 7002000);
    assert_string_equal(caps->arch, "x86_64");
    pc = qemu_caps_machine(caps, QEMU_ACCEL_TCG, NULL);
    q35 = qemu_caps_machine(caps, QEMU_ACCEL_TCG, "q35");
    assert_string_equal(pc->alias, "pc");
    assert_true(g_str_has_prefix(q35->name, "pc-q35-"));
    assert_true(qemu_caps_has_type(caps, "virtio-blk-pci"));
    assert_true(qemu_caps_has_command(caps, "device_add"));
    assert_true(caps->accel[QEMU_ACCEL_TCG].cpus->len > 10);
    assert_int_equal(qemu_caps_get(job, binary, &again, NULL), 0);
    assert_ptr_equal(caps, again);
}

static void
probe_broken(Job *job, void *data)
{
    g_autofree char *path = g_build_filename(directory, "qemu-broken", NULL);
    _cleanup_error_ Error err = ERROR_INIT;
    QemuCaps *caps = NULL;

    g_file_set_contents(path, "#!/bin/sh\necho 'the disk is made of cheese' >&2\nexit 1\n", -1, NULL);
    g_chmod(path, 0755);
    assert_int_equal(qemu_caps_get(job, path, &caps, &err), -1);
    assert_non_null(strstr(err.message, "made of cheese"));
    error_done(&err);
    assert_int_equal(qemu_caps_get(job, "/nonexistent/qemu", &caps, &err), -1);
    assert_non_null(strstr(err.message, "/nonexistent/qemu"));
    g_unlink(path);
}

static void
real_binary(void **state)
{
    if (!qemu_caps_find_binary("x86_64"))
        skip();
    qemu_caps_init(directory, (uid_t)-1, (gid_t)-1, NULL);
    run_job(probe_real);
    qemu_caps_exit();
    /* A new life reads the copy on disk. */
    qemu_caps_init(directory, (uid_t)-1, (gid_t)-1, NULL);
    run_job(probe_real);
    qemu_caps_exit();
}

static void
broken_binary(void **state)
{
    qemu_caps_init(directory, (uid_t)-1, (gid_t)-1, NULL);
    run_job(probe_broken);
    qemu_caps_exit();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_binary),
        cmocka_unit_test(broken_binary),
    };
    g_autofree char *remove = NULL;
    int r;

    signal(SIGPIPE, SIG_IGN);
    directory = g_dir_make_tmp("virtd-XXXXXX", NULL);
    loop_init(NULL);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    remove = g_strdup_printf("%s/capabilities", directory);
    file_sweep(remove);
    worker_pool_done();
    fiber_pool_trim();
    loop_done();
    g_free(directory);
    return r;
}
