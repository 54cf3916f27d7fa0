/* See macvtap.h. */
#include "common/host/netlink/macvtap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/host/netlink/internal.h"

#define NAMES_MAX 16384 /* generated ones that are tried */

static const uint32_t kernel_modes[MACVTAP_N_MODES] = {
    [MACVTAP_VEPA] = MACVLAN_MODE_VEPA,
    [MACVTAP_BRIDGE] = MACVLAN_MODE_BRIDGE,
    [MACVTAP_PRIVATE] = MACVLAN_MODE_PRIVATE,
    [MACVTAP_PASSTHROUGH] = MACVLAN_MODE_PASSTHRU,
};

static int
create(Netlink *nl, const MacvtapSpec *spec, const char *kind, int lower, const char *name)
{
    struct ifinfomsg header = { 0 };
    struct nlmsghdr *request = netlink_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    struct nlattr *info, *data;

    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    mnl_attr_put_u32(request, IFLA_LINK, (uint32_t)lower);
    if (spec->mac.set)
        mnl_attr_put(request, IFLA_ADDRESS, sizeof(spec->mac.b), spec->mac.b);
    info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, kind);
    data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    mnl_attr_put_u32(request, IFLA_MACVLAN_MODE, kernel_modes[spec->mode]);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
    return netlink_exchange(nl, request, NULL, NULL);
}

/* The first number from *number on that is nobody's name. */
static int
free_name(Netlink *nl, const char *kind, unsigned *number, char name[IFNAMSIZ], Error *err)
{
    HostLink link;

    for (; *number < NAMES_MAX; ++*number) {
        int r;

        g_snprintf(name, IFNAMSIZ, "%s%u", kind, *number);
        r = link_find(nl, name, &link, err);
        if (r <= 0)
            return r;
    }
    return error_setf(err, FROM_NET, ERR_OPERATION_FAILED, "all names from %s0 to %s%d are taken", kind, kind, NAMES_MAX - 1);
}

int
macvtap_create(Netlink *nl, const MacvtapSpec *spec, char ret_name[IFNAMSIZ], Error *err)
{
    const char *kind = spec->macvlan ? "macvlan" : "macvtap";
    int lower = link_index(nl, spec->lower, err), r;
    char name[IFNAMSIZ] = "";
    unsigned number = 0;

    if (lower < 0)
        return error_prefixf(err, "cannot make a %s", kind);
    if (spec->name && g_strlcpy(name, spec->name, sizeof(name)) >= sizeof(name))
        return error_setf(err, FROM_NET, ERR_INVALID_ARG, "the interface name '%s' is too long", spec->name);
    do {
        if (!spec->name && free_name(nl, kind, &number, name, err) < 0)
            return -1;
        r = create(nl, spec, kind, lower, name);
    } while (r == -EEXIST && !spec->name); /* somebody was faster */
    if (r == -EINVAL && spec->mode == MACVTAP_PASSTHROUGH)
        return error_setf(err, FROM_NET, ERR_OPERATION_FAILED,
                          "cannot make %s '%s' over '%s' in mode passthrough: the device is in use by another one", kind, name,
                          spec->lower);
    if (r < 0)
        return netlink_fail(nl, r, err, "cannot make %s '%s' over '%s'", kind, name, spec->lower);
    memcpy(ret_name, name, IFNAMSIZ);
    return 0;
}

/* The /sys of our network namespace: the mounted one may be another's. A descriptor or -1. */
static int
own_sysfs(void)
{
    _cleanup_fd_ int context = fsopen("sysfs", FSOPEN_CLOEXEC);

    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
}

/* The number of the character device: the kernel says it nowhere else. */
static int
device_number(const HostLink *link, dev_t *ret, Error *err)
{
    g_autofree char *path = g_strdup_printf("class/net/%s/macvtap/tap%u/dev", link->name, link->index);
    _cleanup_fd_ int sys = open("/sys", O_DIRECTORY | O_PATH | O_CLOEXEC), fd = -1;
    g_autofree char *text = NULL;
    unsigned major, minor;

    fd = openat(sys, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        fd_close(&sys);
        sys = own_sysfs();
        fd = openat(sys, path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot read the device number of '%s' from /sys/%s", link->name, path);
    if (file_read_fd(fd, path, 64, &text, NULL, err) < 0)
        return -1;
    if (sscanf(text, "%u:%u", &major, &minor) != 2)
        return error_setf(err, FROM_NET, ERR_INTERNAL_ERROR, "/sys/%s holds '%s', no device number", path, text);
    *ret = makedev(major, minor);
    return 0;
}

/* One descriptor of the device: by the node that is there if it is the right one, else by one of our own. */
static int
open_node(const HostLink *link, dev_t number, const char *scratch, Error *err)
{
    g_autofree char *path = g_strdup_printf("/dev/tap%u", link->index), *own = NULL;
    _cleanup_fd_ int fd = -1;
    struct stat st;
    int saved;

    if (stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == number) {
        fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0)
            return fd_take(&fd);
    }
    own = g_strdup_printf("%s/.tap%u", scratch, link->index);
    unlink(own); /* of one who died between the two lines below */
    if (mknod(own, S_IFCHR | 0600, number) < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot make the device node '%s' of '%s'", own, link->name);
    fd = open(own, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    saved = errno;
    unlink(own);
    if (fd < 0)
        return error_set_errno(err, FROM_NET, saved, "cannot open the device '%s' of '%s'", own, link->name);
    return fd_take(&fd);
}

static int
open_queue(const HostLink *link, dev_t number, unsigned short flags, const char *scratch, int *ret, Error *err)
{
    _cleanup_fd_ int fd = open_node(link, number, scratch, err);
    struct ifreq request = { .ifr_flags = (short)flags };

    if (fd < 0)
        return -1;
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot set up a queue of '%s'", link->name);
    *ret = fd_take(&fd);
    return 0;
}

int
macvtap_open(Netlink *nl, const char *name, unsigned n, bool virtio_headers, const char *scratch, int *ret_fds, Error *err)
{
    unsigned short flags = (unsigned short)(IFF_TAP | IFF_NO_PI | (virtio_headers ? IFF_VNET_HDR : 0) | (n > 1 ? IFF_MULTI_QUEUE : 0));
    dev_t number;
    HostLink link;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (strcmp(link.kind, "macvtap") != 0)
        return error_setf(err, FROM_NET, ERR_OPERATION_FAILED, "interface '%s' is no macvtap", name);
    if (device_number(&link, &number, err) < 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        if (open_queue(&link, number, flags, scratch, &ret_fds[i], err) < 0) {
            while (i-- > 0)
                fd_close(&ret_fds[i]);
            return -1;
        }
    }
    return 0;
}
