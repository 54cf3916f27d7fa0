/* Turns of calls to servers: how many are inside at once, that long ones leave room for short ones, and what a lost call ends. */
#include "tests/unit/unit.h"

#include <glib.h>
#include <string.h>

#include "common/base/fiber.h"
#include "virtstoraged/backend/turns.h"

static struct { unsigned inside, most, ended, refused; } seen;
static Wait *waits[16]; /* of those inside */
static unsigned n_waits;

typedef struct Kind { const char *pool; bool is_long, lost; } Kind;

static void
call(Job *job, void *data)
{
    const Kind *kind = data;
    _cleanup_error_ Error err = ERROR_INIT;
    Wait wait = { 0 };
    Turn turn;

    if (turn_begin(job, kind->pool, kind->is_long, &turn, &err) < 0) {
        assert_int_equal(err.code, ERR_OPERATION_TIMEOUT);
        seen.refused++;
        return;
    }
    seen.inside++;
    seen.most = MAX(seen.most, seen.inside);
    waits[n_waits++] = &wait;
    assert_int_equal(job_wait(job, &wait, "the server", LOOP_NEVER, NULL), 0);
    seen.inside--;
    seen.ended++;
    turn_end(job, &turn, kind->lost);
}

static void
spawn(const Kind *kind, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        job_spawn("call", NULL, call, (void *)kind);
    while (loop_run_once(0, NULL) == 0 && seen.inside < MIN(n, TURNS_MAX))
        continue;
}

/* The servers answer, again and again. */
static void
answer_all(void)
{
    while (fiber_count() > 0) {
        unsigned n = n_waits;

        n_waits = 0;
        for (unsigned i = 0; i < n; i++)
            wait_done(waits[i], 0);
        assert_int_equal(loop_run_once(0, NULL), 0);
    }
}

static int
setup(void **state)
{
    memset(&seen, 0, sizeof(seen));
    n_waits = 0;
    return loop_event() ? 0 : loop_init(NULL);
}

static void
some_at_once_and_all_in_the_end(void **state)
{
    static const Kind kind = { "p", false, false };

    spawn(&kind, 10);
    assert_int_equal(seen.inside, TURNS_MAX);
    answer_all();
    assert_int_equal(seen.most, TURNS_MAX);
    assert_int_equal(seen.ended, 10);
    assert_int_equal(seen.refused, 0);
}

static void
one_that_is_lost_ends_the_waiting(void **state)
{
    static const Kind kind = { "p", false, true }, fine = { "p", false, false };

    spawn(&kind, 10);
    answer_all();
    assert_int_equal(seen.ended, TURNS_MAX);
    assert_int_equal(seen.refused, 10 - TURNS_MAX);
    spawn(&fine, 1); /* who comes later tries for himself */
    answer_all();
    assert_int_equal(seen.ended, TURNS_MAX + 1);
}

static void
pools_have_their_own(void **state)
{
    static const Kind slow = { "slow", true, false }, brief = { "slow", false, false }, other = { "other", false, false };

    for (int i = 0; i < 8; i++)
        job_spawn("call", NULL, call, (void *)&slow);
    for (int i = 0; i < 50; i++)
        loop_run_once(0, NULL);
    assert_int_equal(seen.inside, TURNS_MAX / 2);
    job_spawn("call", NULL, call, (void *)&brief);
    job_spawn("call", NULL, call, (void *)&other);
    for (int i = 0; i < 50; i++)
        loop_run_once(0, NULL);
    assert_int_equal(seen.inside, TURNS_MAX / 2 + 2);
    answer_all();
    assert_int_equal(seen.ended, 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(some_at_once_and_all_in_the_end, setup),
        cmocka_unit_test_setup(one_that_is_lost_ends_the_waiting, setup),
        cmocka_unit_test_setup(pools_have_their_own, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
