/* See polkit.h. */
#include "common/host/polkit.h"

#include <string.h>

#include <glib.h>

#include "common/host/bus.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_TIMEOUT (30 * 60 * USEC_PER_SEC) /* a person types a password */

enum { POLKIT_ALLOW_INTERACTION = 1 };

static int
new_question(sd_bus *bus, const RpcIdentity *who, const char *action, sd_bus_message **ret)
{
    _cleanup_message_ sd_bus_message *message = NULL;
    int r;

    r = sd_bus_message_new_method_call(bus, &message, POLKIT_NAME, "/org/freedesktop/PolicyKit1/Authority",
                                       POLKIT_NAME ".Authority", "CheckAuthorization");
    if (r < 0)
        return r;
    r = sd_bus_message_append(message, "(sa{sv})sa{ss}us", "unix-process", 3, "pid", "u", (uint32_t)who->pid, "start-time",
                              "t", who->start_time, "uid", "i", (int32_t)who->uid, action, 0, POLKIT_ALLOW_INTERACTION, "");
    if (r < 0)
        return r;
    *ret = g_steal_pointer(&message);
    return 0;
}

/* What the authority's answer means: 0 authorized. */
static int
judge(sd_bus_message *answer, const char *action, Error *err)
{
    int authorized, challenge, r;
    const char *key, *value;
    bool dismissed = false;

    if (sd_bus_message_is_method_error(answer, NULL))
        return error_setf(err, FROM_POLKIT, ERR_AUTH_FAILED, "authentication failed: polkit cannot check '%s': %s", action,
                          sd_bus_message_get_error(answer)->message);
    r = sd_bus_message_enter_container(answer, 'r', "bba{ss}");
    if (r >= 0)
        r = sd_bus_message_read(answer, "bb", &authorized, &challenge);
    if (r >= 0)
        r = sd_bus_message_enter_container(answer, 'a', "{ss}");
    if (r < 0)
        return error_setf(err, FROM_POLKIT, ERR_AUTH_FAILED, "authentication failed: polkit's answer about '%s' makes no sense",
                          action);
    while (sd_bus_message_read(answer, "{ss}", &key, &value) > 0)
        dismissed = dismissed || (strcmp(key, "polkit.dismissed") == 0 && *value);
    if (authorized)
        return 0;
    if (dismissed)
        return error_setf(err, FROM_POLKIT, ERR_AUTH_CANCELLED, "authentication cancelled: user cancelled the request for '%s'",
                          action);
    if (challenge)
        return error_setf(err, FROM_POLKIT, ERR_AUTH_UNAVAILABLE,
                          "authentication unavailable: no polkit agent available to authenticate action '%s'", action);
    return error_setf(err, FROM_POLKIT, ERR_AUTH_FAILED, "authentication failed: access denied by policy for '%s'", action);
}

static int
ask(Job *job, sd_bus *bus, const RpcIdentity *who, const char *action, Error *err)
{
    _cleanup_message_ sd_bus_message *message = NULL, *answer = NULL;
    int r = new_question(bus, who, action, &message);

    if (r < 0)
        return error_set_errno(err, FROM_POLKIT, -r, "authentication failed: cannot ask polkit about '%s'", action);
    r = bus_call(job, bus, message, "polkit's decision", POLKIT_TIMEOUT, &answer, FROM_POLKIT, err);
    return r < 0 ? r : judge(answer, action, err);
}

int
polkit_authorize(Job *job, const RpcIdentity *who, const char *action, Error *err)
{
    sd_bus *bus = NULL;
    int r;

    /* One bus connection per question: they are rare, and a person is waiting anyway. */
    if (bus_open_system(&bus, FROM_POLKIT, err) < 0)
        return error_prefixf(err, "authentication failed: cannot reach polkit for '%s'", action);
    r = ask(job, bus, who, action, err);
    bus_close(&bus);
    return r;
}
