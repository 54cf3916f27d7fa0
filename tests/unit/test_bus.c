/* A system bus that takes connections and says nothing: a call over it ends when its time is up, not when sd-bus gives up. */
#include "common/host/bus.h"
#include "tests/unit/unit.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/fiber.h"
#include "common/base/file.h"

typedef struct Call {
    sd_bus *bus;
    int result;
    Error err;
} Call;

static void
ask(Job *job, void *data)
{
    _cleanup_message_ sd_bus_message *message = NULL, *answer = NULL;
    Call *call = data;

    assert_true(sd_bus_message_new_method_call(call->bus, &message, "org.example", "/", "org.example", "Question") >= 0);
    call->result = bus_call(job, call->bus, message, "an answer", 20 * USEC_PER_MSEC, &answer, FROM_NONE, &call->err);
}

static void
silent_bus(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("virtd-bus-XXXXXX", NULL), *path = g_build_filename(dir, "s", NULL);
    g_autofree char *address = g_strdup_printf("unix:path=%s", path);
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    Call call = { .err = ERROR_INIT };

    g_strlcpy(name.sun_path, path, sizeof(name.sun_path));
    assert_true(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 1) == 0);
    setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
    assert_int_equal(bus_open_system(&call.bus, FROM_NONE, &call.err), 0);
    job_spawn("question", NULL, ask, &call);
    while (fiber_count() > 0)
        assert_int_equal(loop_run_once(LOOP_NEVER, NULL), 0);
    assert_int_equal(call.result, -1);
    assert_non_null(strstr(call.err.message, "gave up waiting for an answer"));
    error_done(&call.err);
    bus_close(&call.bus);
    unlink(path);
    rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(silent_bus) };

    int r;

    if (loop_init(NULL) < 0)
        return 1;
    r = cmocka_run_group_tests(tests, NULL, NULL);
    fiber_pool_trim();
    loop_done();
    return r;
}
