/* See firewall.h: desired against current, and the batch between them. */
#include "virtnetworkd/firewall/firewall.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "common/base/file.h"
#include "virtnetworkd/firewall/batch.h"

#define TRIES 10 /* when others change the rules between our reading and our writing */

struct Firewall {
    Netlink *nl;
    GHashTable *wanted;               /* bridge -> Group */
    FamilyState current[N_FAMILIES];  /* what the kernel has, if known, at this generation */
    uint32_t generation;
    bool known;
    bool settled;                     /* and it is all that was wanted, then */
    unsigned missing;                 /* of FirewallFeature: what this kernel refused */
    FirewallWatch *watch;             /* NULL: nobody wants to know */
};

static GHashTable *
groups_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)group_free);
}

int
firewall_open(Firewall **ret, Error *err)
{
    g_autoptr(Firewall) fw = g_new0(Firewall, 1);

    fw->wanted = groups_new();
    if (netlink_open(NETLINK_NETFILTER, &fw->nl, err) < 0)
        return error_prefixf(err, "cannot reach the packet filter");
    *ret = g_steal_pointer(&fw);
    return 0;
}

void
firewall_close(Firewall *fw)
{
    if (!fw)
        return;
    for (unsigned family = 0; family < N_FAMILIES; family++)
        family_state_done(&fw->current[family]);
    g_hash_table_unref(fw->wanted);
    firewall_watch_close(fw->watch);
    netlink_close(fw->nl);
    g_free(fw);
}

/* Between two changes of ours the kernel is asked only whether somebody else made one. */
static int
refresh(Firewall *fw)
{
    uint32_t generation = 0;
    int r = 0;

    if (fw->known)
        r = kernel_generation(fw->nl, &generation);
    if (r < 0 || (fw->known && generation == fw->generation))
        return r;
    fw->settled = false;
    r = kernel_read(fw->nl, fw->current, &fw->generation);
    fw->known = r == 0;
    return r == -EINVAL ? -EPROTONOSUPPORT : r; /* nobody there to ask */
}

static bool
has_rules(GHashTable *wanted, unsigned family)
{
    GHashTableIter iter;
    Group *group;

    g_hash_table_iter_init(&iter, wanted);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&group)) {
        for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
            if (group->chains[family][kind])
                return true;
        }
    }
    return false;
}

static bool
base_needed(const Firewall *fw, unsigned base)
{
    return !(base_chains[base].features & fw->missing);
}

/* What all networks share is there and as it should be. */
static bool
base_is_right(const Firewall *fw, unsigned family)
{
    const FamilyState *state = &fw->current[family];

    if (!state->exists || !state->awake)
        return false;
    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
        if (base_needed(fw, base_maps[kind].base) && !state->maps[kind])
            return false;
    }
    for (unsigned base = 0; base < N_BASE_CHAINS; base++) {
        g_autoptr(GArray) rules = base_rules(family, base);

        if (base_needed(fw, base) &&
            (!state->bases[base] || !rules_equal(rules, g_hash_table_lookup(state->chains, base_chains[base].name))))
            return false;
    }
    return true;
}

/*
 * Each change goes into the batch and into what we believe the kernel has, at once: when the batch is refused the belief is
 * thrown away (fw->known).
 */
static void
believe_chain(FamilyState *state, const char *name, const GArray *rules)
{
    GArray *copy = rules_new();

    for (guint i = 0; rules && i < rules->len; i++) {
        Rule rule = { .fingerprint = g_array_index(rules, Rule, i).fingerprint };

        g_array_append_val(copy, rule);
    }
    g_hash_table_insert(state->chains, g_strdup(name), copy);
}

static void
drop_table(Firewall *fw, Batch *batch, unsigned family)
{
    FamilyState *state = &fw->current[family];

    if (!state->exists)
        return;
    batch_table(batch, family, false);
    state->exists = state->awake = false;
    g_hash_table_remove_all(state->chains);
    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++)
        g_hash_table_remove_all(state->elements[kind]);
}

