/* See expr.h. */
#include "virtnetworkd/firewall/expr.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include <libnftnl/common.h>
#include <libnftnl/udata.h>

#define ICMP_PORT_UNREACHABLE 3
#define ICMP6_PORT_UNREACHABLE 4
#define MESSAGE_MAX 2048      /* the longest of ours takes half of it */
#define UDATA_FINGERPRINT 100 /* of ours; nft skips types it does not know */
#define COMMENT_MAX 100

/* Where the addresses are in the headers. */
static const struct { uint32_t source, destination; } address_offsets[N_FAMILIES] = {
    [FAMILY_IP4] = { 12, 16 },
    [FAMILY_IP6] = { 8, 24 },
};

static struct nftnl_expr *
add(struct nftnl_rule *rule, const char *name)
{
    struct nftnl_expr *expr = nftnl_expr_alloc(name);

    g_assert(expr);
    nftnl_rule_add_expr(rule, expr);
    return expr;
}

static void
add_cmp(struct nftnl_rule *rule, int is, const void *data, uint32_t size)
{
    struct nftnl_expr *expr = add(rule, "cmp");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, is == MATCH_IS ? NFT_CMP_EQ : NFT_CMP_NEQ);
    nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, size);
}

static void
add_mask(struct nftnl_rule *rule, const void *mask, uint32_t size)
{
    static const uint8_t zero[16];
    struct nftnl_expr *expr = add(rule, "bitwise");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, size);
    nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, size);
    nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, size);
}

static void
add_meta(struct nftnl_rule *rule, uint32_t key)
{
    struct nftnl_expr *expr = add(rule, "meta");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void
add_payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t size)
{
    struct nftnl_expr *expr = add(rule, "payload");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, size);
}

static void
add_immediate(struct nftnl_rule *rule, uint32_t reg, const void *data, uint32_t size)
{
    struct nftnl_expr *expr = add(rule, "immediate");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, reg);
    nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, data, size);
}

struct nftnl_rule *
rule_begin(unsigned family, const char *chain)
{
    struct nftnl_rule *rule = nftnl_rule_alloc();

    g_assert(rule);
    nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, firewall_families[family]);
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, FIREWALL_TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    return rule;
}

void
rule_interface(struct nftnl_rule *rule, bool out, int is, const char *name)
{
    char whole[IFNAMSIZ] = "";

    g_strlcpy(whole, name, sizeof(whole));
    add_meta(rule, out ? NFT_META_OIFNAME : NFT_META_IIFNAME);
    add_cmp(rule, is, whole, sizeof(whole));
}

static void
add_address(struct nftnl_rule *rule, uint32_t offset, int is, const IpAddress *ip, unsigned prefix)
{
    IpAddress network = ip_network(ip, prefix), mask = ip_mask(ip->family, prefix);
    uint32_t size = (uint32_t)ip_size(ip);

    add_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
    if (prefix < ip_bits(ip))
        add_mask(rule, mask.b, size);
    add_cmp(rule, is, network.b, size);
}

static unsigned
family_of(const IpAddress *ip)
{
    return ip->family == AF_INET6 ? FAMILY_IP6 : FAMILY_IP4;
}

void
rule_source(struct nftnl_rule *rule, int is, const IpAddress *network, unsigned prefix)
{
    add_address(rule, address_offsets[family_of(network)].source, is, network, prefix);
}

void
rule_destination(struct nftnl_rule *rule, int is, const IpAddress *network, unsigned prefix)
{
    add_address(rule, address_offsets[family_of(network)].destination, is, network, prefix);
}

void
rule_protocol(struct nftnl_rule *rule, uint8_t protocol)
{
    add_meta(rule, NFT_META_L4PROTO);
    add_cmp(rule, MATCH_IS, &protocol, sizeof(protocol));
}

void
rule_port(struct nftnl_rule *rule, uint16_t destination)
{
    uint16_t port = htons(destination);

    add_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(port));
    add_cmp(rule, MATCH_IS, &port, sizeof(port));
}

void
rule_replies(struct nftnl_rule *rule)
{
    uint32_t wanted = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), none = 0;
    struct nftnl_expr *expr = add(rule, "ct");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, NFT_REG_1);
    add_mask(rule, &wanted, sizeof(wanted));
    add_cmp(rule, MATCH_IS_NOT, &none, sizeof(none));
}

void
rule_verdict(struct nftnl_rule *rule, int verdict)
{
    struct nftnl_expr *expr = add(rule, "immediate");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
}

void
rule_reject(struct nftnl_rule *rule, unsigned family)
{
    struct nftnl_expr *expr = add(rule, "reject");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
    nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, family == FAMILY_IP6 ? ICMP6_PORT_UNREACHABLE : ICMP_PORT_UNREACHABLE);
}

