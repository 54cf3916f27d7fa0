/* What a network's mode means in rules. */
#include <netinet/in.h> /* before the kernel's, which then leave it alone */
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

#include "virtnetworkd/firewall/expr.h"

#define NAT_PORT_FIRST 1024 /* a guest's ports do not become the host's privileged ones */
#define NAT_PORT_LAST 65535

const uint8_t firewall_families[N_FAMILIES] = { [FAMILY_IP4] = NFPROTO_IPV4, [FAMILY_IP6] = NFPROTO_IPV6 };
static const sa_family_t address_families[N_FAMILIES] = { [FAMILY_IP4] = AF_INET, [FAMILY_IP6] = AF_INET6 };

const BaseChain base_chains[N_BASE_CHAINS] = {
    { "guest_input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER, 0 },
    { "guest_output", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER, 0 },
    { "guest_forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER, 0 },
    { "guest_nat", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, FEATURE_NAT },
};

/* In the order in which they are looked up within a base chain. */
const BaseMap base_maps[N_CHAIN_KINDS] = {
    [CHAIN_INPUT] = { "input", 0, false },
    [CHAIN_OUTPUT] = { "output", 1, true },
    [CHAIN_FROM] = { "from", 2, false },
    [CHAIN_TO] = { "to", 2, true },
    [CHAIN_NAT] = { "nat", 3, false },
};

/* What dnsmasq serves: packets to the host, and from it to the guests. */
static const struct {
    size_t wanted; /* offset of the network's flag */
    unsigned family;
    uint8_t protocol;
    uint16_t in, out;
} services[] = {
#define SERVICE(flag, ...) { offsetof(FirewallNetwork, flag), __VA_ARGS__ }
    SERVICE(dhcp4, FAMILY_IP4, IPPROTO_UDP, 67, 68),
    SERVICE(dhcp4, FAMILY_IP4, IPPROTO_TCP, 67, 68),
    SERVICE(dhcp6, FAMILY_IP6, IPPROTO_UDP, 547, 546),
    SERVICE(dns, FAMILY_IP4, IPPROTO_UDP, 53, 53),
    SERVICE(dns, FAMILY_IP4, IPPROTO_TCP, 53, 53),
    SERVICE(dns, FAMILY_IP6, IPPROTO_UDP, 53, 53),
    SERVICE(dns, FAMILY_IP6, IPPROTO_TCP, 53, 53),
    SERVICE(tftp, FAMILY_IP4, IPPROTO_UDP, 69, 69),
    SERVICE(tftp, FAMILY_IP6, IPPROTO_UDP, 69, 69),
#undef SERVICE
};

/* What is never translated: it stays on its link. */
static const struct { unsigned family; const char *network; unsigned prefix; } link_destinations[] = {
    { FAMILY_IP4, "224.0.0.0", 24 },
    { FAMILY_IP4, "255.255.255.255", 32 },
    { FAMILY_IP6, "ff02::", 16 },
};

/* A mode: what guests may reach beyond their bridge, what may reach them from there. */
typedef enum Reach { REACH_NOTHING, REACH_REPLIES, REACH_ALL } Reach;

static const struct { bool rules; Reach from, to; } modes[FIREWALL_N_MODES] = {
    [FIREWALL_ISOLATED] = { true, REACH_NOTHING, REACH_NOTHING },
    [FIREWALL_NAT] = { true, REACH_ALL, REACH_REPLIES },
    [FIREWALL_ROUTE] = { true, REACH_ALL, REACH_ALL },
    [FIREWALL_OPEN] = { false, 0, 0 },
};

/* What is made in one go: a network's chain. */
typedef struct Work {
    const FirewallNetwork *network;
    unsigned family, missing;
    bool nat; /* in this family */
    char *chain;
    GArray *rules;
} Work;

static void
rule_clear(void *data)
{
    g_clear_pointer(&((Rule *)data)->message, g_byte_array_unref);
}

GArray *
rules_new(void)
{
    GArray *rules = g_array_new(FALSE, FALSE, sizeof(Rule));

    g_array_set_clear_func(rules, rule_clear);
    return rules;
}

bool
rules_equal(const GArray *a, const GArray *b)
{
    guint n = a ? a->len : 0;

    if (n != (b ? b->len : 0))
        return false;
    for (guint i = 0; i < n; i++) {
        if (g_array_index(a, Rule, i).fingerprint != g_array_index(b, Rule, i).fingerprint)
            return false;
    }
    return true;
}

char *
chain_name(ChainKind kind, const char *bridge)
{
    return g_strdup_printf("%s_%s", base_maps[kind].name, bridge);
}

static struct nftnl_rule *
begin(const Work *work)
{
    return rule_begin(work->family, work->chain);
}

static void
add(Work *work, struct nftnl_rule *rule, unsigned features)
{
    rule_add(work->rules, rule, features, work->network->name);
}

static void
add_services(Work *work, bool out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
        const bool *wanted = (const bool *)((const char *)work->network + services[i].wanted);
        struct nftnl_rule *rule;

        if (!*wanted || services[i].family != work->family)
            continue;
        rule = begin(work);
        rule_protocol(rule, services[i].protocol);
        rule_port(rule, out ? services[i].out : services[i].in);
        rule_verdict(rule, NF_ACCEPT);
        add(work, rule, 0);
    }
}

static void
add_refusal(Work *work)
{
    struct nftnl_rule *rule = begin(work);

    if (work->missing & FEATURE_REJECT)
        rule_verdict(rule, NF_DROP);
    else
        rule_reject(rule, work->family);
    add(work, rule, work->missing & FEATURE_REJECT ? 0 : FEATURE_REJECT);
}

/* What passes between a subnet and the outside in one direction. */
static void
add_passage(Work *work, const FirewallSubnet *subnet, bool from, Reach reach)
{
    bool replies = reach == REACH_REPLIES;
    struct nftnl_rule *rule;

    if (reach == REACH_NOTHING || (replies && work->missing & FEATURE_STATE))
        return;
    rule = begin(work);
    if (work->network->out_dev)
        rule_interface(rule, from, MATCH_IS, work->network->out_dev);
    if (from)
        rule_source(rule, MATCH_IS, &subnet->address, subnet->prefix);
    else
        rule_destination(rule, MATCH_IS, &subnet->address, subnet->prefix);
    if (replies)
        rule_replies(rule);
    rule_verdict(rule, NFT_RETURN);
    add(work, rule, replies ? FEATURE_STATE : 0);
}

/* "return" goes on to the chain of the other side's network, if it has one: both must agree. */
static void
add_forward(Work *work, bool from)
{
    Reach reach = from ? modes[work->network->mode].from : modes[work->network->mode].to;
    struct nftnl_rule *rule = begin(work);

    if (reach == REACH_REPLIES && !work->nat)
        reach = REACH_ALL;
    rule_interface(rule, from, MATCH_IS, work->network->bridge); /* guests of one bridge among themselves */
    rule_verdict(rule, NF_ACCEPT);
    add(work, rule, 0);
    for (size_t i = 0; i < work->network->n_subnets; i++) {
        if (work->network->subnets[i].address.family == address_families[work->family])
            add_passage(work, &work->network->subnets[i], from, reach);
    }
    add_refusal(work);
}

static void
add_return(Work *work, struct nftnl_rule *rule)
{
    rule_verdict(rule, NFT_RETURN);
    add(work, rule, 0);
}

static void
add_translation(Work *work, const FirewallSubnet *subnet, uint8_t protocol)
{
    static const IpAddress none;
    const FirewallNetwork *network = work->network;
    bool snat = network->nat_first.family == address_families[work->family];
    unsigned feature = snat ? FEATURE_SNAT : FEATURE_MASQUERADE;
    uint16_t first = network->nat_port_first ?: NAT_PORT_FIRST, last = network->nat_port_last ?: NAT_PORT_LAST;
    struct nftnl_rule *rule;

    if (work->missing & feature)
        return;
    rule = begin(work);
    rule_source(rule, MATCH_IS, &subnet->address, subnet->prefix);
    rule_destination(rule, MATCH_IS_NOT, &subnet->address, subnet->prefix);
    if (protocol)
        rule_protocol(rule, protocol);
    rule_translate(rule, work->family, snat ? &network->nat_first : &none, snat ? &network->nat_last : &none, protocol ? first : 0,
                   protocol ? last : 0);
    add(work, rule, feature);
}

static void
add_nat(Work *work)
{
    struct nftnl_rule *rule = begin(work);

    rule_interface(rule, true, MATCH_IS, work->network->bridge);
    add_return(work, rule);
    if (work->network->out_dev) {
        rule = begin(work);
        rule_interface(rule, true, MATCH_IS_NOT, work->network->out_dev);
        add_return(work, rule);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(link_destinations); i++) {
        IpAddress network;

        if (link_destinations[i].family != work->family || !ip_parse(link_destinations[i].network, &network))
            continue;
        rule = begin(work);
        rule_destination(rule, MATCH_IS, &network, link_destinations[i].prefix);
        add_return(work, rule);
    }
    for (size_t i = 0; i < work->network->n_subnets; i++) {
        const FirewallSubnet *subnet = &work->network->subnets[i];

        if (subnet->address.family != address_families[work->family])
            continue;
        add_translation(work, subnet, IPPROTO_TCP);
        add_translation(work, subnet, IPPROTO_UDP);
        add_translation(work, subnet, 0);
    }
}

static GArray *
make_chain(Work *work, ChainKind kind)
{
    g_autofree char *chain = chain_name(kind, work->network->bridge);
    g_autoptr(GArray) rules = rules_new();

    work->chain = chain;
    work->rules = rules;
    if (kind == CHAIN_INPUT || kind == CHAIN_OUTPUT)
        add_services(work, kind == CHAIN_OUTPUT);
    else if (kind == CHAIN_FROM || kind == CHAIN_TO)
        add_forward(work, kind == CHAIN_FROM);
    else if (work->nat && !(work->missing & FEATURE_NAT))
        add_nat(work);
    return rules->len ? g_steal_pointer(&rules) : NULL;
}

static bool
has_nat(const FirewallNetwork *network, unsigned family)
{
    bool any = false;

    for (size_t i = 0; i < network->n_subnets; i++)
        any = any || network->subnets[i].address.family == address_families[family];
    return any && network->mode == FIREWALL_NAT && (family == FAMILY_IP4 || network->nat_ipv6);
}

/* What a network loses by what is missing. */
static void
warn(const FirewallNetwork *network, bool nat, bool snat, unsigned missing, GPtrArray *warnings)
{
    const struct { bool applies; unsigned feature; const char *what; } rows[] = {
        { nat, FEATURE_NAT, "no nat chains (CONFIG_NFT_NAT): its guests do not reach out in the host's name" },
        { nat && !snat, FEATURE_MASQUERADE, "no masquerading (CONFIG_NFT_MASQ): its guests do not reach out in the host's name" },
        { snat, FEATURE_SNAT, "no source translation (CONFIG_NFT_NAT): its guests do not reach out in the given addresses" },
        { nat, FEATURE_STATE, "no connection tracking (CONFIG_NFT_CT): no answers from outside reach its guests" },
        { true, FEATURE_REJECT, "no rejecting (CONFIG_NFT_REJECT): what its rules refuse is dropped without a word" },
        { true, FEATURE_IPV6, "no packet filter for IPv6 (CONFIG_NF_TABLES_IPV6): its IPv6 traffic is not filtered" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].applies && missing & rows[i].feature)
            g_ptr_array_add(warnings, g_strdup_printf("network '%s': this kernel has %s", network->name, rows[i].what));
    }
}