static void
build_base(Firewall *fw, Batch *batch, unsigned family)
{
    FamilyState *state = &fw->current[family];

    drop_table(fw, batch, family);
    batch_table(batch, family, true);
    state->exists = state->awake = true;
    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
        state->maps[kind] = base_needed(fw, base_maps[kind].base);
        if (state->maps[kind])
            batch_map(batch, family, kind);
    }
    for (unsigned base = 0; base < N_BASE_CHAINS; base++) {
        g_autoptr(GArray) rules = base_rules(family, base);

        state->bases[base] = base_needed(fw, base);
        if (!state->bases[base])
            continue;
        batch_base_chain(batch, family, &base_chains[base]);
        batch_rules(batch, rules, base_chains[base].name);
        believe_chain(state, base_chains[base].name, rules);
    }
}

static GArray *
wanted_rules(GHashTable *wanted, unsigned family, ChainKind kind, const char *bridge)
{
    Group *group = g_hash_table_lookup(wanted, bridge);

    return group ? group->chains[family][kind] : NULL;
}

/* What is in the kernel for one network that is no more, or needs such a chain no more. */
static void
drop_chain(Firewall *fw, Batch *batch, unsigned family, ChainKind kind, const char *bridge)
{
    FamilyState *state = &fw->current[family];
    g_autofree char *name = chain_name(kind, bridge);

    if (g_hash_table_remove(state->elements[kind], bridge))
        batch_element(batch, family, kind, bridge, NULL, false);
    if (g_hash_table_remove(state->chains, name))
        batch_chain(batch, family, name, false);
}

/* Map entries that lead to nothing, or wrong. */
static void
drop_elements(Firewall *fw, Batch *batch, GHashTable *wanted, unsigned family, ChainKind kind)
{
    GHashTableIter iter;
    const char *interface, *chain;

    g_hash_table_iter_init(&iter, fw->current[family].elements[kind]);
    while (g_hash_table_iter_next(&iter, (void **)&interface, (void **)&chain)) {
        g_autofree char *right = chain_name(kind, interface);

        if (strcmp(chain, right) == 0 && wanted_rules(wanted, family, kind, interface))
            continue;
        batch_element(batch, family, kind, interface, NULL, false);
        g_hash_table_iter_remove(&iter);
    }
}

/* Chains of networks that are no more, or need them no more. */
static void
drop_chains(Firewall *fw, Batch *batch, GHashTable *wanted, unsigned family, ChainKind kind)
{
    g_autofree char *prefix = chain_name(kind, "");
    GHashTableIter iter;
    const char *name;

    g_hash_table_iter_init(&iter, fw->current[family].chains);
    while (g_hash_table_iter_next(&iter, (void **)&name, NULL)) {
        if (!g_str_has_prefix(name, prefix) || wanted_rules(wanted, family, kind, name + strlen(prefix)))
            continue;
        batch_chain(batch, family, name, false);
        g_hash_table_iter_remove(&iter);
    }
}

static void
build_chain(Firewall *fw, Batch *batch, const Group *group, unsigned family, ChainKind kind)
{
    FamilyState *state = &fw->current[family];
    g_autofree char *name = chain_name(kind, group->bridge);
    const GArray *have = g_hash_table_lookup(state->chains, name), *want = group->chains[family][kind];

    if (!have)
        batch_chain(batch, family, name, true);
    if (!have || !rules_equal(have, want)) {
        if (have)
            batch_flush(batch, family, name);
        batch_rules(batch, want, name);
        believe_chain(state, name, want);
    }
    if (!g_hash_table_contains(state->elements[kind], group->bridge)) {
        batch_element(batch, family, kind, group->bridge, name, true);
        g_hash_table_insert(state->elements[kind], g_strdup(group->bridge), g_strdup(name));
    }
}

