/* See neighbour.h. */
#include "common/host/netlink/neighbour.h"

#include <linux/neighbour.h>

#include "common/host/netlink/internal.h"

static int
on_neighbour(const struct nlmsghdr *message, void *data)
{
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    HostNeighbour neighbour = { .index = (unsigned)header->ndm_ifindex, .state = header->ndm_state };
    const struct nlattr *attr;

    if (message->nlmsg_type != RTM_NEWNEIGH || (header->ndm_family != AF_INET && header->ndm_family != AF_INET6))
        return 0;
    mnl_attr_for_each(attr, message, sizeof(*header)) {
        if (mnl_attr_get_type(attr) == NDA_DST)
            neighbour.ip = attr_get_ip(attr, header->ndm_family);
        if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == sizeof(neighbour.mac.b)) {
            neighbour.mac.set = true;
            memcpy(neighbour.mac.b, mnl_attr_get_payload(attr), sizeof(neighbour.mac.b));
        }
    }
    g_array_append_val((GArray *)data, neighbour);
    return 0;
}

int
neighbour_list(Netlink *nl, GArray **ret, Error *err)
{
    struct ndmsg header = { .ndm_family = AF_UNSPEC };
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(HostNeighbour));
    int r = netlink_dump(nl, netlink_begin(nl, RTM_GETNEIGH, NLM_F_DUMP, &header, sizeof(header)), on_neighbour, all);

    if (r < 0)
        return netlink_fail(nl, r, err, "cannot list the neighbours of this host");
    *ret = g_steal_pointer(&all);
    return 0;
}
