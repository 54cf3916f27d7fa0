#include "virtqemud/run/guestlog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/driver.h"

#define WORDS_MAX 2048

static void
write_text(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        return; /* a full disk must not keep the guest from starting */
}

static char *
stamp(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();

    return g_date_time_format(now, "%Y-%m-%d %H:%M:%S.000+0000");
}

int
guestlog_open(Domain *domain, const GPtrArray *argv, int *ret_fd, off_t *ret_start, Error *err)
{
    g_autofree char *path = driver_log_path(domain->driver, domain_name(domain)), *when = stamp();
    _cleanup_fd_ int fd = -1;
    struct stat st;

    if (stat(path, &st) == 0 && st.st_size > GUESTLOG_MAX) {
        g_autofree char *old = g_strconcat(path, ".0", NULL);

        rename(path, old);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot open the log '%s'", path);
    write_text(fd, when);
    write_text(fd, ": starting up virtd " VIRTD_VERSION "\n");
    for (guint i = 0; i < argv->len; i++) {
        g_autofree char *quoted = g_shell_quote(argv->pdata[i]);

        write_text(fd, quoted);
        write_text(fd, i + 1 < argv->len ? " \\\n" : "\n");
    }
    *ret_start = lseek(fd, 0, SEEK_END);
    *ret_fd = fd_take(&fd);
    return 0;
}

off_t
guestlog_end(const Domain *domain)
{
    g_autofree char *path = driver_log_path(domain->driver, domain_name(domain));
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

void
guestlog_last_words(Domain *domain, off_t start, Error *err)
{
    g_autofree char *path = driver_log_path(domain->driver, domain_name(domain));
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    char words[WORDS_MAX + 1];
    ssize_t n;

    if (end <= start)
        return;
    start = MAX(start, end - WORDS_MAX);
    n = pread(fd, words, WORDS_MAX, start);
    if (n <= 0)
        return;
    words[n] = '\0';
    error_prefixf(err, "QEMU said: %s", g_strstrip(words));
}

void
guestlog_bound(Domain *domain)
{
    g_autofree char *path = driver_log_path(domain->driver, domain_name(domain));
    struct stat st;

    /* QEMU appends, so what it writes next stands at the new end. */
    if (stat(path, &st) == 0 && st.st_size > GUESTLOG_MAX && truncate(path, 0) < 0)
        return;
}
