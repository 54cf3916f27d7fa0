/* What the kernel has of our tables, read back. */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include "virtnetworkd/firewall/expr.h"

#define REQUEST_SIZE 1024
#define TRIES 10 /* while others change the rules */

typedef struct Reading {
    FamilyState *state;
    GHashTable *elements; /* of the map that is being read */
} Reading;

static int
on_generation(const struct nlmsghdr *message, void *data)
{
    struct nftnl_gen *gen = nftnl_gen_alloc();

    if (gen && nftnl_gen_nlmsg_parse(message, gen) >= 0)
        *(uint32_t *)data = nftnl_gen_get_u32(gen, NFTNL_GEN_ID);
    nftnl_gen_free(gen);
    return 0;
}

int
kernel_generation(Netlink *nl, uint32_t *ret)
{
    char room[REQUEST_SIZE] = "";

    return netlink_exchange(nl, nftnl_nlmsg_build_hdr(room, NFT_MSG_GETGEN, AF_UNSPEC, 0, 0), on_generation, ret);
}

static bool
is_ours(const char *table)
{
    return g_strcmp0(table, FIREWALL_TABLE) == 0;
}

static int
on_table(const struct nlmsghdr *message, void *data)
{
    FamilyState *state = ((Reading *)data)->state;
    struct nftnl_table *table = nftnl_table_alloc();

    if (table && nftnl_table_nlmsg_parse(message, table) >= 0 && is_ours(nftnl_table_get_str(table, NFTNL_TABLE_NAME))) {
        state->exists = true;
        state->awake = !(nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT);
    }
    nftnl_table_free(table);
    return 0;
}

static bool
is_base(const struct nftnl_chain *chain, const BaseChain *base)
{
    return nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) && nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == base->hook &&
        nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO) == base->priority &&
        nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_ACCEPT &&
        g_strcmp0(nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE), base->type) == 0;
}

static void
note_chain(FamilyState *state, const struct nftnl_chain *chain)
{
    const char *name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);

    if (!name || !is_ours(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE)))
        return;
    g_hash_table_insert(state->chains, g_strdup(name), rules_new());
    for (unsigned i = 0; i < N_BASE_CHAINS; i++)
        state->bases[i] = state->bases[i] || (strcmp(name, base_chains[i].name) == 0 && is_base(chain, &base_chains[i]));
}

static int
on_chain(const struct nlmsghdr *message, void *data)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();

    if (chain && nftnl_chain_nlmsg_parse(message, chain) >= 0)
        note_chain(((Reading *)data)->state, chain);
    nftnl_chain_free(chain);
    return 0;
}

static int
on_rule(const struct nlmsghdr *message, void *data)
{
    FamilyState *state = ((Reading *)data)->state;
    struct nftnl_rule *nft = nftnl_rule_alloc();

    if (nft && nftnl_rule_nlmsg_parse(message, nft) >= 0 && is_ours(nftnl_rule_get_str(nft, NFTNL_RULE_TABLE))) {
        const char *chain = nftnl_rule_get_str(nft, NFTNL_RULE_CHAIN);
        GArray *rules = chain ? g_hash_table_lookup(state->chains, chain) : NULL;
        Rule rule = { .fingerprint = rule_fingerprint(nft) };

        if (rules)
            g_array_append_val(rules, rule);
    }
    nftnl_rule_free(nft);
    return 0;
}

static int
on_set(const struct nlmsghdr *message, void *data)
{
    FamilyState *state = ((Reading *)data)->state;
    struct nftnl_set *set = nftnl_set_alloc();

    for (ChainKind kind = 0; set && nftnl_set_nlmsg_parse(message, set) >= 0 && kind < N_CHAIN_KINDS; kind++) {
        if (is_ours(nftnl_set_get_str(set, NFTNL_SET_TABLE)) &&
            g_strcmp0(nftnl_set_get_str(set, NFTNL_SET_NAME), base_maps[kind].name) == 0)
            state->maps[kind] = nftnl_set_get_u32(set, NFTNL_SET_FLAGS) == NFT_SET_MAP &&
                nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN) == IFNAMSIZ &&
                nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT;
    }
    nftnl_set_free(set);
    return 0;
}

static int
note_element(struct nftnl_set_elem *element, void *data)
{
    uint32_t size;
    const char *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size);
    const char *chain = nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_CHAIN)
        ? nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN) : "";

    if (key)
        g_hash_table_insert(data, g_strndup(key, MIN(size, IFNAMSIZ)), g_strdup(chain));
    return 0;
}