static void
reconcile_one(Firewall *fw, Batch *batch, GHashTable *wanted, unsigned family, const char *bridge)
{
    const Group *group = g_hash_table_lookup(wanted, bridge);

    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
        if (group && group->chains[family][kind])
            build_chain(fw, batch, group, family, kind);
        else
            drop_chain(fw, batch, family, kind, bridge);
    }
}

/* only: the one bridge whose rules can have become wrong, NULL when any can. */
static void
reconcile_family(Firewall *fw, Batch *batch, GHashTable *wanted, unsigned family, const char *only)
{
    GHashTableIter iter;
    Group *group;

    if (!has_rules(wanted, family)) {
        drop_table(fw, batch, family);
        return;
    }
    if (only && fw->current[family].exists) {
        reconcile_one(fw, batch, wanted, family, only);
        return;
    }
    if (!base_is_right(fw, family))
        build_base(fw, batch, family);
    for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
        drop_elements(fw, batch, wanted, family, kind);
        drop_chains(fw, batch, wanted, family, kind);
    }
    g_hash_table_iter_init(&iter, wanted);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&group)) {
        for (ChainKind kind = 0; kind < N_CHAIN_KINDS; kind++) {
            if (group->chains[family][kind])
                build_chain(fw, batch, group, family, kind);
        }
    }
}

/* One try. 0 nothing to do, 1 done, negative errno with what was refused. */
static int
try_once(Firewall *fw, GHashTable *wanted, const char *only, bool anew, unsigned *ret_features, GString *what)
{
    const char *about = "the rules";
    Batch batch;
    int r = refresh(fw);

    *ret_features = 0;
    g_string_assign(what, about);
    if (r < 0)
        return r;
    batch_init(&batch, fw->nl, fw->generation);
    for (unsigned family = 0; family < N_FAMILIES; family++) {
        if (anew)
            drop_table(fw, &batch, family);
        reconcile_family(fw, &batch, wanted, family, fw->settled && !anew ? only : NULL);
    }
    if (!batch_is_empty(&batch)) {
        r = batch_send(&batch, ret_features, &about);
        fw->known = r == 0;
        fw->generation = fw->generation + 1 ?: 1; /* as the kernel counts; checked before the next change */
        r = r ?: FIREWALL_CHANGED;
    }
    fw->settled = r >= 0;
    g_string_assign(what, about);
    batch_done(&batch);
    return r;
}

enum { RETRY_WITHOUT = 2 };

/*
 * Make the kernel have what is wanted, which differs from what was wanted last at the bridge only, if it is given.
 * RETRY_WITHOUT: fw->missing grew, what is wanted must be made anew.
 */
static int
reconcile(Firewall *fw, GHashTable *wanted, const char *only, Error *err)
{
    g_autoptr(GString) what = g_string_new(NULL);
    bool anew = false;
    unsigned features;
    int r = -ERESTART;

    for (unsigned i = 0; i < TRIES; i++) {
        r = try_once(fw, wanted, only, anew, &features, what);
        if (r >= 0)
            return r;
        if (features && (r == -ENOENT || r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EPROTONOSUPPORT)) {
            fw->missing |= features;
            return RETRY_WITHOUT;
        }
        if (r == -ERESTART || r == -EINTR)
            continue;
        if (anew || r == -EPERM || r == -EPROTONOSUPPORT)
            break;
        anew = true; /* something of somebody else's holds on to our chains */
    }
    if (r == -EPROTONOSUPPORT)
        return error_setf(err, FROM_FIREWALL, ERR_CONFIG_UNSUPPORTED, "this kernel has no nftables (CONFIG_NF_TABLES)");
    return netlink_fail(fw->nl, r, err, "cannot change %s in the packet filter's tables '%s'", what->str, FIREWALL_TABLE);
}

/* A network's group goes into wanted; what it replaces comes out. */
static Group *
put_group(Firewall *fw, GHashTable *wanted, const FirewallNetwork *network, GPtrArray *warnings)
{
    Group *old = NULL, *group = group_new(network, fw->missing, warnings);

    g_hash_table_steal_extended(wanted, group->bridge, NULL, (void **)&old);
    g_hash_table_insert(wanted, group->bridge, group);
    return old;
}

