/* See batch.h. */
#include "virtnetworkd/firewall/batch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#define MESSAGE_MAX 4096
#define TYPE_IFNAME 41 /* how nft shows the keys: its own numbering */
#define HOST_ORDER 1   /* of the keys, likewise */

typedef struct Note { unsigned features; const char *what; } Note;

static void
note(Batch *batch, unsigned features, const char *what)
{
    Note row = { .features = features, .what = what };

    g_array_append_val(batch->notes, row);
}

/* Append a message; it gets the next sequence. */
static void
put(Batch *batch, const void *data, uint32_t size)
{
    guint at = batch->bytes->len;
    struct nlmsghdr *message;

    g_byte_array_append(batch->bytes, data, size);
    message = (struct nlmsghdr *)(batch->bytes->data + at);
    message->nlmsg_seq = batch->first + batch->notes->len;
    message->nlmsg_flags |= NLM_F_REQUEST;
}

static void
put_noted(Batch *batch, const struct nlmsghdr *message, unsigned features, const char *format, const char *name)
{
    g_autofree char *what = g_strdup_printf("%s '%s'", format, name);

    put(batch, message, message->nlmsg_len);
    note(batch, features, g_string_chunk_insert(batch->names, what));
    netlink_sequence(batch->nl);
}

void
batch_init(Batch *batch, Netlink *nl, uint32_t generation)
{
    char room[MESSAGE_MAX] = "";
    struct nlmsghdr *message;
    struct nlattr *attr;
    uint32_t value = htonl(generation);

    *batch = (Batch){ .nl = nl, .bytes = g_byte_array_new(), .notes = g_array_new(FALSE, FALSE, sizeof(Note)),
                      .names = g_string_chunk_new(4096), .first = netlink_sequence(nl) };
    message = nftnl_batch_begin(room, batch->first);
    attr = (struct nlattr *)(room + NLMSG_ALIGN(message->nlmsg_len));
    attr->nla_type = NFNL_BATCH_GENID;
    attr->nla_len = NLA_HDRLEN + sizeof(value);
    memcpy((char *)attr + NLA_HDRLEN, &value, sizeof(value));
    message->nlmsg_len += NLA_ALIGN(attr->nla_len);
    put(batch, message, message->nlmsg_len);
    note(batch, 0, "the rules");
}

void
batch_done(Batch *batch)
{
    g_byte_array_unref(batch->bytes);
    g_array_unref(batch->notes);
    g_string_chunk_free(batch->names);
}

bool
batch_is_empty(const Batch *batch)
{
    return batch->notes->len == 1;
}

static struct nlmsghdr *
begin(char *room, uint16_t type, unsigned family)
{
    bool create = type == NFT_MSG_NEWTABLE || type == NFT_MSG_NEWCHAIN || type == NFT_MSG_NEWSET || type == NFT_MSG_NEWSETELEM;

    return nftnl_nlmsg_build_hdr(room, type, firewall_families[family], create ? NLM_F_CREATE : 0, 0);
}

static void
put_table(Batch *batch, struct nlmsghdr *message, const char *name, unsigned features)
{
    struct nftnl_table *table = nftnl_table_alloc();

    nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
    nftnl_table_nlmsg_build_payload(message, table);
    nftnl_table_free(table);
    put_noted(batch, message, features, "table", name);
}

void
batch_table(Batch *batch, unsigned family, bool create)
{
    char room[MESSAGE_MAX] = "";

    put_table(batch, begin(room, create ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE, family), FIREWALL_TABLE,
              create && family == FAMILY_IP6 ? FEATURE_IPV6 : 0);
}

void
batch_drop_foreign_table(Batch *batch, uint8_t nfproto, const char *table)
{
    char room[MESSAGE_MAX] = "";

    put_table(batch, nftnl_nlmsg_build_hdr(room, NFT_MSG_DELTABLE, nfproto, 0, 0), table, 0);
}

static struct nftnl_chain *
new_chain(const char *name)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();

    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, FIREWALL_TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
    return chain;
}

void
batch_base_chain(Batch *batch, unsigned family, const BaseChain *base)
{
    char room[MESSAGE_MAX] = "";
    struct nlmsghdr *message = begin(room, NFT_MSG_NEWCHAIN, family);
    struct nftnl_chain *chain = new_chain(base->name);

    nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, base->hook);
    nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, base->priority);
    nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, base->type);
    nftnl_chain_nlmsg_build_payload(message, chain);
    nftnl_chain_free(chain);
    put_noted(batch, message, base->features, "chain", base->name);
}

