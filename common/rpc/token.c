/* See token.h. */
#include "common/rpc/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/file.h"

/* 0, 1 when there is no file, -1. */
static int
read_token(const char *path, char ret[TOKEN_SIZE], Error *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[TOKEN_SIZE + 1];
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        return 1;
    n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n < 0)
        return error_set_errno(err, FROM_RPC, errno, "cannot read the system token '%s'", path);
    if (n == TOKEN_SIZE && text[n - 1] == '\n')
        n--;
    text[MIN(n, TOKEN_SIZE)] = 0;
    if (n != TOKEN_SIZE - 1 || strspn(text, "0123456789abcdefABCDEF") != TOKEN_SIZE - 1)
        return error_setf(err, FROM_RPC, ERR_INVALID_ARG,
                          "the system token '%s' is not %d hexadecimal digits; remove it, and it is made anew", path,
                          TOKEN_SIZE - 1);
    memcpy(ret, text, TOKEN_SIZE);
    return 0;
}

/* Under another name first, then linked: whoever sees the file sees all of it, and only one daemon's link succeeds. */
static int
make_token(const char *path, Error *err)
{
    g_autofree char *directory = g_path_get_dirname(path), *fresh = g_strdup_printf("%s.%d.new", path, (int)getpid());
    _cleanup_fd_ int fd = -1;
    uint8_t random[TOKEN_SIZE / 2];
    char text[TOKEN_SIZE];
    int r = 0;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return error_set_errno(err, FROM_RPC, errno, "cannot make a system token");
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    if (file_mkdirs(directory, 0755, err) < 0)
        return -1;
    unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, TOKEN_SIZE - 1) != TOKEN_SIZE - 1 || (link(fresh, path) < 0 && errno != EEXIST))
        r = error_set_errno(err, FROM_RPC, errno, "cannot make the system token '%s'", path);
    unlink(fresh);
    return r;
}

int
token_get(const char *path, char ret[TOKEN_SIZE], Error *err)
{
    int r = read_token(path, ret, err);

    if (r <= 0)
        return r;
    if (make_token(path, err) < 0)
        return -1;
    r = read_token(path, ret, err);
    return r <= 0 ? r : error_setf(err, FROM_RPC, ERR_OPERATION_FAILED, "the system token '%s' was removed while it was made", path);
}

int
token_check(const char *path, const char *shown, Error *err)
{
    char token[TOKEN_SIZE];
    unsigned int different = 0;
    int r = read_token(path, token, err);

    if (r != 0)
        return r < 0 ? r : 0;
    if (strlen(shown) != TOKEN_SIZE - 1)
        return 0;
    for (int i = 0; i < TOKEN_SIZE - 1; i++) /* in a time that tells nothing */
        different |= (unsigned int)(token[i] ^ shown[i]);
    return different == 0;
}
