#include "virtstoraged/volume/wipe.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/fault.h"
#include "common/base/worker.h"
#include "protocol/constants.h"

#define BLOCK (1024 * 1024)
#define STEP (32 * 1024 * 1024) /* bytes between two looks at whether to go on */
#define STEP_TIMEOUT (15 * 60 * USEC_PER_SEC)

typedef enum Fill { FILL_END = 0, FILL_BYTES, FILL_RANDOM, FILL_VERIFY, FILL_TRIM } Fill;

/* One pass: three bytes again and again (one byte is written three times here), or what its kind says. */
typedef struct Pass {
    Fill fill;
    uint8_t bytes[3];
} Pass;

#define BYTE(b) { FILL_BYTES, { b, b, b } }
#define THREE(a, b, c) { FILL_BYTES, { a, b, c } }
#define RANDOM { FILL_RANDOM, { 0 } }
#define RANDOM_4 RANDOM, RANDOM, RANDOM, RANDOM
#define RANDOM_8 RANDOM_4, RANDOM_4
#define VERIFY { FILL_VERIFY, { 0 } } /* what the last pass wrote is there */
#define PASSES_MAX 36

static const struct { const char *name; Pass passes[PASSES_MAX]; } algorithms[VIR_STORAGE_VOL_WIPE_ALG_LAST] = {
    [VIR_STORAGE_VOL_WIPE_ALG_ZERO] = { "zero", { BYTE(0) } },
    /* NNSA Policy Letter NAP-14.1-C */
    [VIR_STORAGE_VOL_WIPE_ALG_NNSA] = { "nnsa", { RANDOM, RANDOM, BYTE(0), VERIFY } },
    /* DoD 5220.22-M, section 8-306 */
    [VIR_STORAGE_VOL_WIPE_ALG_DOD] = { "dod", { RANDOM, BYTE(0), BYTE(0xff), VERIFY } },
    /* German Federal Office for Information Security */
    [VIR_STORAGE_VOL_WIPE_ALG_BSI] = { "bsi", { BYTE(0xff), BYTE(0xfe), BYTE(0xfd), BYTE(0xfb), BYTE(0xf7), BYTE(0xef), BYTE(0xdf), BYTE(0xbf),
                                                BYTE(0x7f) } },
    /* Peter Gutmann, Secure Deletion of Data from Magnetic and Solid-State Memory, 1996: its table */
    [VIR_STORAGE_VOL_WIPE_ALG_GUTMANN] = { "gutmann", {
        RANDOM_4, BYTE(0x55), BYTE(0xaa), THREE(0x92, 0x49, 0x24), THREE(0x49, 0x24, 0x92), THREE(0x24, 0x92, 0x49), BYTE(0x00), BYTE(0x11),
        BYTE(0x22), BYTE(0x33), BYTE(0x44), BYTE(0x55), BYTE(0x66), BYTE(0x77), BYTE(0x88), BYTE(0x99), BYTE(0xaa), BYTE(0xbb), BYTE(0xcc),
        BYTE(0xdd), BYTE(0xee), BYTE(0xff), THREE(0x92, 0x49, 0x24), THREE(0x49, 0x24, 0x92), THREE(0x24, 0x92, 0x49), THREE(0x6d, 0xb6, 0xdb),
        THREE(0xb6, 0xdb, 0x6d), THREE(0xdb, 0x6d, 0xb6), RANDOM_4 } },
    /* Bruce Schneier, Applied Cryptography, 1996 */
    [VIR_STORAGE_VOL_WIPE_ALG_SCHNEIER] = { "schneier", { BYTE(0xff), BYTE(0x00), RANDOM_4, RANDOM } },
    /* Roy Pfitzner */
    [VIR_STORAGE_VOL_WIPE_ALG_PFITZNER7] = { "pfitzner7", { RANDOM_4, RANDOM, RANDOM, RANDOM } },
    [VIR_STORAGE_VOL_WIPE_ALG_PFITZNER33] = { "pfitzner33", { RANDOM_8, RANDOM_8, RANDOM_8, RANDOM_8, RANDOM } },
    [VIR_STORAGE_VOL_WIPE_ALG_RANDOM] = { "random", { RANDOM } },
    [VIR_STORAGE_VOL_WIPE_ALG_TRIM] = { "trim", { { FILL_TRIM, { 0 } } } },
};

/* Shared by the job and its workers. */
typedef struct Wipe {
    Content *content;
    const Pass *pass;
    uint64_t at, end;
    uint8_t *buffer, *expected; /* BLOCK bytes and two more, so that three-byte patterns can begin anywhere */
} Wipe;

