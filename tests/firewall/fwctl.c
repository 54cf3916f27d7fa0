/*
 * Drives virtnetworkd's firewall from a test, in the namespace it is started in.
 *
 *   sync [NETWORK...]   these networks and no others -> kept | changed | error TEXT
 *   add NETWORK         one more, or another version of it
 *   remove BRIDGE
 *   foreign NETWORK     what others stop, as warnings -> kept
 *   drop-libvirt        what libvirt's daemon left -> kept | changed
 *   watch               from now on
 *   zone ZONE INTERFACE firewalld's zone of an interface -> a warning 'done', 'inactive' or 'no zone'
 *   forget INTERFACE
 *   await-firewalld     until it starts, reloads or stops -> a warning that says so
 *   await               until the watch has something to tell -> a warning 'ours', 'foreign' or both
 *
 * NETWORK is words without blanks, joined by commas: name=N,bridge=B,mode=nat,subnet=10.0.0.0/24,dev=D,natv6,range=A-B,
 * ports=1-2,dhcp4,dhcp6,dns,tftp; mode is isolated, nat, route or open; subnet may come several times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/loop.h"
#include "common/host/firewalld.h"
#include "virtnetworkd/firewall/firewall.h"

#define SUBNETS_MAX 8
#define LINE_MAX_SIZE (1 << 20)

typedef struct Plan {
    FirewallNetwork network;
    FirewallSubnet subnets[SUBNETS_MAX];
    char **words; /* owns the texts */
} Plan;

static Firewall *fw;

static void
wrong(const char *word)
{
    fprintf(stderr, "fwctl: '%s' makes no sense\n", word);
    exit(2);
}

static void
read_address(const char *text, IpAddress *ret)
{
    if (!ip_parse(text, ret))
        wrong(text);
}

static void
read_value(Plan *plan, const char *key, char *value)
{
    static const char *const modes[FIREWALL_N_MODES] = { "isolated", "nat", "route", "open" };
    FirewallNetwork *network = &plan->network;
    char *rest = strpbrk(value, "/-");

    if (strcmp(key, "name") == 0) {
        network->name = value;
    } else if (strcmp(key, "bridge") == 0) {
        network->bridge = value;
    } else if (strcmp(key, "dev") == 0) {
        network->out_dev = value;
    } else if (strcmp(key, "mode") == 0) {
        while (network->mode < FIREWALL_N_MODES && strcmp(modes[network->mode], value) != 0)
            network->mode++;
    } else if (strcmp(key, "subnet") == 0 && rest && network->n_subnets < SUBNETS_MAX) {
        *rest++ = '\0';
        read_address(value, &plan->subnets[network->n_subnets].address);
        plan->subnets[network->n_subnets++].prefix = (unsigned)atoi(rest);
    } else if (strcmp(key, "range") == 0 && rest) {
        *rest++ = '\0';
        read_address(value, &network->nat_first);
        read_address(rest, &network->nat_last);
    } else if (strcmp(key, "ports") == 0 && rest) {
        network->nat_port_first = (uint16_t)atoi(value);
        network->nat_port_last = (uint16_t)atoi(rest + 1);
    } else {
        wrong(key);
    }
}

static void
read_plan(char *text, Plan *plan)
{
    FirewallNetwork *network = &plan->network;
    const struct { const char *name; bool *flag; } flags[] = {
        { "natv6", &network->nat_ipv6 }, { "dhcp4", &network->dhcp4 }, { "dhcp6", &network->dhcp6 },
        { "dns", &network->dns }, { "tftp", &network->tftp },
    };

    *plan = (Plan){ .words = g_strsplit(text, ",", -1) };
    network->subnets = plan->subnets;
    for (char **word = plan->words; *word; word++) {
        char *value = strchr(*word, '=');
        size_t i = 0;

        if (value) {
            *value++ = '\0';
            read_value(plan, *word, value);
            continue;
        }
        while (i < G_N_ELEMENTS(flags) && strcmp(flags[i].name, *word) != 0)
            i++;
        if (i == G_N_ELEMENTS(flags))
            wrong(*word);
        *flags[i].flag = true;
    }
}

static int
do_sync(char **words, GPtrArray *warnings, Error *err)
{
    guint n = g_strv_length(words);
    g_autofree Plan *plans = g_new0(Plan, n + 1);
    g_autoptr(GPtrArray) networks = g_ptr_array_new();
    int r;

    for (guint i = 0; i < n; i++) {
        read_plan(words[i], &plans[i]);
        g_ptr_array_add(networks, &plans[i].network);
    }
    r = firewall_sync(fw, (const FirewallNetwork *const *)networks->pdata, n, warnings, err);
    for (guint i = 0; i < n; i++)
        g_strfreev(plans[i].words);
    return r;
}

static int
do_foreign(char **words, GPtrArray *warnings, Error *err)
{
    Plan plan;
    const FirewallNetwork *network = &plan.network;
    int r;

    read_plan(words[0], &plan);
    r = firewall_foreign(fw, &network, 1, warnings, err);
    g_strfreev(plan.words);
    return r;
}

