/* Titles, descriptions, and what applications keep in <metadata>. */
#include <string.h>

#include "common/xml/fragment.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"

#define WHERE_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* AFFECT_CURRENT is the running guest if it runs, else the definition. */
static int
where(Domain *d, unsigned *flags, Error *err)
{
    if (!(*flags & WHERE_FLAGS))
        *flags |= domain_active(d) ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if ((*flags & VIR_DOMAIN_AFFECT_LIVE) && domain_check_active(d, err) < 0)
        return -1;
    if ((*flags & VIR_DOMAIN_AFFECT_CONFIG) && !domain_config(d, err))
        return -1;
    return 0;
}

static void
set_text(char **at, const char *text)
{
    g_free(*at);
    *at = text && *text ? g_strdup(text) : NULL;
}

/* The changed copy of a definition. */
static DomainDef *
changed(const DomainDef *from, const remote_domain_set_metadata_args *args, Error *err)
{
    g_autoptr(DomainDef) def = domain_def_copy(from);
    char *text = NULL;

    switch (args->type) {
    case VIR_DOMAIN_METADATA_DESCRIPTION:
        set_text(&def->description, args->metadata);
        break;
    case VIR_DOMAIN_METADATA_TITLE:
        if (args->metadata && strchr(args->metadata, '\n')) {
            error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "a title is one line");
            return NULL;
        }
        set_text(&def->title, args->metadata);
        break;
    case VIR_DOMAIN_METADATA_ELEMENT:
        if (!args->uri || !*args->uri || (args->metadata && !args->key)) {
            error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "metadata needs a namespace URI, and a prefix when it is set");
            return NULL;
        }
        if (xml_fragment_replace(def->metadata, "metadata", args->key, args->uri, args->metadata, &text, err) < 0)
            return NULL;
        g_free(def->metadata);
        def->metadata = text;
        break;
    default:
        error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "unknown kind of metadata %d", args->type);
        return NULL;
    }
    return g_steal_pointer(&def);
}

static int
set_metadata(Job *job, RpcCall *call, const remote_domain_set_metadata_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autoptr(DomainDef) live = NULL, config = NULL;
    unsigned flags = args->flags;

    if (rpc_call_check_flags(call, flags, WHERE_FLAGS, err) < 0 || where(d, &flags, err) < 0)
        return -1;
    if ((flags & VIR_DOMAIN_AFFECT_LIVE) && !(live = changed(d->live, args, err)))
        return -1;
    if ((flags & VIR_DOMAIN_AFFECT_CONFIG) && (!(config = changed(domain_config(d, NULL), args, err)) ||
                                              persist_write_config(job, d->driver, config, err) < 0))
        return -1;
    if (live && d->run) {
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
    g_autofree char *element = NULL;
    const DomainDef *def;
    const char *text;

    if (rpc_call_check_flags(call, flags, WHERE_FLAGS, err) < 0 || where(d, &flags, err) < 0)
        return -1;
    def = flags & VIR_DOMAIN_AFFECT_LIVE ? d->live : domain_config(d, err);
    if (args->type == VIR_DOMAIN_METADATA_ELEMENT)
        text = element = args->uri ? xml_fragment_find(def->metadata, args->uri) : NULL;
    else
        text = args->type == VIR_DOMAIN_METADATA_TITLE ? def->title : def->description;
    if (!text)
        return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN_METADATA, "Requested metadata element is not present in %s", d->label);
    ret->metadata = arena_strdup(rpc_call_arena(call), text);
    return 0;
}

API_TABLE(api_metadata,
    REMOTE_BIND(DOMAIN_SET_METADATA, set_metadata),
    REMOTE_BIND(DOMAIN_GET_METADATA, get_metadata));