static void
clear(gpointer data)
{
    Wipe *wipe = data;

    content_release(wipe->content); /* never the last one on the loop: the caller has his */
    g_free(wipe->buffer);
    g_free(wipe->expected);
}

int
wipe_check(unsigned algorithm, Error *err)
{
    if (algorithm >= VIR_STORAGE_VOL_WIPE_ALG_LAST)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "wiping algorithm %u not supported", algorithm);
    return 0;
}

static int
random_bytes(uint8_t *buffer, size_t size, Error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom(buffer + done, size - done, 0);

        if (n < 0)
            return error_set_errno(err, FROM_STORAGE, errno, "no random bytes");
        done += (size_t)n;
    }
    return 0;
}

static void
pattern(uint8_t *buffer, const Pass *pass)
{
    for (size_t i = 0; i < BLOCK + 2; i++)
        buffer[i] = pass->bytes[i % 3];
}

static int
verify(Wipe *wipe, size_t size, size_t phase, Error *err)
{
    ssize_t n = wipe->content->ops->read(wipe->content, wipe->buffer, size, wipe->at, err);

    if (n < 0)
        return -1;
    if ((size_t)n != size || memcmp(wipe->buffer, wipe->expected + phase, size) != 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "'%s' does not hold at byte %llu what was written there", wipe->content->name,
                          (unsigned long long)wipe->at);
    return 0;
}

static int
block(Wipe *wipe, size_t size, Error *err)
{
    size_t phase = wipe->at % 3;

    switch (wipe->pass->fill) {
    case FILL_RANDOM:
        if (random_bytes(wipe->buffer, size, err) < 0)
            return -1;
        return wipe->content->ops->write(wipe->content, wipe->buffer, size, wipe->at, err);
    case FILL_TRIM:
        return wipe->content->ops->zero(wipe->content, wipe->at, size, err);
    case FILL_VERIFY:
        return verify(wipe, size, phase, err);
    case FILL_BYTES:
    case FILL_END:
        break;
    }
    return wipe->content->ops->write(wipe->content, wipe->expected + phase, size, wipe->at, err);
}

static int
skip_hole(Wipe *wipe, Error *err)
{
    uint64_t hole = 0;

    if (wipe->content->ops->find_hole && wipe->content->ops->find_hole(wipe->content, wipe->at, &hole, err) < 0)
        return -1;
    wipe->at += MIN(hole, wipe->end - wipe->at);
    return 0;
}

static int
step(void *data, Error *err)
{
    Wipe *wipe = data;
    uint64_t stop = wipe->end - wipe->at > STEP ? wipe->at + STEP : wipe->end;

    while (wipe->at < stop) {
        uint64_t size;

        if (skip_hole(wipe, err) < 0)
            return -1;
        /* Storage gives back whole pieces only, which may be larger than a block. */
        size = MIN(wipe->end - wipe->at, wipe->pass->fill == FILL_TRIM ? (uint64_t)STEP : (uint64_t)BLOCK);
        if (size > 0 && block(wipe, (size_t)size, err) < 0)
            return -1;
        wipe->at += size;
    }
    return 0;
}

static int
sync_content(void *data, Error *err)
{
    const Wipe *wipe = data;

    return wipe->content->ops->sync ? wipe->content->ops->sync(wipe->content, err) : 0;
}

static int
one_pass(Job *job, Wipe *wipe, uint64_t before, uint64_t all, Error *err)
{
    if (wipe->pass->fill == FILL_BYTES)
        pattern(wipe->expected, wipe->pass);
    fault_point("wipe-pass", wipe->content->name);
    for (wipe->at = 0; wipe->at < wipe->end;) {
        if (worker_run(job, "wiping a volume", step, wipe, clear, STEP_TIMEOUT, err) < 0)
            return -1;
        job_set_progress(job, before + wipe->at, all);
    }
    return worker_run(job, "syncing a volume", sync_content, wipe, clear, STEP_TIMEOUT, err);
}

int
wipe_content(Job *job, Content *content, unsigned algorithm, Error *err)
{
    const Pass *passes;
    Wipe *wipe;
    unsigned n = 0;
    int r = 0;

    if (wipe_check(algorithm, err) < 0)
        return -1;
    passes = algorithms[algorithm].passes;
    while (passes[n].fill)
        n++;
    wipe = g_atomic_rc_box_new0(Wipe);
    wipe->content = content_ref(content);
    wipe->end = content->size;
    wipe->buffer = g_malloc(BLOCK + 2);
    wipe->expected = g_malloc0(BLOCK + 2);
    for (unsigned i = 0; i < n && r == 0; i++) {
        wipe->pass = &passes[i];
        r = one_pass(job, wipe, i * wipe->end, n * wipe->end, err);
    }
    g_atomic_rc_box_release_full(wipe, clear);
    return r;
}
