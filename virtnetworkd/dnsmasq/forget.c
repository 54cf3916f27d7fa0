#include "virtnetworkd/dnsmasq/forget.h"

#include <glib.h>
#include <string.h>

#include "virtnetworkd/dnsmasq/leasefile.h"

/* The MAC addresses and IP addresses in the lines that are in the old text only. */
static GHashTable *
removed_words(const char *old_hosts, const char *new_hosts)
{
    GHashTable *words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) old_lines = g_strsplit(old_hosts, "\n", -1), new_lines = g_strsplit(new_hosts, "\n", -1);

    for (char **line = old_lines; *line; line++) {
        g_auto(GStrv) parts = NULL;

        if (!**line || g_strv_contains((const char *const *)new_lines, *line))
            continue;
        parts = g_strsplit_set(*line, ",[]", -1);
        for (char **part = parts; *part; part++)
            if (strchr(*part, ':') || strchr(*part, '.'))
                g_hash_table_add(words, g_ascii_strdown(*part, -1));
    }
    return words;
}

static bool
is_removed(GHashTable *words, const json_t *lease)
{
    const char *const keys[] = { LEASE_IP, LEASE_MAC, LEASE_CLIENT_ID };

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *text = leasefile_text(lease, keys[i]);
        g_autofree char *lower = text ? g_ascii_strdown(text, -1) : NULL;

        if (lower && g_hash_table_contains(words, lower))
            return true;
    }
    return false;
}

int
forget_leases(const char *lease_path, const char *old_hosts, const char *new_hosts, bool dry, Error *err)
{
    g_autoptr(GHashTable) words = removed_words(old_hosts, new_hosts);
    json_t *leases;
    int found = 0;

    if (g_hash_table_size(words) == 0)
        return 0;
    if (leasefile_read(lease_path, &leases, err) < 0)
        return -1;
    for (size_t i = json_array_size(leases); i-- > 0;) {
        if (!is_removed(words, json_array_get(leases, i)))
            continue;
        found = 1;
        json_array_remove(leases, i);
    }
    if (found && !dry && leasefile_write(lease_path, leases, err) < 0)
        found = -1;
    json_decref(leases);
    return found;
}
