/* A private host: see private_host.h. */
#include "tools/private_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what, const char *subject)
{
    fprintf(stderr, "devhost: cannot %s %s: %s\n", what, subject, g_strerror(errno));
    return -1;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(text) ? 0 : fail("write", path);
}

/* Without root, a user namespace gives the mounts. Only our own id exists in it. */
static int enter_user_namespace(bool keep_uid)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    g_autofree char *uid_map = g_strdup_printf("%u %u 1\n", keep_uid ? uid : 0, uid);
    g_autofree char *gid_map = g_strdup_printf("%u %u 1\n", keep_uid ? gid : 0, gid);

    if (unshare(CLONE_NEWUSER) < 0)
        return fail("enter", "a user namespace (run as root, or let users make namespaces)");
    if (write_file("/proc/self/setgroups", "deny") < 0 || write_file("/proc/self/uid_map", uid_map) < 0 ||
        write_file("/proc/self/gid_map", gid_map) < 0)
        return -1;
    return 0;
}

static int bind_entry(const char *from, const char *to, const struct stat *st)
{
    g_autofree char *link = NULL;
    int fd;

    if (S_ISLNK(st->st_mode)) {
        link = g_file_read_link(from, NULL);
        return link && symlink(link, to) == 0 ? 0 : fail("copy link", from);
    }
    if (S_ISDIR(st->st_mode)) {
        if (mkdir(to, 0755) < 0)
            return fail("make", to);
    } else {
        fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return fail("make", to);
        close(fd);
    }
    return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0 ? 0 : fail("bind", from);
}

/*
 * Put an in-memory directory in place of dir, with the same entries but one: so that names can be added or hidden
 * there without the host seeing it. Entries that vanish meanwhile are no error.
 */
static int remake_directory(const char *dir, const char *without)
{
    g_autofree char *staging = g_strdup("/tmp/devhost.XXXXXX");
    struct dirent *entry;
    DIR *entries;
    int rc = 0;

    if (!g_mkdtemp(staging))
        return fail("make", staging);
    if (mount("devhost", staging, "tmpfs", 0, "mode=755") < 0)
        rc = fail("mount", staging);
    entries = opendir(dir);
    while (rc == 0 && entries && (entry = readdir(entries))) {
        g_autofree char *from = g_build_filename(dir, entry->d_name, NULL);
        g_autofree char *to = g_build_filename(staging, entry->d_name, NULL);
        struct stat st;

        if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, "..") || g_str_equal(entry->d_name, without) ||
            lstat(from, &st) < 0)
            continue;
        rc = bind_entry(from, to, &st);
    }
    if (entries)
        closedir(entries);
    if (rc == 0 && mount(staging, dir, NULL, MS_MOVE, NULL) < 0)
        rc = fail("mount over", dir);
    rmdir(staging);
    return rc;
}

/*
 * A /dev without one name. Terminals come from an instance of their own: the kernel looks for the "pts" beside the ptmx
 * that was opened, and does not find it beside a bind mount.
 */
static int remake_dev(const char *without)
{
    if (remake_directory("/dev", without) < 0)
        return -1;
    umount2("/dev/ptmx", MNT_DETACH);
    unlink("/dev/ptmx");
    umount2("/dev/pts", MNT_DETACH);
    if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=666,mode=620") < 0)
        return fail("mount", "/dev/pts");
    return symlink("pts/ptmx", "/dev/ptmx") == 0 ? 0 : fail("make", "/dev/ptmx");
}

/* A /sys whose net part is the new namespace's; the control groups stay where they were. */
static int remake_sys(void)
{
    g_autofree char *staging = g_strdup("/tmp/devhost.XXXXXX");
    g_autofree char *cgroup = NULL;
    int rc = 0;

    if (!g_mkdtemp(staging))
        return fail("make", staging);
    cgroup = g_build_filename(staging, "fs", "cgroup", NULL);
    if (mount("sysfs", staging, "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        rc = fail("mount", "/sys");
    else if (access("/sys/fs/cgroup", F_OK) == 0 && mount("/sys/fs/cgroup", cgroup, NULL, MS_BIND | MS_REC, NULL) < 0)
        rc = fail("bind", "/sys/fs/cgroup");
    else if (mount(staging, "/sys", NULL, MS_MOVE, NULL) < 0)
        rc = fail("mount over", "/sys");
    rmdir(staging);
    return rc;
}

static int loopback_up(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : fail("bring up", "lo");

    if (fd >= 0)
        close(fd);
    return rc;
}

/* /run/libvirt, and /var/run/libvirt as the stock clients spell it, are the root's. */
static int mount_root(const PrivateHost *host)
{
    const char *root = host->root ? host->root : PRIVATE_HOST_TEMPORARY_ROOT;
    g_autofree char *sockets = g_build_filename(root, "run", "libvirt", NULL);
    struct stat st;

    if (remake_directory("/run", "libvirt") < 0)
        return -1;
    if (g_mkdir_with_parents(sockets, 0755) < 0)
        return fail("make", sockets);
    if (mkdir("/run/libvirt", 0755) < 0 || mount(sockets, "/run/libvirt", NULL, MS_BIND | MS_REC, NULL) < 0)
        return fail("mount", "/run/libvirt");
    if (host->build && (mkdir(PRIVATE_HOST_BUILD, 0755) < 0 || mount(host->build, PRIVATE_HOST_BUILD, NULL, MS_BIND, NULL) < 0))
        return fail("mount", PRIVATE_HOST_BUILD);
    if (lstat("/var/run", &st) == 0 && S_ISDIR(st.st_mode) && mount("/run", "/var/run", NULL, MS_BIND | MS_REC, NULL) < 0)
        return fail("mount", "/var/run");
    return 0;
}

int private_host_enter(const PrivateHost *host)
{
    if (geteuid() != 0 && enter_user_namespace(host->session) < 0)
        return -1;
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | (host->netns ? CLONE_NEWNET : 0)) < 0)
        return fail("enter", "private namespaces");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail("make", "the mounts private");
    if (host->netns && (loopback_up() < 0 || remake_sys() < 0))
        return -1;
    if (mount_root(host) < 0)
        return -1;
    return host->no_kvm && access("/dev/kvm", F_OK) == 0 ? remake_dev("kvm") : 0;
}

int private_host_mount_proc(void)
{
    return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ? 0 : fail("mount", "/proc");
}
