/*
 * A journal of durable changes: records appended to a file of fixed size, made durable by one fdatasync() that writes no
 * metadata. What a record means is its writer's business.
 *
 * Records are valid until journal_reset(), which starts a new generation in the same place. A file of another boot of the
 * machine that still holds valid records tells that their effects may not have reached the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define JOURNAL_SIZE (4u * 1024 * 1024)
#define JOURNAL_OVERHEAD 32 /* at most so much is added to a record */

typedef struct Journal Journal;

/*
 * Called for each valid record, oldest first; data is borrowed. lost: the machine has been started anew since it was
 * written, so its effect may be gone; otherwise only its writer has.
 */
typedef void (*JournalRecordFn)(const void *data, size_t size, bool lost, void *user);

/*
 * Open or create. boot names this boot of the machine. Records an earlier writer left are given to replay, which makes
 * them durable, and then dropped. Blocks in the file system. A file that is none of ours, or damaged, counts as empty.
 */
int journal_open(const char *path, const char *boot, JournalRecordFn replay, void *user, Journal **ret, Error *err);
void journal_close(Journal *journal); /* NULL is fine; records stay as they are */

bool journal_fits(const Journal *journal, size_t size); /* one more record of this size */
bool journal_is_empty(const Journal *journal);
int journal_append(Journal *journal, const void *data, size_t size, Error *err); /* in memory of the kernel only */
int journal_sync(Journal *journal, Error *err);                                  /* what was appended is durable */
int journal_reset(Journal *journal, Error *err);                                 /* no record is valid any more */