void
rule_translate(struct nftnl_rule *rule, unsigned family, const IpAddress *first, const IpAddress *last, uint16_t port_first,
               uint16_t port_last)
{
    bool snat = ip_is_set(first);
    uint16_t low = htons(port_first), high = htons(port_last);
    struct nftnl_expr *expr;

    if (snat) {
        add_immediate(rule, NFT_REG_1, first->b, (uint32_t)ip_size(first));
        add_immediate(rule, NFT_REG_2, last->b, (uint32_t)ip_size(last));
    }
    if (port_first) {
        add_immediate(rule, NFT_REG_3, &low, sizeof(low));
        add_immediate(rule, NFT_REG_4, &high, sizeof(high));
    }
    expr = add(rule, snat ? "nat" : "masq");
    if (snat) {
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY, firewall_families[family]);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_2);
    }
    if (port_first) {
        nftnl_expr_set_u32(expr, snat ? NFTNL_EXPR_NAT_REG_PROTO_MIN : NFTNL_EXPR_MASQ_REG_PROTO_MIN, NFT_REG_3);
        nftnl_expr_set_u32(expr, snat ? NFTNL_EXPR_NAT_REG_PROTO_MAX : NFTNL_EXPR_MASQ_REG_PROTO_MAX, NFT_REG_4);
        nftnl_expr_set_u32(expr, snat ? NFTNL_EXPR_NAT_FLAGS : NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
    }
}

void
rule_look_up(struct nftnl_rule *rule, bool out, const char *map)
{
    struct nftnl_expr *expr;

    add_meta(rule, out ? NFT_META_OIFNAME : NFT_META_IIFNAME);
    expr = add(rule, "lookup");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, map);
}

/* FNV-1a: it tells our own rules apart, it guards against nobody. */
static uint64_t
fingerprint(const void *data, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    return hash ?: 1;
}

/* One value of user data, as nft lays them out: type, length, bytes. */
static size_t
put_udata(uint8_t *room, uint8_t type, const void *value, size_t size)
{
    room[0] = type;
    room[1] = (uint8_t)size;
    memcpy(room + 2, value, size);
    return 2 + size;
}

/* Appended by hand: the message has got its fingerprint by now, and building it twice would be most of the work. */
static void
put_user_data(struct nlmsghdr *message, uint64_t print, const char *comment)
{
    struct nlattr *attr = (struct nlattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
    uint8_t *value = (uint8_t *)attr + NLA_HDRLEN;
    size_t size = 0;

    if (comment) {
        g_autofree char *cut = g_strndup(comment, COMMENT_MAX);

        size += put_udata(value, NFTNL_UDATA_RULE_COMMENT, cut, strlen(cut) + 1);
    }
    size += put_udata(value + size, UDATA_FINGERPRINT, &print, sizeof(print));
    attr->nla_type = NFTA_RULE_USERDATA;
    attr->nla_len = (uint16_t)(NLA_HDRLEN + size);
    message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + NLA_ALIGN(attr->nla_len);
}

void
rule_add(GArray *rules, struct nftnl_rule *rule, unsigned features, const char *comment)
{
    char room[MESSAGE_MAX] = "";
    struct nlmsghdr *message = nftnl_nlmsg_build_hdr(room, NFT_MSG_NEWRULE, (uint16_t)nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
                                                     NLM_F_CREATE | NLM_F_APPEND, 0);
    Rule done = { .features = features };

    nftnl_rule_nlmsg_build_payload(message, rule);
    nftnl_rule_free(rule);
    done.fingerprint = fingerprint(message, message->nlmsg_len);
    put_user_data(message, done.fingerprint, comment);
    done.message = g_byte_array_append(g_byte_array_sized_new(message->nlmsg_len), (const guint8 *)message, message->nlmsg_len);
    g_array_append_val(rules, done);
}

uint64_t
rule_fingerprint(const struct nftnl_rule *rule)
{
    const struct nftnl_udata *attr;
    uint32_t size = 0;
    const char *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
    uint64_t print = 0;

    /* By hand, as others write user data too: type, length, value, with nothing that promises that they fit. */
    for (uint32_t at = 0; data && at + 2 <= size; at += 2 + nftnl_udata_len(attr)) {
        attr = (const struct nftnl_udata *)(data + at);
        if (nftnl_udata_type(attr) == UDATA_FINGERPRINT && nftnl_udata_len(attr) == sizeof(print) && at + 2 + sizeof(print) <= size)
            memcpy(&print, nftnl_udata_get(attr), sizeof(print));
    }
    return print;
}
