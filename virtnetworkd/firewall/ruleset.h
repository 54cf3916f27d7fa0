/*
 * The rules of others, read to be judged: their base chains at the hooks our packets pass, the chains these lead to, and the
 * elements of the sets they look up.
 */
#pragma once

#include <libnftnl/rule.h>

#include "virtnetworkd/firewall/internal.h"

typedef struct ForeignChain {
    char *family_table;     /* "ip filter": also the key of its table */
    char *name;
    uint32_t family;
    char *table;
    bool base;
    uint32_t hook, policy;  /* of a base chain */
    GPtrArray *rules;       /* of struct nftnl_rule */
} ForeignChain;

typedef struct ForeignElement {
    uint8_t key[64];
    uint32_t key_size;
    int verdict;            /* of a map; NFT_CONTINUE otherwise */
    char *chain;            /* where it leads to, or NULL */
} ForeignElement;

typedef struct ForeignSet {
    bool exact;             /* neither intervals nor concatenated ranges: an element is a value */
    GArray *elements;       /* of ForeignElement */
} ForeignSet;

typedef struct Ruleset {
    Netlink *nl;
    GPtrArray *bases;       /* of ForeignChain, borrowed */
    GHashTable *chains;     /* "ip filter FORWARD" -> ForeignChain */
    GHashTable *sets;       /* "ip filter allowed" -> ForeignSet, as they are asked for */
} Ruleset;

/* The tables with base chains at input or forward, but ours. 0 or negative errno. */
int ruleset_read(Netlink *nl, Ruleset **ret);
void ruleset_free(Ruleset *ruleset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ruleset, ruleset_free)

ForeignChain *ruleset_chain(Ruleset *ruleset, const ForeignChain *beside, const char *name); /* of the same table; NULL: none */
/* NULL when it can't be read. */
const ForeignSet *ruleset_set(Ruleset *ruleset, const ForeignChain *beside, const char *name);
