/* See qos.h. */
#include "common/host/netlink/qos.h"

#include <errno.h>

#include "common/host/netlink/internal.h"
#include "common/host/netlink/tc.h"

#define RATE_UNIT 1000u
#define BURST_UNIT 1024u
#define BURST_MSEC 4u     /* of a burst that nobody chose: the kernel is no more exact */
#define BURST_MIN 2048u   /* a frame must fit */

#define ROOT 1u           /* the number of our queue; 0 is the kernel's default */
#define WHOLE 1u          /* classes */
#define REST 2u
#define PRIORITY 0x5154u  /* of the filter on what is received: a number that others hardly choose */
#define DEVICE_PREFIX "qos"

/* The queues within a class, the fairest first. Whatever the kernel has. */
static const char *const leaves[] = { "fq_codel", "sfq" };

static uint32_t
burst_ticks(uint64_t rate, uint64_t burst)
{
    uint64_t bytes = burst ? burst * BURST_UNIT : rate * BURST_MSEC / 1000;

    return tc_ticks(rate, MAX(bytes, BURST_MIN));
}

static TcClass
make_class(unsigned id, uint32_t parent, uint64_t rate, uint64_t peak, uint64_t burst)
{
    TcClass class = { .handle = TC_HANDLE(ROOT, id), .parent = parent, .rate = MAX(rate, 1) * RATE_UNIT,
                      .ceiling = MAX(MAX(rate, peak), 1) * RATE_UNIT };

    class.burst = burst_ticks(class.rate, burst);
    class.ceiling_burst = burst_ticks(class.ceiling, burst);
    return class;
}

static bool
is_ours(const TcTree *tree)
{
    return strcmp(tree->kind, "htb") == 0 && tree->handle == TC_HANDLE(ROOT, 0);
}

/* Make a class as it should be, with a queue within unless it has classes within. */
static int
ensure_class(Netlink *nl, unsigned index, const TcTree *tree, const TcClass *class, bool leaf)
{
    const TcClass *is = tc_find_class(tree, class->handle);
    unsigned id = class->handle & 0xffff;
    int r;

    if (is && tc_class_equal(is, class))
        return 0;
    r = tc_set_class(nl, index, class);
    for (size_t i = 0; r == 0 && leaf && !is && i < G_N_ELEMENTS(leaves); i++) {
        if (tc_add_leaf(nl, index, class->handle, TC_HANDLE(id + 1, 0), leaves[i]) == 0)
            break;
    }
    return r;
}

