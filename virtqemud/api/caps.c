/* What this host and its emulators can do. */
#include <string.h>

#include "common/base/file.h"
#include "common/host/node.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/caps/domcaps.h"
#include "virtqemud/caps/hostcaps.h"
#include "virtqemud/caps/sysinfo.h"
#include "virtqemud/caps/target.h"

#define LOG_SOURCE "qemu.caps"
#include "common/base/log.h"

/* --- <capabilities> --- */

/* One emulator of the host, asked on a job of its own so that all are asked at once. */
typedef struct {
    HostCapsGuest guest; /* first: what hostcaps_format() takes */
    const char *binary;
    int result;
    Error err;
    Wait done;
} Asked;

static void
asked_free(void *data)
{
    Asked *asked = data;

    qemu_caps_unref(asked->guest.caps);
    error_done(&asked->err);
    g_free(asked);
}

static void
ask(Job *job, void *data)
{
    Asked *asked = data;

    asked->result = qemu_caps_get(job, asked->binary, &asked->guest.caps, &asked->err);
    wait_done(&asked->done, 0);
}

static int
by_arch(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const Asked *const *)a)->guest.arch, (*(const Asked *const *)b)->guest.arch);
}

/* Those that don't answer are left out: the log says why. */
static void
ask_all(Job *job, GPtrArray *asked)
{
    for (const char *const *arch = qemu_caps_arches(); *arch; arch++) {
        const char *binary = qemu_caps_find_binary(*arch);
        Asked *a;

        if (!binary)
            continue;
        a = g_new0(Asked, 1);
        a->guest.arch = *arch;
        a->binary = binary;
        g_ptr_array_add(asked, a);
    }
    g_ptr_array_sort(asked, by_arch);
    job_shield(job); /* the jobs use what we own, and end by themselves */
    for (guint i = 0; i < asked->len; i++)
        job_spawn("probe", ((Asked *)asked->pdata[i])->binary, ask, asked->pdata[i]);
    for (guint i = 0; i < asked->len; i++)
        if (job_wait(job, &((Asked *)asked->pdata[i])->done, "an emulator's capabilities", LOOP_NEVER, NULL) < 0)
            continue;
    job_unshield(job);
    for (guint i = asked->len; i-- > 0;) {
        const Asked *a = asked->pdata[i];

        if (a->result == 0)
            continue;
        log_warning("the capabilities are without '%s': %s", a->binary, a->err.message);
        g_ptr_array_remove_index(asked, i);
    }
}

static char *
host_uuid_text(const DaemonConfig *config)
{
    uint8_t u[16];

    if (config->host_uuid)
        return g_strdup(config->host_uuid);
    if (!node_uuid(config->host_uuid_source, u))
        return NULL;
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5],
                           u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static int
get_capabilities(Job *job, RpcCall *call, const void *args, remote_connect_get_capabilities_ret *ret, Error *err)
{
    const Driver *driver = api_driver(call);
    g_autoptr(GPtrArray) asked = g_ptr_array_new_with_free_func(asked_free);
    g_autofree char *uuid = host_uuid_text(&driver->daemon->config), *xml = NULL;
    HostCapsInput input = { .uuid_text = uuid, .dac = !driver->daemon->paths.session, .emulators = asked };

    input.uid = driver->config.uid;
    input.gid = driver->config.gid;
    ask_all(job, asked);
    xml = hostcaps_format(&input);
    ret->capabilities = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

/* --- <domainCapabilities> --- */

static int
get_domain_capabilities(Job *job, RpcCall *call, const remote_connect_get_domain_capabilities_args *args,
                        remote_connect_get_domain_capabilities_ret *ret, Error *err)
{
    const unsigned known = VIR_CONNECT_GET_DOMAIN_CAPABILITIES_DISABLE_DEPRECATED_FEATURES;
    _cleanup_target_ CapsTarget target = { 0 };
    g_autofree char *xml = NULL;

    if (rpc_call_check_flags(call, args->flags, known, err) < 0 ||
        caps_target_find(job, args->emulatorbin, args->arch, args->machine, args->virttype, &target, err) < 0)
        return -1;
    const DomCapsTarget t = { target.caps, target.accel, target.machine, target.arch, api_driver(call)->config.nvram };

    xml = domcaps_format(&t);
    ret->capabilities = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

/* --- <sysinfo> --- */

static int
get_sysinfo(Job *job, RpcCall *call, const remote_connect_get_sysinfo_args *args, remote_connect_get_sysinfo_ret *ret, Error *err)
{
    g_autofree char *table = NULL, *xml = NULL;
    size_t size = 0;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (file_read(SYSINFO_DMI_TABLE, SYSINFO_DMI_MAX, &table, &size, NULL) == 0)
        xml = sysinfo_format((const uint8_t *)table, size);
    if (!xml)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "Host SMBIOS information is not available (no %s)",
                          SYSINFO_DMI_TABLE);
    ret->sysinfo = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

API_TABLE(api_caps,
    REMOTE_BIND(CONNECT_GET_SYSINFO, get_sysinfo),
    REMOTE_BIND(CONNECT_GET_CAPABILITIES, get_capabilities),
    REMOTE_BIND(CONNECT_GET_DOMAIN_CAPABILITIES, get_domain_capabilities));