static int
on_elements(const struct nlmsghdr *message, void *data)
{
    struct nftnl_set *set = nftnl_set_alloc();

    if (set && nftnl_set_elems_nlmsg_parse(message, set) >= 0)
        nftnl_set_elem_foreach(set, note_element, ((Reading *)data)->elements);
    nftnl_set_free(set);
    return 0;
}

static struct nlmsghdr *
begin(char *room, uint16_t type, unsigned family, uint16_t flags)
{
    memset(room, 0, REQUEST_SIZE);
    return nftnl_nlmsg_build_hdr(room, type, firewall_families[family], flags, 0);
}

static int
read_table(Netlink *nl, unsigned family, Reading *reading)
{
    char room[REQUEST_SIZE];
    struct nlmsghdr *request = begin(room, NFT_MSG_GETTABLE, family, 0);
    struct nftnl_table *table = nftnl_table_alloc();
    int r;

    nftnl_table_set_str(table, NFTNL_TABLE_NAME, FIREWALL_TABLE);
    nftnl_table_nlmsg_build_payload(request, table);
    nftnl_table_free(table);
    r = netlink_exchange(nl, request, on_table, reading);
    /* Not there; or this kernel has no such family. */
    return r == -ENOENT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

static int
read_rules(Netlink *nl, unsigned family, Reading *reading)
{
    char room[REQUEST_SIZE];
    struct nlmsghdr *request = begin(room, NFT_MSG_GETRULE, family, NLM_F_DUMP);
    struct nftnl_rule *rule = nftnl_rule_alloc();

    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, FIREWALL_TABLE);
    nftnl_rule_nlmsg_build_payload(request, rule);
    nftnl_rule_free(rule);
    return netlink_exchange(nl, request, on_rule, reading);
}

static int
read_maps(Netlink *nl, unsigned family, Reading *reading)
{
    char room[REQUEST_SIZE];
    struct nlmsghdr *request = begin(room, NFT_MSG_GETSET, family, NLM_F_DUMP);
    struct nftnl_set *set = nftnl_set_alloc();
    int r;

    nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
    nftnl_set_nlmsg_build_payload(request, set);
    r = netlink_exchange(nl, request, on_set, reading);
    for (ChainKind kind = 0; r == 0 && kind < N_CHAIN_KINDS; kind++) {
        if (!reading->state->maps[kind])
            continue;
        request = begin(room, NFT_MSG_GETSETELEM, family, NLM_F_DUMP);
        nftnl_set_set_str(set, NFTNL_SET_NAME, base_maps[kind].name);
        nftnl_set_elems_nlmsg_build_payload(request, set);
        reading->elements = reading->state->elements[kind];
        r = netlink_exchange(nl, request, on_elements, reading);
    }
    nftnl_set_free(set);
    return r;
}

static void
state_init(FamilyState *state)
{
    *state = (FamilyState){ .chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref) };
    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++)
        state->elements[kind] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
family_state_done(FamilyState *state)
{
    g_clear_pointer(&state->chains, g_hash_table_unref);
    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++)
        g_clear_pointer(&state->elements[kind], g_hash_table_unref);
}

static int
read_family(Netlink *nl, unsigned family, FamilyState *state)
{
    Reading reading = { .state = state };
    char room[REQUEST_SIZE];
    int r;

    r = read_table(nl, family, &reading);
    if (r < 0 || !state->exists)
        return r;
    r = netlink_exchange(nl, begin(room, NFT_MSG_GETCHAIN, family, NLM_F_DUMP), on_chain, &reading);
    if (r == 0)
        r = read_rules(nl, family, &reading);
    if (r == 0)
        r = read_maps(nl, family, &reading);
    return r;
}

int
kernel_read(Netlink *nl, FamilyState ret[N_FAMILIES], uint32_t *ret_generation)
{
    int r = -EINTR;

    /* Several dumps show one state only if the generation is the same before and after. */
    for (unsigned i = 0; i < TRIES && r == -EINTR; i++) {
        uint32_t before = 0, after = 0;

        for (unsigned family = 0; family < N_FAMILIES; family++) {
            family_state_done(&ret[family]);
            state_init(&ret[family]);
        }
        r = kernel_generation(nl, &before);
        for (unsigned family = 0; r == 0 && family < N_FAMILIES; family++)
            r = read_family(nl, family, &ret[family]);
        if (r == 0)
            r = kernel_generation(nl, &after);
        /* What vanished between two dumps says ENOENT. */
        if ((r == 0 || r == -ENOENT) && before != after)
            r = -EINTR;
        *ret_generation = before;
    }
    return r;
}