/* Our tree on an interface with these classes, the first being the whole. -ENOENT: this kernel has no such trees. */
static int
ensure_tree(Netlink *nl, unsigned index, uint32_t fallback, const TcClass *classes, size_t n)
{
    TcTree tree = { 0 };
    int r = tc_read(nl, index, &tree);

    if (r == 0 && (!is_ours(&tree) || tree.fallback != fallback)) {
        if (is_ours(&tree))
            tc_delete_root(nl, index);
        r = tc_add_htb(nl, index, TC_HANDLE(ROOT, 0), fallback);
        if (r == 0)
            g_array_set_size(tree.classes, 0);
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        r = ensure_class(nl, index, &tree, &classes[i], i > 0 || n == 1);
    tc_tree_done(&tree);
    return r;
}

static int
drop_tree(Netlink *nl, unsigned index)
{
    TcTree tree;
    int r = tc_read(nl, index, &tree);

    if (r < 0)
        return r;
    r = is_ours(&tree) ? tc_delete_root(nl, index) : 0;
    tc_tree_done(&tree);
    return r;
}

static bool
limits(const QosRate *rate)
{
    return rate && rate->average;
}

static void
warn(GPtrArray *warnings, const char *interface, const char *what, const char *missing)
{
    g_ptr_array_add(warnings, g_strdup_printf("what interface '%s' %s is not limited: this kernel has no %s", interface, what, missing));
}

#define NO_TREES "traffic classes (CONFIG_NET_SCH_HTB)"

static int
sent_result(Netlink *nl, int r, const char *interface, bool limited, GPtrArray *warnings, Error *err)
{
    if (r == -ENOENT && limited) {
        warn(warnings, interface, "sends", NO_TREES);
        return 0;
    }
    if (r < 0 && limited)
        return netlink_fail(nl, r, err, "cannot limit what interface '%s' sends", interface);
    return r < 0 ? netlink_fail(nl, r, err, "cannot lift the limit of what interface '%s' sends", interface) : 0;
}

int
qos_set_sent(Netlink *nl, const char *interface, const QosRate *rate, GPtrArray *warnings, Error *err)
{
    int index = link_index(nl, interface, err), r;
    TcClass whole;

    if (index < 0)
        return -1;
    if (limits(rate)) {
        whole = make_class(WHOLE, TC_HANDLE(ROOT, 0), rate->average, rate->peak, rate->burst);
        r = ensure_tree(nl, (unsigned)index, WHOLE, &whole, 1);
    } else {
        r = drop_tree(nl, (unsigned)index);
    }
    return sent_result(nl, r, interface, limits(rate), warnings, err);
}

int
qos_set_divided(Netlink *nl, const char *bridge, const QosRate *rate, uint64_t guaranteed, GPtrArray *warnings, Error *err)
{
    int index = link_index(nl, bridge, err), r;
    uint64_t whole, rest;
    TcClass classes[2];

    if (index < 0)
        return -1;
    if (!limits(rate))
        return sent_result(nl, drop_tree(nl, (unsigned)index), bridge, false, warnings, err);
    whole = MAX(rate->average, rate->peak);
    rest = guaranteed < rate->average ? rate->average - guaranteed : 1;
    classes[0] = make_class(WHOLE, TC_HANDLE(ROOT, 0), rate->average, rate->peak, rate->burst);
    classes[1] = make_class(REST, TC_HANDLE(ROOT, WHOLE), rest, whole, rate->burst);
    r = ensure_tree(nl, (unsigned)index, REST, classes, G_N_ELEMENTS(classes));
    return sent_result(nl, r, bridge, true, warnings, err);
}

/* The bridge's index if it has a divided tree, 0 if not; *ret_tree to be done with. */
static int
divided(Netlink *nl, const char *bridge, TcTree *ret_tree, Error *err)
{
    int index = link_index(nl, bridge, err), r;

    if (index < 0)
        return -1;
    r = tc_read(nl, (unsigned)index, ret_tree);
    if (r < 0)
        return netlink_fail(nl, r, err, "cannot read the traffic classes of bridge '%s'", bridge);
    if (is_ours(ret_tree) && ret_tree->fallback == REST)
        return index;
    tc_tree_done(ret_tree);
    return 0;
}

int
qos_set_guarantee(Netlink *nl, const char *bridge, unsigned id, const Mac *guest, uint64_t guaranteed, const QosRate *whole, Error *err)
{
    TcClass class = make_class(id, TC_HANDLE(ROOT, WHOLE), guaranteed, MAX(whole->average, whole->peak), whole->burst);
    TcTree tree;
    int index = divided(nl, bridge, &tree, err), r;
    bool known;

    if (index <= 0)
        return index;
    known = tc_find_class(&tree, class.handle) != NULL;
    r = ensure_class(nl, (unsigned)index, &tree, &class, true);
    tc_tree_done(&tree);
    if (!known)
        tc_delete_filter(nl, (unsigned)index, TC_HANDLE(ROOT, 0), (uint16_t)id);
    /* A class of before has its filter, unless its maker died between the two. */
    if (r == 0)
        r = tc_match_mac(nl, (unsigned)index, TC_HANDLE(ROOT, 0), (uint16_t)id, guest, class.handle);
    if (r == -EEXIST && known)
        r = 0;
    return r < 0 ? netlink_fail(nl, r, err, "cannot give a guest of bridge '%s' the traffic class %u", bridge, id) : 0;
}

int
qos_drop_guarantee(Netlink *nl, const char *bridge, unsigned id, Error *err)
{
    TcTree tree;
    int index = divided(nl, bridge, &tree, err), r = 0;

    if (index <= 0)
        return index;
    if (tc_find_class(&tree, TC_HANDLE(ROOT, id))) {
        tc_delete_filter(nl, (unsigned)index, TC_HANDLE(ROOT, 0), (uint16_t)id);
        r = tc_delete_class(nl, (unsigned)index, TC_HANDLE(ROOT, id));
    }
    tc_tree_done(&tree);
    return r < 0 ? netlink_fail(nl, r, err, "cannot take traffic class %u from bridge '%s'", id, bridge) : 0;
}

/* --- what is received --- */

static void
device_name(unsigned index, char name[IFNAMSIZ])
{
    g_snprintf(name, IFNAMSIZ, DEVICE_PREFIX "%u", index);
}

/* The device through which what an interface receives is sent once more. Its index, or a negative errno. */
static int
ensure_device(Netlink *nl, unsigned index)
{
    struct ifinfomsg header = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    char name[IFNAMSIZ];
    struct nlmsghdr *request;
    struct nlattr *info;
    HostLink link;
    int r;

    device_name(index, name);
    if (link_find(nl, name, &link, NULL) > 0)
        return strcmp(link.kind, "ifb") == 0 ? (int)link.index : -EEXIST;
    request = netlink_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, "ifb");
    mnl_attr_nest_end(request, info);
    r = netlink_exchange(nl, request, NULL, NULL);
    if (r < 0)
        return r;
    return link_find(nl, name, &link, NULL) > 0 ? (int)link.index : -ENODEV;
}

