/* Titles, descriptions, and what applications keep in <metadata>. */
#include <string.h>

#include "common/conf/metadata.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"

/* The changed copy of a definition. */
static DomainDef *
changed(const DomainDef *from, const remote_domain_set_metadata_args *args, Error *err)
{
    g_autoptr(DomainDef) def = domain_def_copy(from);
    Metadata in = { &def->title, &def->description, &def->metadata };

    if (metadata_set(&in, FROM_QEMU, args->type, args->metadata, args->key, args->uri, err) < 0)
        return NULL;
    return g_steal_pointer(&def);
}

static int
set_metadata(Job *job, RpcCall *call, const remote_domain_set_metadata_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autoptr(DomainDef) live = NULL, config = NULL;
    unsigned flags = args->flags;

    if (rpc_call_check_flags(call, flags, API_WHERE_FLAGS, err) < 0 || api_where(d, &flags, err) < 0)
        return -1;
    if ((flags & VIR_DOMAIN_AFFECT_LIVE) && !(live = changed(d->live, args, err)))
        return -1;
    if ((flags & VIR_DOMAIN_AFFECT_CONFIG) && (!(config = changed(domain_config(d, NULL), args, err)) ||
                                              persist_write_config(job, d->driver, config, err) < 0))
        return -1;
    if (live && d->run) {
        domain_def_unref(live); /* a drive may have been opened since */
        live = changed(d->live, args, err);
        if (!live)
            return -1;
        domain_set_live(d, g_steal_pointer(&live));
        persist_status(d);
    }
    if (config)
        domain_set_config(d, g_steal_pointer(&config));
    event_metadata_change(d, args->type, args->uri);
    return 0;
}

static int
get_metadata(RpcCall *call, const remote_domain_get_metadata_args *args, remote_domain_get_metadata_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    unsigned flags = args->flags;
    g_autofree char *text = NULL;
    const DomainDef *def;

    if (rpc_call_check_flags(call, flags, API_WHERE_FLAGS, err) < 0 || api_where(d, &flags, err) < 0)
        return -1;
    def = flags & VIR_DOMAIN_AFFECT_LIVE ? d->live : domain_config(d, err);
    text = metadata_get(&(Metadata){ (char **)&def->title, (char **)&def->description, (char **)&def->metadata }, args->type, args->uri);
    if (!text)
        return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN_METADATA, "Requested metadata element is not present in %s", d->label);
    ret->metadata = arena_strdup(rpc_call_arena(call), text);
    return 0;
}

API_TABLE(api_metadata,
    REMOTE_BIND(DOMAIN_SET_METADATA, set_metadata),
    REMOTE_BIND(DOMAIN_GET_METADATA, get_metadata));
