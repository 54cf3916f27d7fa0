/* See ruleset.h. */
#include "virtnetworkd/firewall/ruleset.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>

#define REQUEST_SIZE 2048
#define TRIES 10

static const struct { uint8_t nfproto; const char *name; } families[] = {
    { NFPROTO_INET, "inet" }, { NFPROTO_IPV4, "ip" }, { NFPROTO_IPV6, "ip6" },
};

const char *
firewall_family_name(uint8_t nfproto)
{
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (families[i].nfproto == nfproto)
            return families[i].name;
    }
    return NULL;
}

static void
chain_free(void *data)
{
    ForeignChain *chain = data;

    g_free(chain->family_table);
    g_free(chain->name);
    g_free(chain->table);
    g_ptr_array_unref(chain->rules);
    g_free(chain);
}

static void
element_clear(void *data)
{
    g_free(((ForeignElement *)data)->chain);
}

static void
set_free(void *data)
{
    g_array_unref(((ForeignSet *)data)->elements);
    g_free(data);
}

static void
note_chain(Ruleset *ruleset, const struct nftnl_chain *nft)
{
    const char *table = nftnl_chain_get_str(nft, NFTNL_CHAIN_TABLE), *name = nftnl_chain_get_str(nft, NFTNL_CHAIN_NAME);
    const char *family = firewall_family_name((uint8_t)nftnl_chain_get_u32(nft, NFTNL_CHAIN_FAMILY));
    ForeignChain *chain;

    if (!family || !table || !name || strcmp(table, FIREWALL_TABLE) == 0)
        return;
    chain = g_new0(ForeignChain, 1);
    chain->family_table = g_strdup_printf("%s %s", family, table);
    chain->family = nftnl_chain_get_u32(nft, NFTNL_CHAIN_FAMILY);
    chain->table = g_strdup(table);
    chain->name = g_strdup(name);
    chain->rules = g_ptr_array_new_with_free_func((GDestroyNotify)nftnl_rule_free);
    chain->hook = nftnl_chain_get_u32(nft, NFTNL_CHAIN_HOOKNUM);
    chain->policy = nftnl_chain_get_u32(nft, NFTNL_CHAIN_POLICY);
    chain->base = nftnl_chain_is_set(nft, NFTNL_CHAIN_HOOKNUM) &&
        (chain->hook == NF_INET_LOCAL_IN || chain->hook == NF_INET_FORWARD) &&
        g_strcmp0(nftnl_chain_get_str(nft, NFTNL_CHAIN_TYPE), "filter") == 0;
    g_hash_table_insert(ruleset->chains, g_strdup_printf("%s %s", chain->family_table, name), chain);
    if (chain->base)
        g_ptr_array_add(ruleset->bases, chain);
}

static int
on_chain(const struct nlmsghdr *message, void *data)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();

    if (chain && nftnl_chain_nlmsg_parse(message, chain) >= 0)
        note_chain(data, chain);
    nftnl_chain_free(chain);
    return 0;
}

static int
on_rule(const struct nlmsghdr *message, void *data)
{
    Ruleset *ruleset = data;
    struct nftnl_rule *rule = nftnl_rule_alloc();
    g_autofree char *key = NULL;
    ForeignChain *chain;

    /* A rule that this libnftnl does not understand is passed over: nothing can be said of it. */
    if (!rule || nftnl_rule_nlmsg_parse(message, rule) < 0) {
        nftnl_rule_free(rule);
        return 0;
    }
    key = g_strdup_printf("%s %s %s", firewall_family_name((uint8_t)nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY)) ?: "",
                          nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
    chain = g_hash_table_lookup(ruleset->chains, key);
    if (chain)
        g_ptr_array_add(chain->rules, rule);
    else
        nftnl_rule_free(rule);
    return 0;
}

static int
read_table(Ruleset *ruleset, const ForeignChain *base)
{
    char room[REQUEST_SIZE] = "";
    struct nlmsghdr *request = nftnl_nlmsg_build_hdr(room, NFT_MSG_GETRULE, (uint16_t)base->family, NLM_F_DUMP, 0);
    struct nftnl_rule *rule = nftnl_rule_alloc();

    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, base->table);
    nftnl_rule_nlmsg_build_payload(request, rule);
    nftnl_rule_free(rule);
    return netlink_exchange(ruleset->nl, request, on_rule, ruleset);
}

static int
read_all(Ruleset *ruleset)
{
    g_autoptr(GHashTable) tables = g_hash_table_new(g_str_hash, g_str_equal);
    char room[REQUEST_SIZE] = "";
    int r;

    r = netlink_exchange(ruleset->nl, nftnl_nlmsg_build_hdr(room, NFT_MSG_GETCHAIN, AF_UNSPEC, NLM_F_DUMP, 0), on_chain, ruleset);
    for (guint i = 0; r == 0 && i < ruleset->bases->len; i++) {
        const ForeignChain *base = g_ptr_array_index(ruleset->bases, i);

        if (g_hash_table_add(tables, base->family_table))
            r = read_table(ruleset, base);
    }
    return r;
}