static void
on_change(unsigned changed, void *data)
{
    *(unsigned *)data |= changed;
}

static unsigned noticed;

static int
do_watch(char **words, GPtrArray *warnings, Error *err)
{
    return loop_event() || loop_init(err) == 0 ? firewall_watch(fw, on_change, &noticed, err) : -1;
}

static int
do_await(char **words, GPtrArray *warnings, Error *err)
{
    while (!noticed) {
        if (loop_run_once(LOOP_NEVER, err) < 0)
            return -1;
    }
    g_ptr_array_add(warnings, g_strdup_printf("%s%s", noticed & FIREWALL_CHANGED_OURS ? "ours" : "",
                                              noticed & FIREWALL_CHANGED_FOREIGN ? " foreign" : ""));
    noticed = 0;
    return 0;
}

/* --- firewalld --- */

static Firewalld *firewalld;
static GString *events;

typedef struct Ask { char **words; int result; bool done; Error *err; } Ask;

static void
on_firewalld(FirewalldEvent event, void *data)
{
    static const char *const names[] = { "started", "reloaded", "stopped" };

    g_string_append_printf(events, "%s%s", events->len ? " " : "", names[event]);
}

static int
need_firewalld(Error *err)
{
    if (!loop_event() && loop_init(err) < 0)
        return -1;
    if (!firewalld) {
        events = g_string_new(NULL);
        firewalld = firewalld_open(on_firewalld, NULL);
    }
    return 0;
}

static void
ask(Job *job, void *data)
{
    Ask *question = data;

    question->result = question->words[1] ? firewalld_set_zone(job, firewalld, question->words[0], question->words[1], question->err)
                                          : firewalld_forget(job, firewalld, question->words[0], question->err);
    question->done = true;
}

static int
do_zone(char **words, GPtrArray *warnings, Error *err)
{
    static const char *const results[] = { "done", "inactive", "no zone" };
    Ask question = { .words = words, .err = err };

    if (need_firewalld(err) < 0)
        return -1;
    job_spawn("zone", "fwctl", ask, &question);
    while (!question.done) {
        if (loop_run_once(LOOP_NEVER, err) < 0)
            return -1;
    }
    if (question.result >= 0)
        g_ptr_array_add(warnings, g_strdup(results[question.result]));
    return MIN(question.result, 0);
}

static int
do_await_firewalld(char **words, GPtrArray *warnings, Error *err)
{
    if (need_firewalld(err) < 0)
        return -1;
    while (!events->len) {
        if (loop_run_once(LOOP_NEVER, err) < 0)
            return -1;
    }
    g_ptr_array_add(warnings, g_strdup(events->str));
    g_string_truncate(events, 0);
    return 0;
}

static int
do_add(char **words, GPtrArray *warnings, Error *err)
{
    Plan plan;
    int r;

    read_plan(words[0], &plan);
    r = firewall_add(fw, &plan.network, warnings, err);
    g_strfreev(plan.words);
    return r;
}

static int
do_remove(char **words, GPtrArray *warnings, Error *err)
{
    return firewall_remove(fw, words[0], warnings, err);
}

static int
do_drop_libvirt(char **words, GPtrArray *warnings, Error *err)
{
    return firewall_drop_libvirt(fw, warnings, err);
}

static const struct Command { const char *name; unsigned words; int (*fn)(char **words, GPtrArray *warnings, Error *err); } commands[] = {
    { "sync", 0, do_sync },
    { "add", 1, do_add },
    { "remove", 1, do_remove },
    { "foreign", 1, do_foreign },
    { "drop-libvirt", 0, do_drop_libvirt },
    { "watch", 0, do_watch },
    { "await", 0, do_await },
    { "zone", 2, do_zone },
    { "forget", 1, do_zone },
    { "await-firewalld", 0, do_await_firewalld },
};

static void
command(char *line)
{
    g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", -1);
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    _cleanup_error_ Error err = ERROR_INIT;
    const struct Command *found = NULL;
    uint64_t began;
    int r;

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        found = strcmp(commands[i].name, words[0]) == 0 && g_strv_length(words) > commands[i].words ? &commands[i] : found;
    if (!found)
        wrong(words[0]);
    began = clock_monotonic_usec();
    r = found->fn(words + 1, warnings, &err);
    began = clock_monotonic_usec() - began;
    for (guint i = 0; i < warnings->len; i++)
        printf("warning %s\n", (const char *)g_ptr_array_index(warnings, i));
    if (r < 0)
        printf("error %s\n", err.message);
    else
        printf("%s %" G_GUINT64_FORMAT " us\n", r ? "changed" : "kept", began);
    fflush(stdout);
}

int
main(void)
{
    g_autofree char *line = g_malloc(LINE_MAX_SIZE);
    _cleanup_error_ Error err = ERROR_INIT;

    if (firewall_open(&fw, &err) < 0) {
        fprintf(stderr, "fwctl: %s\n", err.message);
        return 1;
    }
    while (fgets(line, LINE_MAX_SIZE, stdin))
        command(line);
    firewalld_close(firewalld);
    firewall_close(fw);
    return 0;
}
