/* Persistent definitions: made, removed, started with the host. */
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/pool/define.h"
#include "virtstoraged/pool/event.h"
#include "virtstoraged/pool/persist.h"
#include "virtstoraged/pool/unfinished.h"

static int
define_xml(Job *job, RpcCall *call, const remote_storage_pool_define_xml_args *args, remote_storage_pool_define_xml_ret *ret, Error *err)
{
    Driver *driver = api_driver(call);
    g_autoptr(PoolDef) def = NULL;
    g_autoptr(Pool) pool = NULL;
    int r;

    if (rpc_call_check_flags(call, args->flags, VIR_STORAGE_POOL_DEFINE_VALIDATE, err) < 0 ||
        define_parse(driver, args->xml, XML_INACTIVE | (args->flags & VIR_STORAGE_POOL_DEFINE_VALIDATE ? XML_VALIDATE : 0), &def, err) < 0 ||
        define_claim(job, driver, def, false, &pool, err) < 0)
        return -1;
    r = persist_write_config(job, driver, def, err);
    if (r == 0) {
        pool_set_persistent(pool, true);
        pool_set_config(pool, g_steal_pointer(&def));
        event_lifecycle(pool, VIR_STORAGE_POOL_EVENT_DEFINED);
        ret->pool = api_wire_pool_copy(call, pool);
    }
    define_release(job, pool);
    return r;
}

static int
undefine(Job *job, RpcCall *call, const remote_storage_pool_undefine_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);

    if (pool_check_inactive(pool, err) < 0 || pool_check_idle(pool, err) < 0 ||
        definitions_remove(job, &pool->driver->definitions, pool_name(pool), pool->autostart, err) < 0)
        return -1;
    pool_set_persistent(pool, false);
    pool_set_autostart(pool, false);
    unfinished_forget(job, pool);
    event_lifecycle(pool, VIR_STORAGE_POOL_EVENT_UNDEFINED);
    store_remove(&pool->driver->pools, &pool->base);
    pool_set_config(pool, NULL);
    return 0;
}

static int
set_autostart(Job *job, RpcCall *call, const remote_storage_pool_set_autostart_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);
    bool autostart = args->autostart != 0;

    if (!pool->persistent)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "%s has no config file: it is transient", pool->label);
    if (pool->autostart == autostart)
        return 0;
    if (definitions_set_autostart(job, &pool->driver->definitions, pool_name(pool), autostart, err) < 0)
        return -1;
    pool_set_autostart(pool, autostart);
    return 0;
}

API_TABLE(api_define,
    REMOTE_BIND(STORAGE_POOL_DEFINE_XML, define_xml),
    REMOTE_BIND(STORAGE_POOL_UNDEFINE, undefine),
    REMOTE_BIND(STORAGE_POOL_SET_AUTOSTART, set_autostart));