Group *
group_new(const FirewallNetwork *network, unsigned missing, GPtrArray *warnings)
{
    Group *group = g_new0(Group, 1);

    group->bridge = g_strdup(network->bridge);
    group->name = g_strdup(network->name);
    if (!modes[network->mode].rules)
        return group;
    for (unsigned family = 0; family < N_FAMILIES; family++) {
        Work work = { .network = network, .family = family, .missing = missing, .nat = has_nat(network, family) };

        if (family == FAMILY_IP6 && missing & FEATURE_IPV6)
            continue;
        for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++)
            group->chains[family][kind] = make_chain(&work, kind);
    }
    warn(network, network->mode == FIREWALL_NAT, ip_is_set(&network->nat_first), missing, warnings);
    return group;
}

void
group_free(Group *group)
{
    for (unsigned family = 0; family < N_FAMILIES; family++) {
        for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++)
            g_clear_pointer(&group->chains[family][kind], g_array_unref);
    }
    g_free(group->bridge);
    g_free(group->name);
    g_free(group);
}

GArray *
base_rules(unsigned family, unsigned base)
{
    GArray *rules = rules_new();

    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
        struct nftnl_rule *rule;

        if (base_maps[kind].base != base)
            continue;
        rule = rule_begin(family, base_chains[base].name);
        rule_look_up(rule, base_maps[kind].by_out, base_maps[kind].name);
        rule_add(rules, rule, 0, NULL);
    }
    return rules;
}
