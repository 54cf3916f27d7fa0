/* See firewalld.h. */
#include "common/host/firewalld.h"

#include <errno.h>
#include <string.h>

#include <glib.h>

#include "common/host/bus.h"

#define NAME "org.fedoraproject.FirewallD1"
#define PATH "/org/fedoraproject/FirewallD1"

struct Firewalld {
    sd_bus *bus; /* NULL: not reached */
    FirewalldFn fn;
    void *data;
};

static int
on_reloaded(sd_bus_message *message, void *data, sd_bus_error *error)
{
    Firewalld *self = data;

    self->fn(FIREWALLD_RELOADED, self->data);
    return 0;
}

static int
on_owner(sd_bus_message *message, void *data, sd_bus_error *error)
{
    const char *name, *before, *now;
    Firewalld *self = data;

    if (sd_bus_message_read(message, "sss", &name, &before, &now) >= 0)
        self->fn(*now ? FIREWALLD_STARTED : FIREWALLD_STOPPED, self->data);
    return 0;
}

/* The bus, connected and listening. NULL when there is none. */
static sd_bus *
reach_bus(Firewalld *self)
{
    int r;

    if (self->bus && sd_bus_is_open(self->bus) > 0)
        return self->bus;
    bus_close(&self->bus);
    if (bus_open_system(&self->bus, FROM_FIREWALLD, NULL) < 0)
        return NULL;
    r = sd_bus_match_signal_async(self->bus, NULL, NAME, PATH, NAME, "Reloaded", on_reloaded, NULL, self);
    if (r >= 0)
        r = sd_bus_add_match_async(self->bus, NULL,
                                   "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                   "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" NAME "'",
                                   on_owner, NULL, self);
    if (r < 0)
        bus_close(&self->bus);
    return self->bus;
}

Firewalld *
firewalld_open(FirewalldFn fn, void *data)
{
    Firewalld *self = g_new0(Firewalld, 1);

    self->fn = fn;
    self->data = data;
    reach_bus(self);
    return self;
}

void
firewalld_close(Firewalld *self)
{
    if (!self)
        return;
    bus_close(&self->bus);
    g_free(self);
}

/* What the service's refusals mean. firewalld puts its own code before the text: "INVALID_ZONE: none". */
static const struct { const char *name, *text; int result; } refusals[] = {
    { SD_BUS_ERROR_SERVICE_UNKNOWN, "", FIREWALLD_INACTIVE },
    { SD_BUS_ERROR_NAME_HAS_NO_OWNER, "", FIREWALLD_INACTIVE },
    { SD_BUS_ERROR_DISCONNECTED, "", FIREWALLD_INACTIVE },
    { NAME ".Exception", "INVALID_ZONE", FIREWALLD_NO_ZONE },
    { NAME ".Exception", "ZONE_ALREADY_SET", FIREWALLD_DONE },
    { NAME ".Exception", "ALREADY_ENABLED", FIREWALLD_DONE },
    { NAME ".Exception", "UNKNOWN_INTERFACE", FIREWALLD_DONE }, /* it should be in none, and is */
    { NAME ".Exception", "NOT_ENABLED", FIREWALLD_DONE },
};

static int
understand(sd_bus_message *answer, const char *what, Error *err)
{
    const sd_bus_error *refusal = sd_bus_message_get_error(answer);

    if (!sd_bus_message_is_method_error(answer, NULL))
        return FIREWALLD_DONE;
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (sd_bus_error_has_name(refusal, refusals[i].name) && g_str_has_prefix(refusal->message ?: "", refusals[i].text))
            return refusals[i].result;
    }
    return error_setf(err, FROM_FIREWALLD, ERR_DBUS_SERVICE, "firewalld refused %s: %s", what, refusal->message ?: refusal->name);
}

static int
call(Job *job, Firewalld *self, const char *method, const char *zone, const char *interface, const char *what, Error *err)
{
    _cleanup_message_ sd_bus_message *message = NULL, *answer = NULL;
    sd_bus *bus = reach_bus(self);
    int r;

    if (!bus)
        return FIREWALLD_INACTIVE;
    r = sd_bus_message_new_method_call(bus, &message, NAME, PATH, NAME ".zone", method);
    if (r >= 0)
        r = sd_bus_message_set_auto_start(message, 0);
    if (r >= 0)
        r = sd_bus_message_append(message, "ss", zone, interface);
    if (r < 0)
        return error_set_errno(err, FROM_FIREWALLD, -r, "cannot ask firewalld for %s", what);
    if (bus_call(job, bus, message, "firewalld's answer", BUS_TIMEOUT, &answer, FROM_FIREWALLD, err) < 0)
        return -1;
    return understand(answer, what, err);
}

int
firewalld_set_zone(Job *job, Firewalld *self, const char *zone, const char *interface, Error *err)
{
    g_autofree char *what = g_strdup_printf("interface '%s' in zone '%s'", interface, zone);

    return call(job, self, "changeZoneOfInterface", zone, interface, what, err);
}

int
firewalld_forget(Job *job, Firewalld *self, const char *interface, Error *err)
{
    g_autofree char *what = g_strdup_printf("interface '%s' out of its zone", interface);

    return call(job, self, "removeInterface", "", interface, what, err);
}
