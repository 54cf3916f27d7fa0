#include "virtqemud/run/status.h"

#include <string.h>

#include "virtqemud/domain/define.h"
#include "virtqemud/run/run.h"

char *
status_encode(const Domain *domain)
{
    const DomainRun *run = domain->run;
    g_autofree char *xml = domain_def_format(domain->live, XML_STATUS | XML_SECURE);
    char uuid[UUID_TEXT_SIZE];
    _cleanup_json_ json_t *owned = json_array(), *status = NULL;
    char *text, *copy;

    uuid_to_text(domain->base.uuid, uuid);
    for (guint i = 0; i < run->owned->len; i++) {
        RunOwnership *o = &g_array_index(run->owned, RunOwnership, i);

        json_array_append_new(owned, json_pack("{s:s, s:I, s:I}", "path", o->path, "uid", (json_int_t)o->uid, "gid",
                                               (json_int_t)o->gid));
    }
    status = json_pack("{s:i, s:s, s:s, s:i, s:i, s:I, s:i, s:i, s:b, s:b, s:b, s:s, s:s, s:s, s:O, s:s}", "version", 1,
                       "name", domain->base.name, "uuid", uuid, "id", domain->base.id, "pid", (int)run->process.pid,
                       "start_time", (json_int_t)run->start_time, "state", (int)domain->state, "reason", domain->reason,
                       "starting", (int)run->starting, "persistent", (int)domain->persistent, "autodestroy",
                       (int)run->autodestroy, "monitor", run->monitor_path, "dir", run->dir, "emulator",
                       run->caps ? run->caps->binary : "", "owned", owned, "xml", xml);
    if (run->plugging) {
        g_autofree char *plugging = domain_def_format(run->plugging, XML_STATUS | XML_SECURE);

        json_object_set_new(status, "plugging", json_string(plugging));
    }
    text = json_dumps(status, JSON_COMPACT);
    copy = g_strdup(text);
    free(text);
    return copy;
}

static void
decode_run(DomainRun *run, json_t *status)
{
    json_t *item;
    size_t i;

    run->process.pid = (pid_t)qmp_int(status, "pid", 0);
    run->start_time = (uint64_t)qmp_int(status, "start_time", 0);
    run->starting = qmp_bool(status, "starting", false);
    run->autodestroy = qmp_bool(status, "autodestroy", false);
    run->monitor_path = g_strdup(qmp_string(status, "monitor"));
    run->dir = g_strdup(qmp_string(status, "dir"));
    json_array_foreach(json_object_get(status, "owned"), i, item) {
        RunOwnership o = { .path = g_strdup(qmp_string(item, "path")), .uid = (uid_t)qmp_int(item, "uid", 0),
                           .gid = (gid_t)qmp_int(item, "gid", 0) };

        if (o.path)
            g_array_append_val(run->owned, o);
    }
}

Domain *
status_decode(Driver *driver, const char *text, Error *err)
{
    _cleanup_json_ json_t *status = json_loads(text, 0, NULL);
    const char *name = qmp_string(status, "name"), *uuid_text = qmp_string(status, "uuid");
    const char *xml = qmp_string(status, "xml");
    int64_t state = qmp_int(status, "state", -1), id = qmp_int(status, "id", -1);
    uint8_t uuid[UUID_SIZE];
    g_autoptr(Domain) domain = NULL;
    DomainDef *live = NULL;

    if (!name || !uuid_text || !uuid_from_text(uuid_text, uuid) || !xml || !qmp_string(status, "monitor") ||
        !qmp_string(status, "dir") || state < 0 || state >= VIR_DOMAIN_LAST || id < 0 || id > G_MAXINT) {
        error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "it is not a complete status");
        return NULL;
    }
    if (define_parse_stored(driver, xml, &live, err) < 0)
        return NULL;
    domain = domain_new(driver, name, uuid);
    domain->live = live;
    domain->base.id = (int)id;
    domain->state = (virDomainState)state;
    domain->reason = (int)qmp_int(status, "reason", 0);
    domain->persistent = qmp_bool(status, "persistent", false);
    domain->run = run_new();
    decode_run(domain->run, status);
    /* One that can't be read was never finished. */
    if (qmp_string(status, "plugging") && define_parse_stored(driver, qmp_string(status, "plugging"), &domain->run->plugging, NULL) < 0)
        domain->run->plugging = NULL;
    return g_steal_pointer(&domain);
}
