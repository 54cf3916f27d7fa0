/* See tc.h. */
#include "common/host/netlink/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>

#include "common/base/loop.h"
#include "common/host/netlink/internal.h"

#define TICK_NSEC 64u /* the unit of times in the classes, since 2009 */
#define QUANTUM_MIN 1514u /* how much a class may send in its turn: at least a frame */
#define QUANTUM_MAX 60000u
#define RATE_CELLS 256
#define RATE_CELL_LOG 6
#define POLICE_MTU (64u << 10) /* frames are merged before they are looked at */

static struct nlmsghdr *
begin(Netlink *nl, uint16_t type, uint16_t flags, unsigned index, uint32_t parent, uint32_t handle, uint32_t info)
{
    struct tcmsg header = { .tcm_ifindex = (int)index, .tcm_parent = parent, .tcm_handle = handle, .tcm_info = info };

    return netlink_begin(nl, type, flags, &header, sizeof(header));
}

static int
finish(Netlink *nl, struct nlmsghdr *request)
{
    return netlink_exchange(nl, request, NULL, NULL);
}

/* --- reading --- */

typedef struct Reading { unsigned index; TcTree *tree; } Reading;

static const struct nlattr *
find(const struct nlmsghdr *message, uint16_t type)
{
    const struct nlattr *attr;

    mnl_attr_for_each(attr, message, sizeof(struct tcmsg)) {
        if (mnl_attr_get_type(attr) == type)
            return attr;
    }
    return NULL;
}

static const struct nlattr *
inside(const struct nlattr *outer, uint16_t type)
{
    const struct nlattr *attr;

    if (!outer)
        return NULL;
    mnl_attr_for_each_nested(attr, outer) {
        if (mnl_attr_get_type(attr) == type)
            return attr;
    }
    return NULL;
}

/* Copies a struct attribute; zeroes where the kernel's is shorter. */
static void
get_struct(const struct nlattr *attr, void *ret, size_t size)
{
    memset(ret, 0, size);
    if (attr)
        memcpy(ret, mnl_attr_get_payload(attr), MIN(size, mnl_attr_get_payload_len(attr)));
}

static int
on_qdisc(const struct nlmsghdr *message, void *data)
{
    const struct tcmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *kind = find(message, TCA_KIND);
    Reading *reading = data;
    struct tc_htb_glob glob;

    if (message->nlmsg_type != RTM_NEWQDISC || header->tcm_ifindex != (int)reading->index || !kind)
        return 0;
    if (header->tcm_parent == TC_H_INGRESS)
        reading->tree->ingress = strcmp(mnl_attr_get_str(kind), "ingress") == 0;
    if (header->tcm_parent != TC_H_ROOT)
        return 0;
    attr_get_text(kind, reading->tree->kind, sizeof(reading->tree->kind));
    get_struct(inside(find(message, TCA_OPTIONS), TCA_HTB_INIT), &glob, sizeof(glob));
    reading->tree->handle = header->tcm_handle;
    reading->tree->fallback = glob.defcls;
    return 0;
}

uint32_t
tc_ticks(uint64_t rate, uint64_t bytes)
{
    return rate ? (uint32_t)MIN((bytes * USEC_PER_SEC / rate) * 1000 / TICK_NSEC, UINT32_MAX) : 0;
}

static uint64_t
rate_of(const struct nlattr *options, uint16_t type, uint32_t narrow)
{
    const struct nlattr *wide = inside(options, type);

    return wide && mnl_attr_get_payload_len(wide) >= sizeof(uint64_t) ? mnl_attr_get_u64(wide) : narrow;
}

static int
on_class(const struct nlmsghdr *message, void *data)
{
    const struct tcmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *options = find(message, TCA_OPTIONS), *parameters = inside(options, TCA_HTB_PARMS);
    Reading *reading = data;
    struct tc_htb_opt opt;
    TcClass class = { .handle = header->tcm_handle, .parent = header->tcm_parent };

    if (message->nlmsg_type != RTM_NEWTCLASS || header->tcm_ifindex != (int)reading->index || !parameters)
        return 0;
    get_struct(parameters, &opt, sizeof(opt));
    class.rate = rate_of(options, TCA_HTB_RATE64, opt.rate.rate);
    class.ceiling = rate_of(options, TCA_HTB_CEIL64, opt.ceil.rate);
    class.burst = opt.buffer;
    class.ceiling_burst = opt.cbuffer;
    g_array_append_val(reading->tree->classes, class);
    return 0;
}

int
tc_read(Netlink *nl, unsigned index, TcTree *ret)
{
    TcTree tree = { .classes = g_array_new(FALSE, FALSE, sizeof(TcClass)) };
    Reading reading = { .index = index, .tree = &tree };
    int r = netlink_exchange(nl, begin(nl, RTM_GETQDISC, NLM_F_DUMP, 0, 0, 0, 0), on_qdisc, &reading);

    if (r == 0)
        r = netlink_exchange(nl, begin(nl, RTM_GETTCLASS, NLM_F_DUMP, index, 0, 0, 0), on_class, &reading);
    if (r < 0)
        tc_tree_done(&tree);
    else
        *ret = tree;
    return r;
}

