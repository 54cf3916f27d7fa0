#include "virtnetworkd/network/foreign.h"

#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/rules.h"

#define LOG_SOURCE "network.rules"
#include "common/base/log.h"

typedef struct Sighting {
    uint64_t since;
    bool logged;
} Sighting;

GHashTable *
foreign_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *data)
{
    Driver *driver = data;

    driver->foreign_timer = sd_event_source_disable_unref(driver->foreign_timer);
    rules_check_foreign(driver);
    return 0;
}

/* As it was seen before, else now for the first time. What went away and comes back is news again. */
static Sighting *
sight(Driver *driver, const char *text, uint64_t now)
{
    const Sighting *before = g_hash_table_lookup(driver->foreign, text);
    Sighting *sighting = g_new0(Sighting, 1);

    *sighting = before ? *before : (Sighting){ .since = now };
    return sighting;
}

void
foreign_found(Driver *driver, const GPtrArray *texts)
{
    GHashTable *found = foreign_new();
    uint64_t now = loop_now(), wait = 0;

    for (guint i = 0; i < texts->len; i++) {
        const char *text = texts->pdata[i];
        Sighting *sighting = sight(driver, text, now);
        uint64_t age = now - sighting->since;

        if (!sighting->logged && age >= FOREIGN_PATIENCE) {
            log_warning("%s", text);
            sighting->logged = true;
        } else if (!sighting->logged) {
            wait = MAX(wait, FOREIGN_PATIENCE - age);
        }
        g_hash_table_insert(found, g_strdup(text), sighting);
    }
    g_hash_table_unref(driver->foreign);
    driver->foreign = found;
    driver->foreign_timer = sd_event_source_disable_unref(driver->foreign_timer);
    if (wait && loop_timer(&driver->foreign_timer, wait, on_timer, driver, NULL) < 0)
        log_debug("rules of others are not looked at again: no timer");
}