void
batch_flush(Batch *batch, unsigned family, const char *chain)
{
    batch_flush_foreign(batch, firewall_families[family], FIREWALL_TABLE, chain);
}

void
batch_flush_foreign(Batch *batch, uint8_t nfproto, const char *table, const char *chain)
{
    char room[MESSAGE_MAX] = "";
    struct nlmsghdr *message = nftnl_nlmsg_build_hdr(room, NFT_MSG_DELRULE, nfproto, 0, 0);
    struct nftnl_rule *rule = nftnl_rule_alloc();

    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_nlmsg_build_payload(message, rule);
    nftnl_rule_free(rule);
    put_noted(batch, message, 0, "rules of chain", chain);
}

void
batch_chain(Batch *batch, unsigned family, const char *name, bool create)
{
    char room[MESSAGE_MAX] = "";
    struct nlmsghdr *message = begin(room, create ? NFT_MSG_NEWCHAIN : NFT_MSG_DELCHAIN, family);
    struct nftnl_chain *chain = new_chain(name);

    if (!create)
        batch_flush(batch, family, name);
    nftnl_chain_nlmsg_build_payload(message, chain);
    nftnl_chain_free(chain);
    put_noted(batch, message, 0, "chain", name);
}

void
batch_map(Batch *batch, unsigned family, ChainKind kind)
{
    char room[MESSAGE_MAX] = "";
    struct nlmsghdr *message = begin(room, NFT_MSG_NEWSET, family);
    struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    struct nftnl_set *set = nftnl_set_alloc();

    nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
    nftnl_set_set_str(set, NFTNL_SET_NAME, base_maps[kind].name);
    nftnl_set_set_u32(set, NFTNL_SET_ID, kind + 1);
    nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_MAP);
    nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, TYPE_IFNAME);
    nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, IFNAMSIZ);
    nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
    nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 0);
    nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, HOST_ORDER);
    nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata), nftnl_udata_buf_len(udata));
    nftnl_set_nlmsg_build_payload(message, set);
    nftnl_set_free(set);
    nftnl_udata_buf_free(udata);
    put_noted(batch, message, 0, "map", base_maps[kind].name);
}

void
batch_element(Batch *batch, unsigned family, ChainKind kind, const char *interface, const char *chain, bool create)
{
    char room[MESSAGE_MAX] = "", key[IFNAMSIZ] = "";
    struct nlmsghdr *message = begin(room, create ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, family);
    struct nftnl_set_elem *element = nftnl_set_elem_alloc();
    struct nftnl_set *set = nftnl_set_alloc();

    g_strlcpy(key, interface, sizeof(key));
    nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
    nftnl_set_set_str(set, NFTNL_SET_NAME, base_maps[kind].name);
    nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, sizeof(key));
    if (create) {
        nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_JUMP);
        nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, chain);
    }
    nftnl_set_elem_add(set, element);
    nftnl_set_elems_nlmsg_build_payload(message, set);
    nftnl_set_free(set);
    put_noted(batch, message, 0, "map entry of interface", interface);
}

void
batch_rules(Batch *batch, const GArray *rules, const char *what)
{
    for (guint i = 0; rules && i < rules->len; i++) {
        const Rule *rule = &g_array_index(rules, Rule, i);

        put_noted(batch, (const struct nlmsghdr *)rule->message->data, rule->features, "rule of chain", what);
    }
}

/* The last message before the end asks for an answer: silence would not be success. */
static void
ask_for_answer(Batch *batch)
{
    struct nlmsghdr *message = (struct nlmsghdr *)batch->bytes->data;

    for (guint i = 1; i < batch->notes->len; i++)
        message = (struct nlmsghdr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
    message->nlmsg_flags |= NLM_F_ACK;
}

int
batch_send(Batch *batch, unsigned *ret_features, const char **ret_what)
{
    uint32_t last = batch->first + batch->notes->len, refused = batch->first;
    char room[MESSAGE_MAX] = "";
    const Note *row;
    int r;

    ask_for_answer(batch);
    netlink_sequence(batch->nl);
    put(batch, room, nftnl_batch_end(room, last)->nlmsg_len);
    r = netlink_batch(batch->nl, batch->bytes->data, batch->bytes->len, batch->first, last, &refused);
    row = &g_array_index(batch->notes, Note, MIN(refused - batch->first, batch->notes->len - 1));
    *ret_features = row->features;
    *ret_what = row->what;
    return r;
}