void
tc_tree_done(TcTree *tree)
{
    g_clear_pointer(&tree->classes, g_array_unref);
}

const TcClass *
tc_find_class(const TcTree *tree, uint32_t handle)
{
    for (guint i = 0; i < tree->classes->len; i++) {
        const TcClass *class = &g_array_index(tree->classes, TcClass, i);

        if (class->handle == handle)
            return class;
    }
    return NULL;
}

bool
tc_class_equal(const TcClass *a, const TcClass *b)
{
    return a->rate == b->rate && a->ceiling == b->ceiling && a->burst == b->burst && a->ceiling_burst == b->ceiling_burst;
}

/* --- queues and classes --- */

int
tc_add_htb(Netlink *nl, unsigned index, uint32_t handle, uint32_t fallback)
{
    struct nlmsghdr *request = begin(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, TC_H_ROOT, handle, 0);
    struct tc_htb_glob glob = { .version = 3, .rate2quantum = 10, .defcls = fallback };
    struct nlattr *options;

    mnl_attr_put_strz(request, TCA_KIND, "htb");
    options = mnl_attr_nest_start(request, TCA_OPTIONS);
    mnl_attr_put(request, TCA_HTB_INIT, sizeof(glob), &glob);
    mnl_attr_nest_end(request, options);
    return finish(nl, request);
}

int
tc_add_ingress(Netlink *nl, unsigned index)
{
    struct nlmsghdr *request = begin(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, TC_H_INGRESS, TC_HANDLE(0xffff, 0), 0);

    mnl_attr_put_strz(request, TCA_KIND, "ingress");
    return finish(nl, request);
}

int
tc_add_leaf(Netlink *nl, unsigned index, uint32_t parent, uint32_t handle, const char *kind)
{
    struct nlmsghdr *request = begin(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, parent, handle, 0);

    mnl_attr_put_strz(request, TCA_KIND, kind);
    return finish(nl, request);
}

int
tc_delete_root(Netlink *nl, unsigned index)
{
    return finish(nl, begin(nl, RTM_DELQDISC, 0, index, TC_H_ROOT, 0, 0));
}

int
tc_delete_ingress(Netlink *nl, unsigned index)
{
    return finish(nl, begin(nl, RTM_DELQDISC, 0, index, TC_H_INGRESS, TC_HANDLE(0xffff, 0), 0));
}

static struct tc_ratespec
spec_of(uint64_t rate)
{
    return (struct tc_ratespec){ .rate = (uint32_t)MIN(rate, UINT32_MAX), .linklayer = TC_LINKLAYER_ETHERNET,
                                 .cell_log = RATE_CELL_LOG };
}

int
tc_set_class(Netlink *nl, unsigned index, const TcClass *class)
{
    struct nlmsghdr *request = begin(nl, RTM_NEWTCLASS, NLM_F_CREATE, index, class->parent, class->handle, 0);
    struct tc_htb_opt opt = { .rate = spec_of(class->rate), .ceil = spec_of(class->ceiling),
                              .buffer = class->burst, .cbuffer = class->ceiling_burst,
                              .quantum = (uint32_t)CLAMP(class->rate / 10, QUANTUM_MIN, QUANTUM_MAX) };
    struct nlattr *options;

    mnl_attr_put_strz(request, TCA_KIND, "htb");
    options = mnl_attr_nest_start(request, TCA_OPTIONS);
    mnl_attr_put(request, TCA_HTB_PARMS, sizeof(opt), &opt);
    if (class->rate > UINT32_MAX)
        mnl_attr_put_u64(request, TCA_HTB_RATE64, class->rate);
    if (class->ceiling > UINT32_MAX)
        mnl_attr_put_u64(request, TCA_HTB_CEIL64, class->ceiling);
    mnl_attr_nest_end(request, options);
    return finish(nl, request);
}

int
tc_delete_class(Netlink *nl, unsigned index, uint32_t handle)
{
    return finish(nl, begin(nl, RTM_DELTCLASS, 0, index, 0, handle, 0));
}

/* --- filters --- */

static struct nlmsghdr *
begin_filter(Netlink *nl, unsigned index, uint32_t parent, uint16_t priority)
{
    struct nlmsghdr *request = begin(nl, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, parent, 0,
                                     TC_HANDLE(priority, htons(ETH_P_ALL)));

    mnl_attr_put_strz(request, TCA_KIND, "u32");
    return request;
}

static void
put_selector(struct nlmsghdr *request, const struct tc_u32_key *keys, size_t n)
{
    struct { struct tc_u32_sel sel; struct tc_u32_key keys[2]; } selector = { .sel = { .flags = TC_U32_TERMINAL, .nkeys = (unsigned char)n } };

    for (size_t i = 0; i < n; i++)
        selector.keys[i] = keys[i];
    mnl_attr_put(request, TCA_U32_SEL, sizeof(struct tc_u32_sel) + n * sizeof(keys[0]), &selector);
}

