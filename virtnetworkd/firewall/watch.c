/* Who changed the packet filter (firewall_watch()). */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "common/base/loop.h"
#include "common/host/netlink/monitor.h"
#include "virtnetworkd/firewall/internal.h"

#define TABLE_ATTRIBUTE 1 /* the table's name, in the messages about tables, chains, rules, sets, elements and objects alike */

/* How long changes are gathered before they are told: others change rules one by one too. */
#define SETTLE_OURS (100 * USEC_PER_MSEC)
#define SETTLE_FOREIGN (500 * USEC_PER_MSEC)

struct FirewallWatch {
    NetlinkListener *listener;
    sd_event_source *timer; /* NULL: nothing to tell */
    uint32_t own;           /* the port of our own changes */
    unsigned changed;       /* of FirewallChange */
    FirewallWatchFn fn;
    void *data;
};

static int
on_settled(sd_event_source *source, uint64_t usec, void *data)
{
    FirewallWatch *watch = data;
    unsigned changed = watch->changed;

    watch->timer = sd_event_source_disable_unref(watch->timer);
    watch->changed = 0;
    watch->fn(changed, watch->data);
    return 0;
}

void
firewall_watch_note(FirewallWatch *watch, unsigned change)
{
    unsigned news = change & ~watch->changed;

    watch->changed |= change;
    /* A change of ours does not wait for the end of what was noted before, nor for that of the ones after it. */
    if (news & FIREWALL_CHANGED_OURS)
        watch->timer = sd_event_source_disable_unref(watch->timer);
    if (!watch->timer)
        loop_timer(&watch->timer, watch->changed & FIREWALL_CHANGED_OURS ? SETTLE_OURS : SETTLE_FOREIGN, on_settled, watch, NULL);
}

/* The message's table: the text of its first-numbered attribute. NULL when it has none. */
static const char *
table_of(const struct nlmsghdr *message)
{
    const char *at = (const char *)message + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
    const char *end = (const char *)message + message->nlmsg_len;

    while (end - at > NLA_HDRLEN) {
        const struct nlattr *attr = (const struct nlattr *)at;

        if (attr->nla_len <= NLA_HDRLEN || attr->nla_len > end - at)
            return NULL;
        if ((attr->nla_type & NLA_TYPE_MASK) == TABLE_ATTRIBUTE && memchr(at + NLA_HDRLEN, '\0', attr->nla_len - NLA_HDRLEN))
            return at + NLA_HDRLEN;
        at += NLA_ALIGN(attr->nla_len);
    }
    return NULL;
}

static void
on_message(const struct nlmsghdr *message, void *data)
{
    FirewallWatch *watch = data;

    if (!message) {
        firewall_watch_note(watch, FIREWALL_CHANGED_OURS | FIREWALL_CHANGED_FOREIGN);
        return;
    }
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || (message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN ||
        message->nlmsg_pid == watch->own)
        return;
    firewall_watch_note(watch, g_strcmp0(table_of(message), FIREWALL_TABLE) == 0 ? FIREWALL_CHANGED_OURS : FIREWALL_CHANGED_FOREIGN);
}

int
firewall_watch_open(Netlink *nl, FirewallWatchFn fn, void *data, FirewallWatch **ret, Error *err)
{
    static const unsigned groups[] = { NFNLGRP_NFTABLES };
    FirewallWatch *watch = g_new0(FirewallWatch, 1);

    watch->own = netlink_port(nl);
    watch->fn = fn;
    watch->data = data;
    if (netlink_listen(NETLINK_NETFILTER, groups, G_N_ELEMENTS(groups), on_message, watch, &watch->listener, err) < 0) {
        g_free(watch);
        return error_prefixf(err, "cannot watch the packet filter");
    }
    *ret = watch;
    return 0;
}

void
firewall_watch_close(FirewallWatch *watch)
{
    if (!watch)
        return;
    netlink_listener_free(watch->listener);
    sd_event_source_disable_unref(watch->timer);
    g_free(watch);
}
