#include "virtstoraged/pool/unfinished.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/uuid.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/volume/refresh.h"
#include "virtstoraged/volume/wipe.h"

#define LOG_SOURCE "storage.unfinished"
#include "common/base/log.h"

#define RECORD "unfinished"

static const char *const kind_names[] = { "build", "make", "wipe", "delete" };

/* UUID.KIND[.NAME]; names of volumes may be anything, so it is their digest. */
static char *
path_of(const Pool *pool, UnfinishedKind kind, const char *volume)
{
    g_autofree char *digest = volume ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, volume, -1) : NULL;
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(pool->base.uuid, uuid);
    return g_strdup_printf("%s/%s.%s%s%s", pool->driver->unfinished_dir, uuid, kind_names[kind], digest ? "." : "", digest ? digest : "");
}

static int
write_record(Job *job, const Pool *pool, UnfinishedKind kind, const char *volume, GKeyFile *record, Error *err)
{
    g_autofree char *path = path_of(pool, kind, volume), *text = NULL;
    gsize size;

    text = g_key_file_to_data(record, &size, NULL);
    if (file_mkdirs(pool->driver->unfinished_dir, 0700, err) < 0 || file_commit_write(job, path, text, size, 0600, err) < 0)
        return error_prefixf(err, "cannot note that %s is about to be changed", pool->label);
    return 0;
}

int
unfinished_begin(Job *job, const Pool *pool, UnfinishedKind kind, const char *volume, unsigned value, Error *err)
{
    g_autoptr(GKeyFile) record = g_key_file_new();

    if (volume)
        g_key_file_set_string(record, RECORD, "volume", volume);
    g_key_file_set_uint64(record, RECORD, "value", value);
    return write_record(job, pool, kind, volume, record, err);
}

int
unfinished_note(Job *job, const Pool *pool, UnfinishedKind kind, const char *note, Error *err)
{
    g_autoptr(GKeyFile) record = g_key_file_new();

    g_key_file_set_string(record, RECORD, "note", note);
    return write_record(job, pool, kind, NULL, record, err);
}

char *
unfinished_noted(const Pool *pool, UnfinishedKind kind)
{
    g_autofree char *path = path_of(pool, kind, NULL);
    g_autoptr(GKeyFile) record = g_key_file_new();
    char *note;

    if (!unfinished_known(pool, kind, NULL))
        return NULL;
    note = g_key_file_load_from_file(record, path, G_KEY_FILE_NONE, NULL) ? g_key_file_get_string(record, RECORD, "note", NULL) : NULL;
    return note ? note : g_strdup("");
}

void
unfinished_end(Job *job, const Pool *pool, UnfinishedKind kind, const char *volume)
{
    g_autofree char *path = path_of(pool, kind, volume);
    _cleanup_error_ Error err = ERROR_INIT;

    job_shield(job);
    if (file_commit_unlink(job, path, &err) < 0)
        log_error("%s", err.message);
    job_unshield(job);
}

bool
unfinished_known(const Pool *pool, UnfinishedKind kind, const char *volume)
{
    g_autofree char *path = path_of(pool, kind, volume);

    return access(path, F_OK) == 0;
}

/* --- after a restart --- */

typedef struct Record {
    UnfinishedKind kind;
    char *volume; /* NULL: none */
    unsigned value;
} Record;

static void
record_free(gpointer data)
{
    g_free(((Record *)data)->volume);
    g_free(data);
}

/* What a file says; NULL: it is none of the pool's, or makes no sense. */
static Record *
read_record(const Pool *pool, const char *file)
{
    g_autofree char *path = g_build_filename(pool->driver->unfinished_dir, file, NULL);
    g_autoptr(GKeyFile) keys = g_key_file_new();
    char uuid[UUID_TEXT_SIZE];
    const char *kind = file + UUID_TEXT_SIZE; /* behind the point */
    Record *record;

    uuid_to_text(pool->base.uuid, uuid);
    if (!g_str_has_prefix(file, uuid) || file[strlen(uuid)] != '.' || !g_key_file_load_from_file(keys, path, G_KEY_FILE_NONE, NULL))
        return NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(kind_names); i++) {
        if (!g_str_has_prefix(kind, kind_names[i]))
            continue;
        record = g_new0(Record, 1);
        *record = (Record){ i, g_key_file_get_string(keys, RECORD, "volume", NULL), (unsigned)g_key_file_get_uint64(keys, RECORD, "value", NULL) };
        return record;
    }
    return NULL;
}

static GPtrArray *
records_of(const Pool *pool)
{
    GPtrArray *records = g_ptr_array_new_with_free_func(record_free);
    g_autoptr(GDir) dir = g_dir_open(pool->driver->unfinished_dir, 0, NULL);
    const char *file;

    while (dir && (file = g_dir_read_name(dir))) {
        Record *record = strlen(file) > UUID_TEXT_SIZE ? read_record(pool, file) : NULL;

        if (record)
            g_ptr_array_add(records, record);
    }
    return records;
}

typedef struct Wiping {
    Volume *volume;
    unsigned algorithm;
} Wiping;

static void
wipe_job(Job *job, void *data)
{
    g_autofree Wiping *wiping = data;
    g_autoptr(Volume) volume = wiping->volume;
    Pool *pool = volume->pool;
    _cleanup_error_ Error err = ERROR_INIT;

    job_set_lane(job, pool->lane);
    if (job_acquire(job, &volume->queue, volume->label, LOOP_NEVER, NULL) < 0)
        return;
    volume->in_use++;
    pool->working++;
    if (volume->stored && (pool_check_stays(pool, &err) < 0 || volume_wipe(job, volume, wiping->algorithm, &err) < 0))
        log_error("%s is wiped in part only: %s", volume->label, err.message);
    volume->in_use--;
    pool->working--;
    job_release(job, &volume->queue);
}

static void
resume(Job *job, Pool *pool, const Record *record)
{
    Volume *known = record->volume ? g_hash_table_lookup(pool->volumes.by_name, record->volume) : NULL;
    g_autoptr(Volume) volume = known ? volume_ref(known) : NULL;
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);
    g_autoptr(VolDef) def = volume ? vol_def_ref(volume->def) : NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (record->kind == UNFINISHED_BUILD)
        return; /* its start was refused, or it was built again */
    if (record->kind == UNFINISHED_DELETE) { /* it had not got far: all that it starts with is whole */
        unfinished_end(job, pool, record->kind, NULL);
        return;
    }
    if (volume && record->kind == UNFINISHED_WIPE) {
        Wiping *wiping = g_new(Wiping, 1);

        log_info("%s was being wiped when the daemon ended: that goes on", volume->label);
        *wiping = (Wiping){ volume_ref(volume), record->value };
        job_spawn("wipe", NULL, wipe_job, wiping);
        return;
    }
    if (volume && backend_of(live->type)->vol_delete(job, live, def, 0, &err) < 0) {
        log_error("%s is half-made and can't be removed: %s", volume->label, err.message);
        return;
    }
    if (volume)
        volume_remove(volume);
    unfinished_end(job, pool, record->kind, record->volume);
}

void
unfinished_resume(Job *job, Pool *pool)
{
    g_autoptr(GPtrArray) records = records_of(pool);

    for (guint i = 0; i < records->len && pool_active(pool); i++)
        resume(job, pool, records->pdata[i]);
}

void
unfinished_forget(Job *job, const Pool *pool)
{
    g_autoptr(GPtrArray) records = records_of(pool);

    for (guint i = 0; i < records->len; i++) {
        const Record *record = records->pdata[i];

        unfinished_end(job, pool, record->kind, record->volume);
    }
}