static int
drop_device(Netlink *nl, unsigned index)
{
    char name[IFNAMSIZ];
    HostLink link;

    device_name(index, name);
    return link_find(nl, name, &link, NULL) > 0 && strcmp(link.kind, "ifb") == 0 ? link_delete(nl, name, NULL) : 0;
}

static int
drop_received(Netlink *nl, unsigned index)
{
    TcReceived received;
    int r = tc_read_received(nl, index, PRIORITY, &received);

    /* Where nothing of ours is, the ingress queue is somebody else's. */
    if (r == 0 && (received.rate || received.redirected_to))
        r = tc_delete_ingress(nl, index);
    drop_device(nl, index);
    return r == -EINVAL || r == -ENOENT ? 0 : r;
}

/* Shaped in a device of its own. */
static int
shape_received(Netlink *nl, unsigned index, const QosRate *rate)
{
    TcClass whole = make_class(WHOLE, TC_HANDLE(ROOT, 0), rate->average, rate->peak, rate->burst);
    TcReceived received;
    int device = ensure_device(nl, index), r;

    if (device < 0)
        return device;
    r = ensure_tree(nl, (unsigned)device, WHOLE, &whole, 1);
    if (r == 0)
        r = tc_read_received(nl, index, PRIORITY, &received);
    if (r < 0 || received.redirected_to == (unsigned)device)
        return r;
    tc_delete_filter(nl, index, TC_HANDLE(0xffff, 0), PRIORITY);
    return tc_redirect(nl, index, PRIORITY, (unsigned)device);
}

/* By policing, or where that is not to be had by shaping; a device that is there is kept in use. */
static int
police_received(Netlink *nl, unsigned index, const QosRate *rate)
{
    uint64_t bytes = MAX(rate->average, 1) * RATE_UNIT;
    uint32_t burst = burst_ticks(bytes, rate->burst);
    TcReceived is;
    int r = tc_read_received(nl, index, PRIORITY, &is);

    if (r < 0 || (is.rate == bytes && is.burst == burst))
        return r;
    if (is.rate)
        tc_delete_filter(nl, index, TC_HANDLE(0xffff, 0), PRIORITY);
    r = is.redirected_to ? -ENOENT : tc_police(nl, index, PRIORITY, bytes, burst);
    return r == -ENOENT ? shape_received(nl, index, rate) : r;
}

static int
limit_received(Netlink *nl, unsigned index, const QosRate *rate)
{
    TcTree tree;
    int r = tc_read(nl, index, &tree);
    bool added;

    if (r < 0)
        return r;
    added = !tree.ingress;
    tc_tree_done(&tree);
    if (added)
        r = tc_add_ingress(nl, index);
    if (r == 0)
        r = police_received(nl, index, rate);
    if (r < 0 && added)
        tc_delete_ingress(nl, index);
    if (r < 0)
        drop_device(nl, index);
    return r;
}

int
qos_set_received(Netlink *nl, const char *interface, const QosRate *rate, GPtrArray *warnings, Error *err)
{
    int index = link_index(nl, interface, err), r;

    if (index < 0)
        return -1;
    if (!limits(rate)) {
        r = drop_received(nl, (unsigned)index);
        return r < 0 ? netlink_fail(nl, r, err, "cannot lift the limit of what interface '%s' receives", interface) : 0;
    }
    r = limit_received(nl, (unsigned)index, rate);
    if (r == -ENOENT || r == -EOPNOTSUPP) {
        warn(warnings, interface, "receives",
             "policing (CONFIG_NET_ACT_POLICE), nor redirecting and shaping (CONFIG_NET_ACT_MIRRED, CONFIG_IFB, CONFIG_NET_SCH_HTB), "
             "or neither of the ingress queue and the filters that these need (CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32)");
        return 0;
    }
    return r < 0 ? netlink_fail(nl, r, err, "cannot limit what interface '%s' receives", interface) : 0;
}

int
qos_sweep(Netlink *nl, Error *err)
{
    g_autoptr(GHashTable) indexes = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) links = NULL;

    if (link_list(nl, &links, err) < 0)
        return -1;
    for (guint i = 0; i < links->len; i++)
        g_hash_table_add(indexes, GUINT_TO_POINTER(g_array_index(links, HostLink, i).index));
    for (guint i = 0; i < links->len; i++) {
        const HostLink *link = &g_array_index(links, HostLink, i);
        char name[IFNAMSIZ];
        guint64 index;

        if (strcmp(link->kind, "ifb") != 0 || !g_str_has_prefix(link->name, DEVICE_PREFIX))
            continue;
        index = g_ascii_strtoull(link->name + strlen(DEVICE_PREFIX), NULL, 10);
        device_name((unsigned)index, name);
        if (strcmp(name, link->name) == 0 && !g_hash_table_contains(indexes, GUINT_TO_POINTER((unsigned)index)) &&
            link_delete(nl, name, err) < 0)
            return -1;
    }
    return 0;
}