int
firewall_sync(Firewall *fw, const FirewallNetwork *const *networks, size_t n, GPtrArray *warnings, Error *err)
{
    guint said = warnings->len;
    int r;

    do {
        g_autoptr(GHashTable) wanted = groups_new();

        g_ptr_array_set_size(warnings, (int)said);
        for (size_t i = 0; i < n; i++) {
            Group *twice = put_group(fw, wanted, networks[i], warnings);

            if (twice)
                group_free(twice);
        }
        r = reconcile(fw, wanted, NULL, err);
        if (r >= 0 && r != RETRY_WITHOUT) {
            g_hash_table_unref(fw->wanted);
            fw->wanted = g_steal_pointer(&wanted);
        }
    } while (r == RETRY_WITHOUT);
    return r;
}

int
firewall_add(Firewall *fw, const FirewallNetwork *network, GPtrArray *warnings, Error *err)
{
    guint said = warnings->len;
    Group *old = put_group(fw, fw->wanted, network, warnings);
    int r;

    while ((r = reconcile(fw, fw->wanted, network->bridge, err)) == RETRY_WITHOUT) {
        Group *refused;

        g_ptr_array_set_size(warnings, (int)said);
        refused = put_group(fw, fw->wanted, network, warnings);
        group_free(refused);
    }
    if (r < 0) {
        g_hash_table_remove(fw->wanted, network->bridge);
        if (old)
            g_hash_table_insert(fw->wanted, old->bridge, old);
    } else if (old) {
        group_free(old);
    }
    return r;
}

int
firewall_remove(Firewall *fw, const char *bridge, GPtrArray *warnings, Error *err)
{
    Group *old = NULL;
    int r;

    g_hash_table_steal_extended(fw->wanted, bridge, NULL, (void **)&old);
    do
        r = reconcile(fw, fw->wanted, bridge, err);
    while (r == RETRY_WITHOUT);
    if (old && r < 0)
        g_hash_table_insert(fw->wanted, old->bridge, old);
    else if (old)
        group_free(old);
    return r;
}

int
firewall_foreign(Firewall *fw, const FirewallNetwork *const *networks, size_t n, GPtrArray *warnings, Error *err)
{
    int r = firewall_foreign_scan(fw->nl, networks, n, warnings);

    return r < 0 ? netlink_fail(fw->nl, r, err, "cannot read the packet filter's rules") : 0;
}

int
firewall_drop_libvirt(Firewall *fw, GPtrArray *warnings, Error *err)
{
    g_autofree char *legacy = NULL;
    int r = -EINTR;

    for (unsigned i = 0; i < TRIES && (r == -EINTR || r == -ERESTART || r == -ENOENT); i++)
        r = firewall_drop_libvirt_rules(fw->nl);
    if (r < 0)
        return netlink_fail(fw->nl, r, err, "cannot remove the rules that libvirt's daemon left");
    if (r > 0)
        fw->known = false; /* the generation is another */
    if (file_read("/proc/net/ip_tables_names", 4096, &legacy, NULL, NULL) == 0 && *legacy)
        g_ptr_array_add(warnings, g_strdup("rules of iptables-legacy are in effect and cannot be seen from here; if libvirt made some "
                                           "(iptables-legacy -S | grep LIBVIRT), they go with the next start of the host"));
    return r > 0 ? FIREWALL_CHANGED : FIREWALL_KEPT;
}

int
firewall_watch(Firewall *fw, FirewallWatchFn fn, void *data, Error *err)
{
    g_clear_pointer(&fw->watch, firewall_watch_close);
    return fn ? firewall_watch_open(fw->nl, fn, data, &fw->watch, err) : 0;
}

void
firewall_foreign_soon(Firewall *fw)
{
    if (fw->watch)
        firewall_watch_note(fw->watch, FIREWALL_CHANGED_FOREIGN);
}
