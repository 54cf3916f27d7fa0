#include "virtstoraged/backend/rbd/part.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/file.h"

typedef struct Self { char host[9], life[9]; } Self;

static uint32_t
random_word(void)
{
    uint32_t word;

    return getrandom(&word, sizeof(word), 0) == sizeof(word) ? word : g_random_int();
}

static const Self *
self(void)
{
    static Self is;
    static gsize known;

    if (g_once_init_enter(&known)) {
        g_autofree char *id = file_read_line("/etc/machine-id");

        snprintf(is.host, sizeof(is.host), "%08x", g_str_hash(id && *id ? id : g_get_host_name()));
        snprintf(is.life, sizeof(is.life), "%08x", random_word());
        g_once_init_leave(&known, 1);
    }
    return &is;
}

void
rbd_part_name(RbdPart *ret)
{
    snprintf(ret->name, sizeof(ret->name), RBD_PART_PREFIX "%s-%s-%08x", self()->host, self()->life, random_word());
}

static GMutex lock;
static GHashTable *abandoned; /* a set; few: a dead cluster ends calls before they make anything */

void
rbd_part_abandon(const RbdPart *part)
{
    g_mutex_lock(&lock);
    if (!abandoned)
        abandoned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(abandoned, g_strdup(part->name));
    g_mutex_unlock(&lock);
}

static bool
is_abandoned(const char *name)
{
    bool is;

    g_mutex_lock(&lock);
    is = abandoned && g_hash_table_contains(abandoned, name);
    g_mutex_unlock(&lock);
    return is;
}

bool
rbd_part_is_left(const char *name)
{
    g_autofree char *ours = g_strconcat(RBD_PART_PREFIX, self()->host, "-", NULL);

    return g_str_has_prefix(name, ours) && (!g_str_has_prefix(name + strlen(ours), self()->life) || is_abandoned(name));
}
