/*
 * Rules of others that stop what ours let through (firewall_foreign()).
 *
 * Each base chain of others at input and forward is walked with a few packets typical of a network, of which some things are
 * known (interface, addresses of the network, protocol and port of its services, new connection or answer) and the rest is not.
 * What is reported is what stops such a packet for certain: a verdict reached by matches that are true, or the chain's policy.
 * An "accept" ends the walk if its matches are true, or if one of them names the network's own interface, whatever its others:
 * somebody has thought of us there. Other accepts that may or may not match do not count, nor do drops that may or may not.
 *
 * Not seen: the bridge family, sets with intervals, what iptables-legacy says, and everything after a "return" that may match.
 */
#include <arpa/inet.h> /* before the kernel's, which then leave it alone */
#include <net/if.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include "virtnetworkd/firewall/expr.h"
#include "virtnetworkd/firewall/registers.h"
#include "virtnetworkd/firewall/ruleset.h"

#define DEPTH_MAX 16 /* of jumps; the kernel's own bound */
#define NAME_SIZE 16
#define DATA_MAX 64

typedef struct Packet {
    const char *what; /* "packets of its guests to the outside" */
    uint32_t hook;
    uint8_t nfproto;
    const char *in, *out;                            /* interfaces; NULL unknown */
    const FirewallSubnet *source, *destination;      /* NULL unknown */
    uint8_t protocol;                                /* 0 unknown, as is the port */
    uint16_t port;
    uint32_t state;                                  /* NF_CT_STATE_BIT() */
} Packet;

typedef struct Walk {
    Ruleset *ruleset;
    const Packet *packet;
    const ForeignChain *stopped_in; /* where it ended, if it was stopped */
    const struct nftnl_rule *stopped_by;
    const char *how;
    unsigned depth;
} Walk;

typedef enum End { END_THROUGH, END_ACCEPTED, END_STOPPED } End;

/* A rule under evaluation. */
typedef struct Look {
    Walk *walk;
    const ForeignChain *chain;
    Registers registers;
    Truth truth;
    bool names_us;
    int verdict;        /* NFT_CONTINUE until one is met */
    const char *target;
    const char *how;    /* "reject", "drop" */
} Look;

static void
require(Look *look, Truth truth)
{
    look->truth = MIN(look->truth, truth);
}

static void
load_interface(Look *look, uint32_t reg, const char *name, bool index)
{
    char whole[NAME_SIZE] = "";
    uint32_t number = name ? if_nametoindex(name) : 0;

    if (!name || (index && !number)) {
        registers_forget(&look->registers, reg, index ? sizeof(number) : sizeof(whole));
        return;
    }
    g_strlcpy(whole, name, sizeof(whole));
    if (index)
        registers_load(&look->registers, reg, &number, NULL, sizeof(number), true);
    else
        registers_load(&look->registers, reg, whole, NULL, sizeof(whole), true);
}

static void
load_byte(Look *look, uint32_t reg, uint8_t value)
{
    if (value)
        registers_load(&look->registers, reg, &value, NULL, sizeof(value), false);
    else
        registers_forget(&look->registers, reg, sizeof(value));
}

static void
on_meta(Look *look, struct nftnl_expr *expr)
{
    const Packet *packet = look->walk->packet;
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_META_DREG);

    if (!nftnl_expr_is_set(expr, NFTNL_EXPR_META_DREG))
        return; /* it sets something of the packet */
    switch (nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY)) {
    case NFT_META_IIFNAME: load_interface(look, reg, packet->in, false); break;
    case NFT_META_OIFNAME: load_interface(look, reg, packet->out, false); break;
    case NFT_META_IIF: load_interface(look, reg, packet->in, true); break;
    case NFT_META_OIF: load_interface(look, reg, packet->out, true); break;
    case NFT_META_NFPROTO: load_byte(look, reg, packet->nfproto); break;
    case NFT_META_L4PROTO: load_byte(look, reg, packet->protocol); break;
    default: registers_forget(&look->registers, reg, DATA_MAX); break;
    }
}

static void
load_address(Look *look, uint32_t reg, const FirewallSubnet *subnet, uint32_t size)
{
    IpAddress network, mask;

    if (!subnet || size > ip_size(&subnet->address)) {
        registers_forget(&look->registers, reg, size);
        return;
    }
    network = ip_network(&subnet->address, subnet->prefix);
    mask = ip_mask(subnet->address.family, subnet->prefix);
    registers_load(&look->registers, reg, network.b, mask.b, size, false);
}

