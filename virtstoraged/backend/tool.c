#include "virtstoraged/backend/tool.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#define SAID_MAX 500 /* bytes of what a tool said that are told on */

typedef struct Tool {
    const char *name, *package;
} Tool;

static const Tool tools[] = {
    { "blkid", "util-linux" },       { "iscsiadm", "open-iscsi" },    { "lvcreate", "lvm2" },         { "lvremove", "lvm2" },
    { "lvrename", "lvm2" },
    { "lvresize", "lvm2" },          { "lvs", "lvm2" },               { "mkfs.ext2", "e2fsprogs" },   { "mkfs.ext3", "e2fsprogs" },
    { "mkfs.ext4", "e2fsprogs" },    { "mkfs.ocfs2", "ocfs2-tools" }, { "mkfs.vfat", "dosfstools" },  { "mkfs.xfs", "xfsprogs" },
    { "mkudffs", "udftools" },       { "mount", "mount" },            { "mount.cifs", "cifs-utils" }, { "mount.nfs", "nfs-common" },
    { "scsi_id", "udev" },           { "systemctl", "systemd" },      { "parted", "parted" },          { "pvremove", "lvm2" },          { "pvs", "lvm2" },              { "showmount", "nfs-common" },
    { "udevadm", "udev" },           { "umount", "mount" },           { "vgchange", "lvm2" },         { "vgcreate", "lvm2" },
    { "vgremove", "lvm2" },          { "vgs", "lvm2" },               { "wipefs", "util-linux" },
};

/* Daemons are started with a PATH that need not have the administrator's folders. */
static const char *const folders[] = { "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/lib/udev", "/lib/udev" };

static char *
find(const char *name)
{
    char *path = g_find_program_in_path(name);

    for (size_t i = 0; !path && i < G_N_ELEMENTS(folders); i++) {
        path = g_build_filename(folders[i], name, NULL);
        if (access(path, X_OK) < 0)
            g_clear_pointer(&path, g_free);
    }
    return path;
}

static int
missing(const char *name, Error *err)
{
    const char *package = "none we know";

    for (size_t i = 0; i < G_N_ELEMENTS(tools); i++)
        if (strcmp(tools[i].name, name) == 0)
            package = tools[i].package;
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_UNSUPPORTED, "there is no program '%s' on this host; Debian has it in the package '%s'", name,
                      package);
}

/* One line: tools speak of many things before they say what went wrong. */
static char *
said(const char *text)
{
    g_autofree char *end = g_strdup(strlen(text) > SAID_MAX ? text + strlen(text) - SAID_MAX : text);

    g_strstrip(end);
    for (char *s = end; *s; s++)
        if ((unsigned char)*s < ' ')
            *s = ' ';
    return g_utf8_make_valid(*end ? end : "it said nothing", -1);
}

static int
judge(const ToolCall *call, const ProcessOutput *output, Error *err)
{
    int status = WIFEXITED(output->status) ? WEXITSTATUS(output->status) : -1;
    g_autofree char *text = NULL, *words = NULL;

    if (status == 0 || (status > 0 && status < 32 && call->also_fine >> status & 1))
        return status;
    text = process_status_text(output->status);
    words = said(output->err_size ? output->err : output->out);
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "'%s' failed with %s: %s", call->argv[0], text, words);
}

int
tool_call(Job *job, const ToolCall *call, char **ret_out, Error *err)
{
    g_autofree char *program = find(call->argv[0]);
    g_autofree const char **argv = NULL;
    ProcessSpec spec = { .fds = call->fds, .n_fds = call->n_fds, .no_new_privs = true };
    ProcessOutput output = { 0 };
    size_t n = 0;
    int r;

    if (!program)
        return missing(call->argv[0], err);
    while (call->argv[n])
        n++;
    argv = g_new0(const char *, n + 1);
    memcpy(argv, call->argv, n * sizeof(*argv));
    argv[0] = program;
    spec.argv = argv;
    r = process_run(job, &spec, call->input, call->timeout ? call->timeout : TOOL_TIMEOUT, &output, err);
    if (r < 0) {
        if (err)
            err->domain = FROM_STORAGE;
        return error_prefixf(err, "running '%s'", call->argv[0]);
    }
    r = judge(call, &output, err);
    if (r >= 0 && ret_out)
        *ret_out = g_steal_pointer(&output.out);
    process_output_done(&output);
    return r;
}

int
tool_run(Job *job, const char *const *argv, char **ret_out, Error *err)
{
    const ToolCall call = { .argv = argv };

    return tool_call(job, &call, ret_out, err);
}

void
tool_load(Job *job, const char *module)
{
    g_autofree char *there = g_build_filename("/sys/module", module, NULL), *unit = g_strdup_printf("modprobe@%s.service", module);

    if (access(there, F_OK) < 0 && access("/run/systemd/system", F_OK) == 0 && tool_run(job, TOOL("systemctl", "start", unit), NULL, NULL) < 0)
        return; /* what needs it fails, and says why */
}

int
tool_settle(Job *job, Error *err)
{
    const char *const *argv = TOOL("udevadm", "settle", "--timeout=60");
    const ToolCall call = { .argv = argv, .also_fine = 1u << 1 }; /* 1: others keep it busy, our own may be done all the same */
    g_autofree char *program = find(argv[0]);

    if (!program || access("/run/udev/control", F_OK) < 0)
        return 0;
    return tool_call(job, &call, NULL, err) < 0 ? -1 : 0;
}
