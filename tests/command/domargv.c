/*
 * domargv [--complete] < XML: the command line QEMU would be started with, as a JSON list; or the error as
 * "code domain message" on stderr, status 1. The definition is taken as complete, or with --complete completed as a daemon
 * with QEMU 7.2 would. Capabilities are those of the QEMU installed here.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "common/base/fiber.h"
#include "common/base/loop.h"
#include "common/conf/domain/postparse.h"
#include "tests/conf/fakecaps.h"
#include "virtqemud/command/command.h"
#include "virtqemud/device/storage.h"

typedef struct Tool {
    char *text;
    bool complete;
    int status;
} Tool;

static int tool_fail(const Error *err)
{
    fprintf(stderr, "%d %d %s\n", err->code, err->domain, err->message);
    return 1;
}

static void print_argv(const DomainDef *def, const QemuBuild *build, const char *dir)
{
    g_autoptr(GPtrArray) argv = qemu_build_argv(build);
    g_auto(GStrv) environment = qemu_command_environment(def, dir);
    json_t *list = json_array();
    char *text;

    for (char **entry = environment; *entry; entry++)
        json_array_append_new(list, json_string(*entry));
    json_array_append_new(list, json_string(def->devices.emulator));
    for (guint i = 0; i < argv->len; i++)
        json_array_append_new(list, json_string(argv->pdata[i]));
    text = json_dumps(list, 0);
    puts(text);
    free(text);
    json_decref(list);
    g_ptr_array_set_free_func(argv, g_free);
}

static int convert(Job *job, Tool *tool, Error *err)
{
    g_autoptr(DomainDef) parsed = NULL, def = NULL;
    g_autoptr(QemuCaps) caps = NULL;
    g_autofree char *dir = NULL, *channel_dir = NULL, *ram_dir = NULL;
    QemuBuildOptions options;
    QemuBuild build;
    int rc;

    if (domain_def_parse(tool->text, XML_INACTIVE, tool->complete ? &fake_caps : NULL, &parsed, err) < 0)
        return -1;
    def = domain_def_copy(parsed);
    if (qemu_caps_get(job, def->devices.emulator, &caps, err) < 0)
        return -1;
    domain_assign_aliases(def);
    qemu_storage_number(def, 0);
    dir = g_strdup_printf("/var/lib/libvirt/qemu/domain--1-%.20s", def->name);
    channel_dir = g_strdup_printf("/run/libvirt/qemu/channel/-1-%.20s", def->name);
    ram_dir = g_strdup_printf("/var/lib/libvirt/qemu/ram/-1-%.20s", def->name);
    options = (QemuBuildOptions){
        .dir = dir, .channel_dir = channel_dir, .ram_dir = ram_dir, .vnc_listen = "127.0.0.1", .spice_listen = "127.0.0.1",
        .spice_tls_dir = "/etc/ssl", .sandbox = true, .log_timestamp = true, .monitor_fd = -1, .for_show = true,
    };
    qemu_build_init(&build, def, caps, &options);
    rc = qemu_command_build(&build, err);
    if (rc == 0)
        print_argv(def, &build, dir);
    qemu_build_done(&build);
    return rc;
}

static void run(Job *job, void *data)
{
    _cleanup_error_ Error err = ERROR_INIT;
    Tool *tool = data;

    tool->status = convert(job, tool, &err) < 0 ? tool_fail(&err) : 0;
}

int main(int argc, char **argv)
{
    g_autofree char *cache = g_build_filename(g_get_user_cache_dir(), "virtd-tests", NULL);
    Tool tool = { .complete = argc > 1 && strcmp(argv[1], "--complete") == 0, .status = 2 };
    GString *text = g_string_new(NULL);
    char buffer[65536];
    size_t n;

    while ((n = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
        g_string_append_len(text, buffer, n);
    tool.text = text->str;
    g_mkdir_with_parents(cache, 0700);
    loop_init(NULL);
    qemu_caps_init(cache, (uid_t)-1, (gid_t)-1, NULL);
    job_spawn("domargv", NULL, run, &tool);
    while (fiber_count() > 0)
        loop_run_once(LOOP_NEVER, NULL);
    g_string_free(text, TRUE);
    return tool.status;
}