static Ruleset *
ruleset_new(Netlink *nl)
{
    Ruleset *ruleset = g_new0(Ruleset, 1);

    ruleset->nl = nl;
    ruleset->bases = g_ptr_array_new();
    ruleset->chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, chain_free);
    ruleset->sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, set_free);
    return ruleset;
}

void
ruleset_free(Ruleset *ruleset)
{
    if (!ruleset)
        return;
    g_ptr_array_unref(ruleset->bases);
    g_hash_table_unref(ruleset->chains);
    g_hash_table_unref(ruleset->sets);
    g_free(ruleset);
}

int
ruleset_read(Netlink *nl, Ruleset **ret)
{
    int r = -EINTR;

    for (unsigned i = 0; i < TRIES && (r == -EINTR || r == -ENOENT); i++) {
        g_autoptr(Ruleset) ruleset = ruleset_new(nl);

        r = read_all(ruleset);
        if (r == 0)
            *ret = g_steal_pointer(&ruleset);
    }
    return r;
}

ForeignChain *
ruleset_chain(Ruleset *ruleset, const ForeignChain *beside, const char *name)
{
    g_autofree char *key = g_strdup_printf("%s %s", beside->family_table, name ?: "");

    return g_hash_table_lookup(ruleset->chains, key);
}

static int
note_element(struct nftnl_set_elem *nft, void *data)
{
    ForeignElement element = { .verdict = NFT_CONTINUE };
    const void *key = nftnl_set_elem_get(nft, NFTNL_SET_ELEM_KEY, &element.key_size);

    if (!key)
        return 0;
    element.key_size = MIN(element.key_size, sizeof(element.key));
    memcpy(element.key, key, element.key_size);
    if (nftnl_set_elem_is_set(nft, NFTNL_SET_ELEM_VERDICT))
        element.verdict = (int)nftnl_set_elem_get_u32(nft, NFTNL_SET_ELEM_VERDICT);
    if (nftnl_set_elem_is_set(nft, NFTNL_SET_ELEM_CHAIN))
        element.chain = g_strdup(nftnl_set_elem_get_str(nft, NFTNL_SET_ELEM_CHAIN));
    g_array_append_val(((ForeignSet *)data)->elements, element);
    return 0;
}

static int
on_elements(const struct nlmsghdr *message, void *data)
{
    struct nftnl_set *nft = nftnl_set_alloc();

    if (nft && nftnl_set_elems_nlmsg_parse(message, nft) >= 0)
        nftnl_set_elem_foreach(nft, note_element, data);
    nftnl_set_free(nft);
    return 0;
}

static int
on_set(const struct nlmsghdr *message, void *data)
{
    struct nftnl_set *nft = nftnl_set_alloc();

    if (nft && nftnl_set_nlmsg_parse(message, nft) >= 0)
        ((ForeignSet *)data)->exact = !(nftnl_set_get_u32(nft, NFTNL_SET_FLAGS) & NFT_SET_INTERVAL);
    nftnl_set_free(nft);
    return 0;
}

static int
ask_set(Ruleset *ruleset, const ForeignChain *beside, const char *name, ForeignSet *set)
{
    char room[REQUEST_SIZE] = "", again[REQUEST_SIZE] = "";
    struct nlmsghdr *request = nftnl_nlmsg_build_hdr(room, NFT_MSG_GETSET, (uint16_t)beside->family, 0, 0);
    struct nftnl_set *nft = nftnl_set_alloc();
    int r;

    nftnl_set_set_str(nft, NFTNL_SET_TABLE, beside->table);
    nftnl_set_set_str(nft, NFTNL_SET_NAME, name);
    nftnl_set_nlmsg_build_payload(request, nft);
    r = netlink_exchange(ruleset->nl, request, on_set, set);
    if (r == 0 && set->exact) {
        request = nftnl_nlmsg_build_hdr(again, NFT_MSG_GETSETELEM, (uint16_t)beside->family, NLM_F_DUMP, 0);
        nftnl_set_elems_nlmsg_build_payload(request, nft);
        r = netlink_exchange(ruleset->nl, request, on_elements, set);
    }
    nftnl_set_free(nft);
    return r;
}

const ForeignSet *
ruleset_set(Ruleset *ruleset, const ForeignChain *beside, const char *name)
{
    g_autofree char *key = g_strdup_printf("%s %s", beside->family_table, name ?: "");
    ForeignSet *set = g_hash_table_lookup(ruleset->sets, key);

    if (set || !name)
        return set;
    set = g_new0(ForeignSet, 1);
    set->elements = g_array_new(FALSE, FALSE, sizeof(ForeignElement));
    g_array_set_clear_func(set->elements, element_clear);
    if (ask_set(ruleset, beside, name, set) < 0)
        set->exact = false;
    g_hash_table_insert(ruleset->sets, g_steal_pointer(&key), set);
    return set;
}
