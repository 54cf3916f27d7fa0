/* See resolved.h; the interface is org.freedesktop.resolve1(5). */
#include "common/host/resolved.h"

#include "common/host/bus.h"

#define NAME "org.freedesktop.resolve1"
#define PATH "/org/freedesktop/resolve1"
#define MANAGER NAME ".Manager"

static int
send_call(Job *job, sd_bus *bus, sd_bus_message *call, const char *what, Error *err)
{
    _cleanup_message_ sd_bus_message *answer = NULL;

    if (bus_call(job, bus, call, "systemd-resolved's answer", BUS_TIMEOUT, &answer, FROM_SYSTEMD, err) < 0)
        return -1;
    if (sd_bus_message_is_method_error(answer, NULL))
        return error_setf(err, FROM_SYSTEMD, ERR_DBUS_SERVICE, "systemd-resolved does not take %s: %s", what,
                          sd_bus_message_get_error(answer)->message);
    return 0;
}

static int
set_server(Job *job, sd_bus *bus, unsigned index, const IpAddress *server, Error *err)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(bus, &call, NAME, PATH, MANAGER, "SetLinkDNS");

    if (r >= 0)
        r = sd_bus_message_append(call, "i", (int)index);
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "(iay)");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'r', "iay");
    if (r >= 0)
        r = sd_bus_message_append(call, "i", (int)server->family);
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', server->b, ip_size(server));
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r < 0)
        return error_set_errno(err, FROM_SYSTEMD, -r, "cannot ask systemd-resolved");
    return send_call(job, bus, call, "a DNS server", err);
}

/* Only for routing: names of this domain go there, short names are not completed with it. */
static int
set_domain(Job *job, sd_bus *bus, unsigned index, const char *domain, Error *err)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(bus, &call, NAME, PATH, MANAGER, "SetLinkDomains");

    if (r >= 0)
        r = sd_bus_message_append(call, "ia(sb)", (int)index, 1, domain, 1);
    if (r < 0)
        return error_set_errno(err, FROM_SYSTEMD, -r, "cannot ask systemd-resolved");
    return send_call(job, bus, call, "a domain", err);
}

int
resolved_register(Job *job, unsigned index, const char *domain, const IpAddress *server, Error *err)
{
    sd_bus *bus = NULL;
    int r = bus_open_system(&bus, FROM_SYSTEMD, err);

    if (r == 0 && set_server(job, bus, index, server, err) < 0)
        r = -1;
    if (r == 0 && set_domain(job, bus, index, domain, err) < 0)
        r = -1;
    bus_close(&bus);
    return r;
}
