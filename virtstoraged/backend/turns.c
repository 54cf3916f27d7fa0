#include "virtstoraged/backend/turns.h"

#include <glib.h>

typedef struct Turns {
    char *pool;
    JobQueue queues[TURNS_MAX];
    unsigned lost;  /* how many calls were */
    unsigned users; /* calls that have a turn or wait for one; the last frees this */
} Turns;

static GHashTable *all; /* name of a pool -> Turns */

static Turns *
enter(const char *pool)
{
    Turns *turns;

    if (!all)
        all = g_hash_table_new(g_str_hash, g_str_equal);
    turns = g_hash_table_lookup(all, pool);
    if (!turns) {
        turns = g_new0(Turns, 1);
        turns->pool = g_strdup(pool);
        g_hash_table_insert(all, turns->pool, turns);
    }
    turns->users++;
    return turns;
}

static void
leave(Turns *turns)
{
    if (--turns->users > 0)
        return;
    g_hash_table_remove(all, turns->pool);
    g_free(turns->pool);
    g_free(turns);
}

static JobQueue *
shortest(Turns *turns, bool is_long)
{
    JobQueue *best = &turns->queues[0];

    for (size_t i = 0; i < (is_long ? TURNS_MAX / 2 : TURNS_MAX); i++) {
        JobQueue *queue = &turns->queues[i];

        if (!job_queue_busy(queue))
            return queue;
        best = queue->waiting < best->waiting ? queue : best;
    }
    return best;
}

int
turn_begin(Job *job, const char *pool, bool is_long, Turn *ret, Error *err)
{
    Turn turn = { .turns = enter(pool) };
    unsigned lost = turn.turns->lost;

    turn.queue = shortest(turn.turns, is_long);
    if (job_acquire(job, turn.queue, pool, LOOP_NEVER, err) < 0) {
        leave(turn.turns);
        return -1;
    }
    if (turn.turns->lost != lost) {
        turn_end(job, &turn, false);
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_TIMEOUT, "the server of storage pool '%s' did not answer a call before this one", pool);
    }
    *ret = turn;
    return 0;
}

void
turn_end(Job *job, Turn *turn, bool lost)
{
    turn->turns->lost += lost;
    job_release(job, turn->queue);
    leave(turn->turns);
}