int
tc_match_mac(Netlink *nl, unsigned index, uint32_t parent, uint16_t priority, const Mac *destination, uint32_t class)
{
    const uint8_t *b = destination->b;
    /* Words relative to the network header: the frame's first two bytes are the end of one, the next four another. */
    struct tc_u32_key keys[] = {
        { .off = -16, .mask = htonl(0xffff), .val = htonl((uint32_t)b[0] << 8 | b[1]) },
        { .off = -12, .mask = 0xffffffff, .val = htonl((uint32_t)b[2] << 24 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 8 | b[5]) },
    };
    struct nlmsghdr *request = begin_filter(nl, index, parent, priority);
    struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);

    mnl_attr_put_u32(request, TCA_U32_CLASSID, class);
    put_selector(request, keys, G_N_ELEMENTS(keys));
    mnl_attr_nest_end(request, options);
    return finish(nl, request);
}

/* Begin a filter that does something with all that is received; the action's options follow. */
typedef struct Action { struct nlmsghdr *request; struct nlattr *options, *actions, *action, *inner; } Action;

static void
begin_action(Action *action, Netlink *nl, unsigned index, uint16_t priority, const char *kind)
{
    static const struct tc_u32_key all = { 0 };

    action->request = begin_filter(nl, index, TC_HANDLE(0xffff, 0), priority);
    action->options = mnl_attr_nest_start(action->request, TCA_OPTIONS);
    put_selector(action->request, &all, 1);
    action->actions = mnl_attr_nest_start(action->request, TCA_U32_ACT);
    action->action = mnl_attr_nest_start(action->request, 1);
    mnl_attr_put_strz(action->request, TCA_ACT_KIND, kind);
    action->inner = mnl_attr_nest_start(action->request, TCA_ACT_OPTIONS);
}

static int
finish_action(Action *action, Netlink *nl)
{
    mnl_attr_nest_end(action->request, action->inner);
    mnl_attr_nest_end(action->request, action->action);
    mnl_attr_nest_end(action->request, action->actions);
    mnl_attr_nest_end(action->request, action->options);
    return finish(nl, action->request);
}

int
tc_police(Netlink *nl, unsigned index, uint16_t priority, uint64_t rate, uint32_t burst)
{
    struct tc_police police = { .action = TC_ACT_SHOT, .rate = spec_of(rate), .burst = burst, .mtu = POLICE_MTU };
    uint32_t cells[RATE_CELLS];
    Action action;

    /* How long frames of each size take: this action still wants the table. */
    for (unsigned i = 0; i < RATE_CELLS; i++)
        cells[i] = tc_ticks(rate, (i + 1) << RATE_CELL_LOG);
    begin_action(&action, nl, index, priority, "police");
    mnl_attr_put(action.request, TCA_POLICE_TBF, sizeof(police), &police);
    mnl_attr_put(action.request, TCA_POLICE_RATE, sizeof(cells), cells);
    if (rate > UINT32_MAX)
        mnl_attr_put_u64(action.request, TCA_POLICE_RATE64, rate);
    return finish_action(&action, nl);
}

int
tc_redirect(Netlink *nl, unsigned index, uint16_t priority, unsigned to)
{
    struct tc_mirred mirred = { .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = to };
    Action action;

    begin_action(&action, nl, index, priority, "mirred");
    mnl_attr_put(action.request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
    return finish_action(&action, nl);
}

int
tc_delete_filter(Netlink *nl, unsigned index, uint32_t parent, uint16_t priority)
{
    return finish(nl, begin(nl, RTM_DELTFILTER, 0, index, parent, 0, TC_HANDLE(priority, htons(ETH_P_ALL))));
}

typedef struct Asked { uint16_t priority; TcReceived *received; } Asked;

static int
on_filter(const struct nlmsghdr *message, void *data)
{
    const struct tcmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *action = inside(inside(find(message, TCA_OPTIONS), TCA_U32_ACT), 1), *options = inside(action, TCA_ACT_OPTIONS);
    const struct nlattr *police = inside(options, TCA_POLICE_TBF), *mirred = inside(options, TCA_MIRRED_PARMS);
    const struct nlattr *kind = inside(action, TCA_ACT_KIND);
    const Asked *asked = data;
    struct tc_police p;
    struct tc_mirred m;

    if (message->nlmsg_type != RTM_NEWTFILTER || header->tcm_info >> 16 != asked->priority || !kind)
        return 0;
    if (strcmp(mnl_attr_get_str(kind), "police") == 0) {
        get_struct(police, &p, sizeof(p));
        asked->received->rate = rate_of(options, TCA_POLICE_RATE64, p.rate.rate);
        asked->received->burst = p.burst;
    } else if (strcmp(mnl_attr_get_str(kind), "mirred") == 0) {
        get_struct(mirred, &m, sizeof(m));
        asked->received->redirected_to = m.ifindex;
    }
    return 0;
}

int
tc_read_received(Netlink *nl, unsigned index, uint16_t priority, TcReceived *ret)
{
    Asked asked = { .priority = priority, .received = ret };

    *ret = (TcReceived){ 0 };
    return netlink_exchange(nl, begin(nl, RTM_GETTFILTER, NLM_F_DUMP, index, TC_HANDLE(0xffff, 0), 0, 0), on_filter, &asked);
}