static void
on_payload(Look *look, struct nftnl_expr *expr)
{
    const Packet *packet = look->walk->packet;
    bool six = packet->nfproto == NFPROTO_IPV6;
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_DREG), base = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_BASE);
    uint32_t offset = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET), size = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_LEN);
    uint16_t port = htons(packet->port);

    if (!nftnl_expr_is_set(expr, NFTNL_EXPR_PAYLOAD_DREG))
        return;
    if (base == NFT_PAYLOAD_NETWORK_HEADER && offset == (six ? 8 : 12))
        load_address(look, reg, packet->source, size);
    else if (base == NFT_PAYLOAD_NETWORK_HEADER && offset == (six ? 24 : 16))
        load_address(look, reg, packet->destination, size);
    else if (base == NFT_PAYLOAD_NETWORK_HEADER && offset == (six ? 6 : 9) && size == 1)
        load_byte(look, reg, packet->protocol);
    else if (base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && size == sizeof(port) && packet->port)
        registers_load(&look->registers, reg, &port, NULL, sizeof(port), false);
    else
        registers_forget(&look->registers, reg, size);
}

static void
on_ct(Look *look, struct nftnl_expr *expr)
{
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_CT_DREG);

    if (!nftnl_expr_is_set(expr, NFTNL_EXPR_CT_DREG))
        return;
    if (nftnl_expr_get_u32(expr, NFTNL_EXPR_CT_KEY) == NFT_CT_STATE)
        registers_load(&look->registers, reg, &look->walk->packet->state, NULL, sizeof(uint32_t), false);
    else
        registers_forget(&look->registers, reg, DATA_MAX);
}

static void
on_bitwise(Look *look, struct nftnl_expr *expr)
{
    uint32_t from = nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_SREG), to = nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_DREG);
    uint32_t size = nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_LEN), n = 0, m = 0;
    const void *mask = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_MASK, &n), *flip = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_XOR, &m);

    if (mask && flip && n >= size && m >= size)
        registers_mask(&look->registers, from, to, mask, flip, size);
    else
        registers_forget(&look->registers, to, size); /* a shift */
}

static Truth
opposite(Truth truth)
{
    return TRUTH_YES - truth;
}

static Truth
from_bool(bool value)
{
    return value ? TRUTH_YES : TRUTH_NO;
}

static void
on_cmp(Look *look, struct nftnl_expr *expr)
{
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_SREG), op = nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP), size = 0;
    const void *data = nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &size);
    Truth truth = registers_equal(&look->registers, reg, data, size);
    int order;

    if (op == NFT_CMP_EQ && truth == TRUTH_YES && registers_are_interface(&look->registers, reg))
        look->names_us = true;
    if (op == NFT_CMP_NEQ)
        truth = opposite(truth);
    else if (op != NFT_CMP_EQ && !registers_compare(&look->registers, reg, data, size, &order))
        truth = TRUTH_MAYBE;
    else if (op != NFT_CMP_EQ)
        truth = from_bool(op == NFT_CMP_LT ? order < 0 : op == NFT_CMP_LTE ? order <= 0 : op == NFT_CMP_GT ? order > 0 : order >= 0);
    require(look, truth);
}

static void
on_range(Look *look, struct nftnl_expr *expr)
{
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_SREG), n = 0, m = 0;
    const void *from = nftnl_expr_get(expr, NFTNL_EXPR_RANGE_FROM_DATA, &n), *to = nftnl_expr_get(expr, NFTNL_EXPR_RANGE_TO_DATA, &m);
    bool inverted = nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_NEQ;
    int low, high;

    if (from && to && registers_compare(&look->registers, reg, from, n, &low) && registers_compare(&look->registers, reg, to, m, &high))
        require(look, from_bool((low >= 0 && high <= 0) != inverted));
    else
        require(look, TRUTH_MAYBE);
}

static void
on_lookup(Look *look, struct nftnl_expr *expr)
{
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_SREG);
    const ForeignSet *set = ruleset_set(look->walk->ruleset, look->chain, nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET));
    bool inverted = nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV;
    bool map = nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_DREG);
    Truth truth = set && set->exact ? TRUTH_NO : TRUTH_MAYBE;
    const ForeignElement *found = NULL;

    for (guint i = 0; set && set->exact && truth != TRUTH_YES && i < set->elements->len; i++) {
        const ForeignElement *element = &g_array_index(set->elements, ForeignElement, i);
        Truth equal = registers_equal(&look->registers, reg, element->key, element->key_size);

        truth = MAX(truth, equal);
        found = equal == TRUTH_YES ? element : found;
    }
    look->names_us = look->names_us || (found && !inverted && registers_are_interface(&look->registers, reg));
    require(look, inverted ? opposite(truth) : truth);
    if (map && nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_DREG) != NFT_REG_VERDICT)
        registers_forget(&look->registers, nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_DREG), DATA_MAX);
    else if (map && found) {
        look->verdict = found->verdict;
        look->target = found->chain;
        look->how = "drop";
    }
}

