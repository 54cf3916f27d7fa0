/*
 * The rules that libvirt's daemon left of networks that are ours now. It keeps them in chains, or a table, of its own, which it
 * fills again when it is started; so all of them go, and its empty chains stay where they are jumped to.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>

#include "virtnetworkd/firewall/batch.h"

#define REQUEST_SIZE 1024
#define ITS_TABLE "libvirt_network" /* of libvirt 10.4 and newer with firewall_backend nftables */

/* What older ones, and firewall_backend iptables, fill in the tables filter, nat and mangle: seen here when iptables is iptables-nft. */
static const char *const its_chains[] = { "LIBVIRT_INP", "LIBVIRT_OUT", "LIBVIRT_FWI", "LIBVIRT_FWO", "LIBVIRT_FWX", "LIBVIRT_PRT", NULL };

typedef struct Found {
    uint8_t nfproto;
    char *table, *chain; /* chain NULL: the whole table */
} Found;

static void
found_clear(void *data)
{
    Found *found = data;

    g_free(found->table);
    g_free(found->chain);
}

static void
note(GArray *all, uint8_t nfproto, const char *table, const char *chain)
{
    Found found = { nfproto, g_strdup(table), g_strdup(chain) };

    g_array_append_val(all, found);
}

static bool
has_table(const GArray *all, uint8_t nfproto, const char *table)
{
    for (guint i = 0; i < all->len; i++) {
        const Found *found = &g_array_index(all, Found, i);

        if (found->nfproto == nfproto && strcmp(found->table, table) == 0)
            return true;
    }
    return false;
}

static int
on_chain(const struct nlmsghdr *message, void *data)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();

    if (chain && nftnl_chain_nlmsg_parse(message, chain) >= 0) {
        const char *table = nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), *name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
        uint8_t nfproto = (uint8_t)nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);

        if (g_strcmp0(table, ITS_TABLE) == 0 && !has_table(data, nfproto, ITS_TABLE))
            note(data, nfproto, table, NULL);
        else if (table && name && g_strv_contains(its_chains, name))
            note(data, nfproto, table, name);
    }
    nftnl_chain_free(chain);
    return 0;
}

static int
find(Netlink *nl, GArray *all)
{
    char room[REQUEST_SIZE] = "";

    return netlink_dump(nl, nftnl_nlmsg_build_hdr(room, NFT_MSG_GETCHAIN, AF_UNSPEC, NLM_F_DUMP, 0), on_chain, all);
}

/* 0 or a negative errno; -ERESTART when others changed the rules in between. */
static int
drop(Netlink *nl, uint32_t generation, const GArray *all)
{
    const char *what;
    unsigned features;
    Batch batch;
    int r;

    batch_init(&batch, nl, generation);
    for (guint i = 0; i < all->len; i++) {
        const Found *found = &g_array_index(all, Found, i);

        if (found->chain)
            batch_flush_foreign(&batch, found->nfproto, found->table, found->chain);
        else
            batch_drop_foreign_table(&batch, found->nfproto, found->table);
    }
    r = batch_send(&batch, &features, &what);
    batch_done(&batch);
    return r;
}

int
firewall_drop_libvirt_rules(Netlink *nl)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Found));
    uint32_t generation = 0;
    int r;

    g_array_set_clear_func(all, found_clear);
    r = kernel_generation(nl, &generation);
    if (r == 0)
        r = find(nl, all);
    if (r < 0 || all->len == 0)
        return r;
    r = drop(nl, generation, all);
    return r < 0 ? r : 1;
}
