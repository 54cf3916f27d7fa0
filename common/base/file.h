/*
 * Files: reading with a bound, replacing atomically, and durable changes with group commit.
 *
 * A durable change is on disk when the call returns. With a journal (file_journal_open()) it is recorded there, which
 * costs one write without metadata, then made beside the old state and renamed into place; the files themselves are
 * synced some seconds later, all together, and the journal begins anew. After a power failure the journal is replayed.
 * Without a journal: temporary file, fsync, rename, fsync of the directory. Either way, changes that are asked for while
 * others are being written are written together next, and a crash at any instant leaves the old or the new file;
 * temporary leftovers (".NAME.new") are removed by file_sweep().
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/base/job.h"

#define _cleanup_fd_ __attribute__((cleanup(fd_close)))
void fd_close(int *fd); /* closes if >= 0, keeps errno, sets -1 */
static inline int fd_take(int *fd) { int f = *fd; *fd = -1; return f; }

/* Reads at most max bytes (longer is an error); NUL-terminated, *ret_size without the NUL. For small local files. */
int file_read(const char *path, size_t max, char **ret_data, size_t *ret_size, Error *err);
int file_read_fd(int fd, const char *path, size_t max, char **ret_data, size_t *ret_size, Error *err);
/* Like file_read() for sysfs/procfs one-liners: trailing white space stripped; NULL when unreadable. */
char *file_read_line(const char *path);

/* Atomic replacement without fsync, for files that need not survive the kernel (status files in /run). */
int file_replace(const char *path, const void *data, size_t size, mode_t mode, Error *err);

/* Make a directory and its parents (0755) with the given mode for the last one. */
int file_mkdirs(const char *path, mode_t mode, Error *err);

/* Durable changes. Each suspends until it is on disk. */
int file_commit_write(Job *job, const char *path, const void *data, size_t size, mode_t mode, Error *err) _must_check_;
int file_commit_unlink(Job *job, const char *path, Error *err) _must_check_; /* a missing file is success */
int file_commit_symlink(Job *job, const char *target, const char *path, Error *err) _must_check_;

/*
 * Record durable changes in the journal at path; what a boot that ended without warning left in it is replayed first (a
 * file that was changed later by somebody else is left alone). Once per process; blocks; before anything is read that
 * commits write. boot: NULL for this boot of the machine.
 */
int file_journal_open(const char *path, const char *boot, Error *err);
void file_journal_close(void); /* everything is synced, the journal is empty; blocks. Without a journal: nothing */

/* Remove leftovers of interrupted changes in a directory. Call before anything writes there. */
void file_sweep(const char *directory);