static void
on_immediate(Look *look, struct nftnl_expr *expr)
{
    uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_DREG), size = 0;
    const void *data;

    if (reg == NFT_REG_VERDICT) {
        look->verdict = (int)nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT);
        look->target = nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN);
        look->how = "drop";
        return;
    }
    data = nftnl_expr_get(expr, NFTNL_EXPR_IMM_DATA, &size);
    if (data)
        registers_load(&look->registers, reg, data, NULL, size, false);
}

static void
on_reject(Look *look, struct nftnl_expr *expr)
{
    look->verdict = NF_DROP;
    look->how = "reject";
}

/* What iptables says through its own modules. */
static void
on_target(Look *look, struct nftnl_expr *expr)
{
    const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_TG_NAME);

    if (g_strcmp0(name, "REJECT") == 0)
        on_reject(look, expr);
}

static void
on_match(Look *look, struct nftnl_expr *expr)
{
    if (g_strcmp0(nftnl_expr_get_str(expr, NFTNL_EXPR_MT_NAME), "comment") != 0)
        require(look, TRUTH_MAYBE);
}

static void
on_nothing(Look *look, struct nftnl_expr *expr)
{
}

static void
on_chance(Look *look, struct nftnl_expr *expr)
{
    require(look, TRUTH_MAYBE);
}

static const struct { const char *name; void (*fn)(Look *look, struct nftnl_expr *expr); } expressions[] = {
    { "meta", on_meta },
    { "payload", on_payload },
    { "ct", on_ct },
    { "bitwise", on_bitwise },
    { "cmp", on_cmp },
    { "range", on_range },
    { "lookup", on_lookup },
    { "immediate", on_immediate },
    { "reject", on_reject },
    { "target", on_target },
    { "match", on_match },
    { "counter", on_nothing },
    { "log", on_nothing },
    { "notrack", on_nothing },
    { "objref", on_nothing },
    { "last", on_nothing },
    { "limit", on_chance },
    { "connlimit", on_chance },
    { "quota", on_chance },
};

static int
on_expression(struct nftnl_expr *expr, void *data)
{
    const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
    Look *look = data;

    for (size_t i = 0; i < G_N_ELEMENTS(expressions); i++) {
        if (strcmp(expressions[i].name, name) == 0) {
            expressions[i].fn(look, expr);
            return 0;
        }
    }
    /* It may load anything, and may end the rule. */
    memset(&look->registers, 0, sizeof(look->registers));
    require(look, TRUTH_MAYBE);
    return 0;
}

static End walk_chain(Walk *walk, const ForeignChain *chain);

static End
stop(Walk *walk, const ForeignChain *chain, const struct nftnl_rule *rule, const char *how)
{
    walk->stopped_in = chain;
    walk->stopped_by = rule;
    walk->how = how;
    return END_STOPPED;
}

static End
walk_target(Walk *walk, const Look *look)
{
    const ForeignChain *target = ruleset_chain(walk->ruleset, look->chain, look->target);
    End end;

    if (!target || walk->depth >= DEPTH_MAX)
        return END_THROUGH;
    walk->depth++;
    end = walk_chain(walk, target);
    walk->depth--;
    if (look->truth == TRUTH_YES || (end == END_ACCEPTED && look->names_us))
        return end;
    return END_THROUGH;
}

static End
walk_chain(Walk *walk, const ForeignChain *chain)
{
    for (guint i = 0; i < chain->rules->len; i++) {
        struct nftnl_rule *rule = g_ptr_array_index(chain->rules, i);
        Look look = { .walk = walk, .chain = chain, .truth = TRUTH_YES, .verdict = NFT_CONTINUE };
        bool certain;
        End end;

        nftnl_expr_foreach(rule, on_expression, &look);
        certain = look.truth == TRUTH_YES;
        if (look.truth == TRUTH_NO)
            continue;
        if (look.verdict == NF_ACCEPT && (certain || look.names_us))
            return END_ACCEPTED;
        if (look.verdict == NF_DROP && certain)
            return stop(walk, chain, rule, look.how);
        if (look.verdict == NF_QUEUE && certain)
            return END_ACCEPTED; /* a program decides */
        if (look.verdict == NFT_RETURN)
            return END_THROUGH;
        if (look.verdict != NFT_JUMP && look.verdict != NFT_GOTO)
            continue;
        end = walk_target(walk, &look);
        if (end != END_THROUGH || (look.verdict == NFT_GOTO && certain))
            return end;
    }
    return END_THROUGH;
}

