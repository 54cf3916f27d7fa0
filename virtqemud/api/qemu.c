/* What only QEMU has: its monitor, and its command line. */
#include <string.h>

#include "common/conf/domain/postparse.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/caps/hostmodel.h"
#include "virtqemud/command/command.h"
#include "virtqemud/device/storage.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/run/prepare.h"
#include "virtqemud/run/run.h"
#include "virtqemud/source/source.h"

/* A person's line for QEMU's human monitor. */
static int
human_command(Job *job, Domain *d, const char *line, char **ret, Error *err)
{
    _cleanup_json_ json_t *answer = NULL;

    if (qmp_call(job, d->run->qmp, "human-monitor-command", json_pack("{s:s}", "command-line", line), &answer, err) < 0)
        return -1;
    *ret = g_strdup(json_is_string(answer) ? json_string_value(answer) : "");
    return 0;
}

/* A QMP command as JSON; QEMU's own errors are answers too. */
static int
json_command(Job *job, Domain *d, const char *text, char **ret, Error *err)
{
    _cleanup_json_ json_t *command = NULL, *answer = NULL, *reply = NULL;
    QmpCommand one = { 0 };
    json_error_t why;
    char *out;
    int r;

    command = json_loads(text, 0, &why);
    if (!json_is_object(command) || !qmp_string(command, "execute"))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "'%s' is not a QMP command {\"execute\": ...}: %s", text, command ? "no execute" : why.text);
    one.command = qmp_string(command, "execute");
    one.args = json_incref(json_object_get(command, "arguments"));
    r = qmp_call_many(job, d->run->qmp, &one, 1, QMP_TIMEOUT, err);
    if (r == 0) {
        if (one.failure)
            reply = json_pack("{s:{s:s, s:s}}", "error", "class", "GenericError", "desc", one.failure);
        else
            reply = json_pack("{s:O}", "return", one.ret);
        if (json_object_get(command, "id"))
            json_object_set(reply, "id", json_object_get(command, "id"));
        out = json_dumps(reply, JSON_COMPACT | JSON_PRESERVE_ORDER);
        *ret = g_strdup(out);
        free(out);
    }
    qmp_commands_done(&one, 1);
    return r;
}

static int
monitor_command(Job *job, RpcCall *call, const qemu_domain_monitor_command_args *args, qemu_domain_monitor_command_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autofree char *text = NULL;
    int r;

    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP, err) < 0 || run_check_monitor(d, err) < 0)
        return -1;
    r = args->flags & VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP ? human_command(job, d, args->cmd, &text, err)
                                                          : json_command(job, d, args->cmd, &text, err);
    if (r == 0)
        ret->result = arena_strdup(rpc_call_arena(call), text);
    return r;
}

/* --- domxml-to-native --- */

/* Environment, program and arguments, quoted for a shell, as one line. */
static char *
command_text(char *const *env, const char *emulator, const GPtrArray *argv)
{
    GString *text = g_string_new(NULL);

    for (; *env; env++) {
        const char *equals = strchr(*env, '=');
        g_autofree char *value = g_shell_quote(equals + 1);

        g_string_append_len(text, *env, equals + 1 - *env);
        g_string_append_printf(text, "%s ", value);
    }
    g_string_append(text, emulator);
    for (guint i = 0; i < argv->len; i++) {
        g_autofree char *quoted = g_shell_quote(argv->pdata[i]);

        g_string_append_printf(text, " %s", quoted);
    }
    g_string_append_c(text, '\n');
    return g_string_free(text, FALSE);
}

static int
xml_to_native(Job *job, RpcCall *call, const remote_connect_domain_xml_to_native_args *args, remote_connect_domain_xml_to_native_ret *ret,
              Error *err)
{
    Driver *driver = api_driver(call);
    g_autoptr(DomainDef) parsed = NULL, def = NULL;
    g_autoptr(QemuCaps) caps = NULL;
    g_autofree char *dir = NULL, *channels = NULL, *ram = NULL, *place = NULL, *text = NULL;
    __attribute__((cleanup(qemu_build_done))) QemuBuild build = { 0 };
    g_autoptr(GPtrArray) argv = NULL;
    g_auto(GStrv) env = NULL;
    QemuBuildOptions options;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (strcmp(args->nativeFormat, "qemu-argv") != 0)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "unsupported config type %s; this driver knows qemu-argv", args->nativeFormat);
    if (define_parse(job, driver, args->domainXml, 0, &parsed, err) < 0 || qemu_caps_get(job, parsed->devices.emulator, &caps, err) < 0)
        return -1;
    def = domain_def_copy(parsed);
    host_model_resolve(&def->cpu, caps, def->virt == VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG);
    if (source_resolve_all(job, driver, def, err) < 0)
        return -1;
    domain_assign_aliases(def);
    qemu_storage_number(def, 0);
    place = prepare_short_name(-1, def->name);
    dir = g_strdup_printf("%s/domain-%s", driver->lib_dir, place);
    channels = g_build_filename(driver->channel_dir, place, NULL);
    ram = prepare_ram_dir(driver, -1, def->name);
    options = prepare_build_options(driver, dir, channels, ram);
    options.paused = options.for_show = true;
    prepare_shown_ports(driver, def);
    qemu_build_init(&build, def, caps, &options);
    if (qemu_command_build(&build, err) < 0)
        return -1;
    argv = qemu_build_argv(&build);
    g_ptr_array_set_free_func(argv, g_free);
    env = qemu_command_environment(def, dir);
    text = command_text(env, def->devices.emulator, argv);
    ret->nativeConfig = arena_strdup(rpc_call_arena(call), text);
    return 0;
}

API_TABLE(api_qemu,
    QEMU_BIND(DOMAIN_MONITOR_COMMAND, monitor_command),
    REMOTE_BIND(CONNECT_DOMAIN_XML_TO_NATIVE, xml_to_native));
