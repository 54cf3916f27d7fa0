/* What the files of this folder share. */
#pragma once

#include "common/host/netlink/netlink.h"
#include "virtnetworkd/firewall/firewall.h"

#define FIREWALL_TABLE "virtd_network"

/* The families we have a table in. */
enum { FAMILY_IP4, FAMILY_IP6, N_FAMILIES };
extern const uint8_t firewall_families[N_FAMILIES]; /* NFPROTO_* */
const char *firewall_family_name(uint8_t nfproto);  /* "ip", "ip6", "inet", ... as nft says it */

/* What a rule or an object needs of the kernel beyond the basics: what can be missing, alone. */
typedef enum FirewallFeature {
    FEATURE_IPV6 = 1 << 0,       /* the table of IPv6 */
    FEATURE_NAT = 1 << 1,        /* chains of type nat */
    FEATURE_MASQUERADE = 1 << 2,
    FEATURE_SNAT = 1 << 3,
    FEATURE_REJECT = 1 << 4,
    FEATURE_STATE = 1 << 5,      /* connection tracking */
} FirewallFeature;

/* The chains of a network, one of each kind, and the hook each is reached from. */
typedef enum ChainKind { CHAIN_INPUT, CHAIN_OUTPUT, CHAIN_FROM, CHAIN_TO, CHAIN_NAT, N_CHAIN_KINDS } ChainKind;

/* A chain's rules. Ours can be sent; those read back are fingerprints only. */
typedef struct Rule {
    uint64_t fingerprint; /* of what it does; 0 when it was not written by us */
    GByteArray *message;  /* owned; NULL when read back */
    unsigned features;    /* of FirewallFeature */
} Rule;

GArray *rules_new(void);                 /* of Rule, which it frees */
bool rules_equal(const GArray *a, const GArray *b); /* NULL is like none */

/* A network's rules: NULL where a chain is not needed. */
typedef struct Group {
    char *bridge, *name;
    GArray *chains[N_FAMILIES][N_CHAIN_KINDS];
} Group;

/* Without what is missing (of FirewallFeature), which is noted in warnings. */
Group *group_new(const FirewallNetwork *network, unsigned missing, GPtrArray *warnings);
void group_free(Group *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Group, group_free)

/* The base chains: where the packets come in, and the maps that lead from an interface's name to a network's chain. */
typedef struct BaseChain {
    const char *name, *type;
    uint32_t hook; /* NF_INET_* */
    int32_t priority;
    unsigned features;
} BaseChain;

typedef struct BaseMap {
    const char *name; /* of the map; also the prefix of the networks' chains: NAME_BRIDGE */
    unsigned base;    /* which base chain looks it up */
    bool by_out;      /* with the name of the outgoing interface */
} BaseMap;

#define N_BASE_CHAINS 4
extern const BaseChain base_chains[N_BASE_CHAINS];
extern const BaseMap base_maps[N_CHAIN_KINDS]; /* by ChainKind */
GArray *base_rules(unsigned family, unsigned base);
char *chain_name(ChainKind kind, const char *bridge);

/* What the kernel has of ours in one family. */
typedef struct FamilyState {
    bool exists;                       /* the table */
    bool awake;                        /* and it is not dormant */
    bool bases[N_BASE_CHAINS];         /* there, with hook, priority and policy as they should be */
    bool maps[N_CHAIN_KINDS];
    GHashTable *chains;                /* name -> GArray of Rule; with the base chains */
    GHashTable *elements[N_CHAIN_KINDS]; /* interface -> name of the chain it leads to */
} FamilyState;

void family_state_done(FamilyState *state);
/* 0 or a negative errno. -EINTR: others keep changing it. */
int kernel_generation(Netlink *nl, uint32_t *ret);
int kernel_read(Netlink *nl, FamilyState ret[N_FAMILIES], uint32_t *ret_generation);

/* foreign.c: 0 or a negative errno. */
int firewall_foreign_scan(Netlink *nl, const FirewallNetwork *const *networks, size_t n, GPtrArray *warnings);

/* libvirt.c: 1 when there were some, 0 or a negative errno. */
int firewall_drop_libvirt_rules(Netlink *nl);

/* watch.c */
typedef struct FirewallWatch FirewallWatch;
int firewall_watch_open(Netlink *nl, FirewallWatchFn fn, void *data, FirewallWatch **ret, Error *err);
void firewall_watch_close(FirewallWatch *watch);
void firewall_watch_note(FirewallWatch *watch, unsigned change); /* as if others had made it */