static void
judge(Ruleset *ruleset, const ForeignChain *base, const FirewallNetwork *network, const Packet *packet, GHashTable *said,
      GPtrArray *warnings)
{
    Walk walk = { .ruleset = ruleset, .packet = packet };
    End end = walk_chain(&walk, base);
    g_autofree char *where = NULL;

    if (end == END_THROUGH && base->policy == NF_DROP)
        where = g_strdup_printf("the policy 'drop' of chain '%s' in table '%s'", base->name, base->family_table);
    else if (end == END_STOPPED)
        where = g_strdup_printf("rule %" G_GUINT64_FORMAT " ('%s') of chain '%s' in table '%s'",
                                nftnl_rule_get_u64(walk.stopped_by, NFTNL_RULE_HANDLE), walk.how, walk.stopped_in->name,
                                walk.stopped_in->family_table);
    if (!where || g_hash_table_contains(said, where))
        return;
    g_ptr_array_add(warnings, g_strdup_printf("network '%s': %s are stopped by %s", network->name, packet->what, where));
    g_hash_table_add(said, g_steal_pointer(&where));
}

static void
try_packet(Ruleset *ruleset, const FirewallNetwork *network, const Packet *packet, GHashTable *said, GPtrArray *warnings)
{
    for (guint i = 0; i < ruleset->bases->len; i++) {
        const ForeignChain *base = g_ptr_array_index(ruleset->bases, i);

        if (base->hook == packet->hook && (base->family == NFPROTO_INET || base->family == packet->nfproto))
            judge(ruleset, base, network, packet, said, warnings);
    }
}

/* What of a subnet is forwarded. */
static void
try_forwarding(Ruleset *ruleset, const FirewallNetwork *network, const FirewallSubnet *subnet, GHashTable *said, GPtrArray *warnings)
{
    uint8_t nfproto = subnet->address.family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
    bool answers_only = network->mode == FIREWALL_NAT && (nfproto == NFPROTO_IPV4 || network->nat_ipv6);
    Packet out = { .what = "packets of its guests to the outside", .hook = NF_INET_FORWARD, .nfproto = nfproto,
                   .in = network->bridge, .out = network->out_dev, .source = subnet, .state = NF_CT_STATE_BIT(IP_CT_NEW) };
    Packet in = { .what = answers_only ? "answers to its guests" : "packets from the outside to its guests", .hook = NF_INET_FORWARD,
                  .nfproto = nfproto, .in = network->out_dev, .out = network->bridge, .destination = subnet,
                  .state = answers_only ? NF_CT_STATE_BIT(IP_CT_ESTABLISHED) : NF_CT_STATE_BIT(IP_CT_NEW) };

    try_packet(ruleset, network, &out, said, warnings);
    try_packet(ruleset, network, &in, said, warnings);
}

static void
try_services(Ruleset *ruleset, const FirewallNetwork *network, GHashTable *said, GPtrArray *warnings)
{
    const struct { bool served; const char *what; uint8_t nfproto; uint16_t port; } services[] = {
        { network->dhcp4, "its guests' requests for addresses (DHCP)", NFPROTO_IPV4, 67 },
        { network->dhcp6, "its guests' requests for addresses (DHCPv6)", NFPROTO_IPV6, 547 },
        { network->dns, "its guests' questions for names (DNS)", NFPROTO_IPV4, 53 },
        { network->tftp, "its guests' requests for boot files (TFTP)", NFPROTO_IPV4, 69 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
        Packet packet = { .what = services[i].what, .hook = NF_INET_LOCAL_IN, .nfproto = services[i].nfproto, .in = network->bridge,
                          .protocol = 17, .port = services[i].port, .state = NF_CT_STATE_BIT(IP_CT_NEW) };

        if (services[i].served)
            try_packet(ruleset, network, &packet, said, warnings);
    }
}

int
firewall_foreign_scan(Netlink *nl, const FirewallNetwork *const *networks, size_t n, GPtrArray *warnings)
{
    g_autoptr(Ruleset) ruleset = NULL;
    int r = ruleset_read(nl, &ruleset);

    for (size_t i = 0; r == 0 && i < n; i++) {
        g_autoptr(GHashTable) said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

        try_services(ruleset, networks[i], said, warnings);
        for (size_t k = 0; k < networks[i]->n_subnets; k++) {
            if (networks[i]->mode == FIREWALL_NAT || networks[i]->mode == FIREWALL_ROUTE)
                try_forwarding(ruleset, networks[i], &networks[i]->subnets[k], said, warnings);
        }
    }
    return r;
}
