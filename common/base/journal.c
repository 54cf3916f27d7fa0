#include "common/base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

#define MAGIC "virtd-journal-1"
#define RECORD_MAGIC 0x6a726e6cu
#define BLOCK 512 /* the header has one of its own; records are padded to 8 */

typedef struct {
    char magic[16];
    char boot[40];
    uint64_t generation; /* records of others are old */
} Header;

typedef struct {
    uint32_t magic, size;
    uint64_t generation;
    uint64_t sum; /* of generation and data */
} Record;

struct Journal {
    int fd;
    char *path;
    Header header;
    off_t at; /* where the next record goes */
};

/* FNV-1a: tells a torn record from a whole one; nobody is fought off with it. */
static uint64_t
checksum(uint64_t generation, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0xcbf29ce484222325u ^ generation;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
    return sum;
}

static size_t
padded(size_t size)
{
    return (sizeof(Record) + size + 7) & ~(size_t)7;
}

static int
journal_failed(const Journal *journal, const char *what, Error *err)
{
    return error_set_errno(err, FROM_NONE, errno, "cannot %s the journal '%s'", what, journal->path);
}

/* Zeros are written, not only reserved, so that later writes change no metadata. */
static int
journal_create(Journal *journal, Error *err)
{
    g_autofree char *zeros = g_malloc0(65536);

    for (off_t at = 0; at < (off_t)JOURNAL_SIZE; at += 65536)
        if (pwrite(journal->fd, zeros, 65536, at) != 65536)
            return journal_failed(journal, "make", err);
    memcpy(journal->header.magic, MAGIC, sizeof(MAGIC));
    journal->header.generation = 1;
    return 0;
}

static int
journal_write_header(Journal *journal, Error *err)
{
    char block[BLOCK] = { 0 };

    memcpy(block, &journal->header, sizeof(journal->header));
    if (pwrite(journal->fd, block, sizeof(block), 0) != sizeof(block))
        return journal_failed(journal, "write", err);
    return journal_sync(journal, err);
}

/* The valid record at journal->at; NULL at the end of them. g_free. */
static void *
journal_read(Journal *journal, size_t *ret_size)
{
    Record record;
    g_autofree char *data = NULL;

    if (pread(journal->fd, &record, sizeof(record), journal->at) != sizeof(record) || record.magic != RECORD_MAGIC ||
        record.generation != journal->header.generation || !journal_fits(journal, record.size))
        return NULL;
    data = g_malloc((size_t)record.size + 1);
    if (pread(journal->fd, data, record.size, journal->at + (off_t)sizeof(record)) != (ssize_t)record.size ||
        checksum(record.generation, data, record.size) != record.sum)
        return NULL;
    *ret_size = record.size;
    return g_steal_pointer(&data);
}

static void
journal_replay(Journal *journal, bool lost, JournalRecordFn replay, void *user)
{
    size_t size;

    for (;;) {
        g_autofree void *data = journal_read(journal, &size);

        if (!data)
            return;
        replay(data, size, lost, user);
        journal->at += (off_t)padded(size);
    }
}

int
journal_open(const char *path, const char *boot, JournalRecordFn replay, void *user, Journal **ret, Error *err)
{
    Journal *journal = g_new0(Journal, 1);
    struct stat st;
    int r = 0;

    journal->path = g_strdup(path);
    journal->at = BLOCK;
    journal->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->fd < 0 || fstat(journal->fd, &st) < 0) {
        r = journal_failed(journal, "open", err);
    } else if (st.st_size != (off_t)JOURNAL_SIZE ||
               pread(journal->fd, &journal->header, sizeof(Header), 0) != sizeof(Header) ||
               memcmp(journal->header.magic, MAGIC, sizeof(MAGIC)) != 0) {
        journal->header = (Header){ 0 };
        r = journal_create(journal, err);
        if (r < 0)
            unlink(path); /* a half of it would take the room that is missing */
    } else {
        bool lost = strncmp(journal->header.boot, boot, sizeof(journal->header.boot)) != 0;

        journal_replay(journal, lost, replay, user);
        if (!lost && journal_is_empty(journal)) {
            *ret = journal;
            return 0;
        }
    }
    if (r == 0) {
        memset(journal->header.boot, 0, sizeof(journal->header.boot));
        g_strlcpy(journal->header.boot, boot, sizeof(journal->header.boot));
        r = journal_reset(journal, err);
    }
    if (r < 0) {
        journal_close(journal);
        return -1;
    }
    *ret = journal;
    return 0;
}

void
journal_close(Journal *journal)
{
    if (!journal)
        return;
    fd_close(&journal->fd);
    g_free(journal->path);
    g_free(journal);
}

bool
journal_fits(const Journal *journal, size_t size)
{
    return size < JOURNAL_SIZE && journal->at + (off_t)padded(size) <= (off_t)JOURNAL_SIZE;
}

bool
journal_is_empty(const Journal *journal)
{
    return journal->at == BLOCK;
}

int
journal_append(Journal *journal, const void *data, size_t size, Error *err)
{
    g_autofree char *block = g_malloc0(padded(size));
    Record record = { .magic = RECORD_MAGIC, .size = (uint32_t)size, .generation = journal->header.generation,
                      .sum = checksum(journal->header.generation, data, size) };

    memcpy(block, &record, sizeof(record));
    memcpy(block + sizeof(record), data, size);
    if (pwrite(journal->fd, block, padded(size), journal->at) != (ssize_t)padded(size))
        return journal_failed(journal, "write", err);
    journal->at += (off_t)padded(size);
    return 0;
}

int
journal_sync(Journal *journal, Error *err)
{
    return fdatasync(journal->fd) < 0 ? journal_failed(journal, "write", err) : 0;
}

int
journal_reset(Journal *journal, Error *err)
{
    journal->header.generation++;
    journal->at = BLOCK;
    return journal_write_header(journal, err);
}
