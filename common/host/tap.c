/* See tap.h. */
#include "common/host/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "common/base/file.h"

#define TUN_DEVICE "/dev/net/tun"

/* One queue of the tap called name (which is filled in when it is a pattern). */
static int
open_queue(struct ifreq *name, int *ret_fd, Error *err)
{
    _cleanup_fd_ int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot open %s to make '%s'", TUN_DEVICE, name->ifr_name);
    if (ioctl(fd, TUNSETIFF, name) < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot make the tap device '%s'", name->ifr_name);
    *ret_fd = fd_take(&fd);
    return 0;
}

int
tap_open(const char *name, unsigned n, bool virtio_headers, char ret_name[IFNAMSIZ], int *ret_fds, Error *err)
{
    short flags = (short)(IFF_TAP | IFF_NO_PI | (virtio_headers ? IFF_VNET_HDR : 0) | (n > 1 ? IFF_MULTI_QUEUE : 0));
    struct ifreq request = { 0 };

    if (g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name)) >= sizeof(request.ifr_name))
        return error_setf(err, FROM_NET, ERR_CONFIG_UNSUPPORTED, "the name '%s' of a tap device is too long: at most %d bytes", name,
                          IFNAMSIZ - 1);
    for (unsigned i = 0; i < n; i++) {
        request.ifr_flags = flags; /* shares its room with what the kernel answers */
        if (open_queue(&request, &ret_fds[i], err) < 0) {
            while (i-- > 0)
                fd_close(&ret_fds[i]);
            return -1;
        }
    }
    g_strlcpy(ret_name, request.ifr_name, IFNAMSIZ);
    return 0;
}
