#include "virtqemud/run/prepare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/domain/postparse.h"
#include "virtqemud/command/command.h"
#include "virtqemud/device/storage.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/source/source.h"

#define NAME_IN_PATH 20 /* characters of a guest's name in paths of sockets, which are short */
#define NVRAM_MAX (64 * 1024 * 1024)
#define NVRAM_TIMEOUT (30 * USEC_PER_SEC)

static const DeviceKind char_kinds[] = { DEVICE_SERIAL, DEVICE_PARALLEL, DEVICE_CONSOLE, DEVICE_CHANNEL };

/* --- ports --- */

/* Free to listen on right now; taken again by QEMU a moment later. Two starts can't race: one thread, and the range moves on. */
static bool
port_is_free(int port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = INADDR_ANY };
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

static bool
port_is_ours(const Driver *driver, int port)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver->domains.by_id);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        const DomainDef *live = ((Domain *)object)->live;

        if (!live)
            continue;
        DOMAIN_FOREACH_KIND(live, DEVICE_GRAPHICS, device) {
            GraphicsDef *g = GRAPHICS(device);

            if ((g->port.set && g->port.v == port) || (g->tls_port.set && g->tls_port.v == port))
                return true;
        }
    }
    return false;
}

static int
choose_port(const Driver *driver, OptInt *port, Error *err)
{
    const QemuConfig *config = &driver->config;

    for (int64_t p = config->display_port_min; p <= config->display_port_max; p++) {
        if (port_is_ours(driver, (int)p) || !port_is_free((int)p))
            continue;
        *port = (OptInt)OPT((int)p);
        return 0;
    }
    return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "no free port from %d to %d for a display", (int)config->display_port_min,
                      (int)config->display_port_max);
}

static int
prepare_graphics(const Driver *driver, GraphicsDef *g, Error *err)
{
    bool network = g->listens.n > 0 && (g->listens.items[0]->type == LISTEN_ADDRESS || g->listens.items[0]->type == LISTEN_NETWORK);
    const char *own = g->type == GRAPHICS_SPICE ? driver->config.spice_listen : driver->config.vnc_listen;

    if ((g->type != GRAPHICS_VNC && g->type != GRAPHICS_SPICE) || !network)
        return 0;
    LIST_FOREACH(GraphicsListen, listen, &g->listens)
        if (listen->type == LISTEN_ADDRESS && !listen->address)
            listen->address = g_strdup(own);
    if (!g->listen)
        g->listen = g_strdup(g->listens.items[0]->address);
    if ((!g->port.set || g->port.v == -1) && choose_port(driver, &g->port, err) < 0)
        return -1;
    if (g->type == GRAPHICS_SPICE && driver->config.spice_tls && g->tls_port.v == -1)
        return choose_port(driver, &g->tls_port, err);
    return 0;
}

/* --- places of one guest --- */

char *
prepare_short_name(int id, const char *name)
{
    g_autofree char *start = g_utf8_validate(name, -1, NULL) ? g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), NAME_IN_PATH))
                                                             : g_strdup("guest");

    return g_strdup_printf("%d-%s", id, start);
}

char *
prepare_ram_dir(const Driver *driver, int id, const char *name)
{
    g_autofree char *guest = prepare_short_name(id, name);

    if (driver->config.memory_backing_dir)
        return g_build_filename(driver->config.memory_backing_dir, "libvirt", "qemu", guest, NULL);
    return g_build_filename(driver->lib_dir, "ram", guest, NULL);
}

/* The files of file-backed memory lie in a directory of the guest's own. */
static int
prepare_memory(Domain *domain, const DomainDef *live, Error *err)
{
    const QemuConfig *config = &domain->driver->config;
    g_autofree char *dir = NULL;

    if (!qemu_command_needs_ram_dir(live))
        return 0;
    dir = prepare_ram_dir(domain->driver, domain->base.id, domain_name(domain));
    if (file_mkdirs(dir, 0755, err) < 0)
        return -1;
    if (config->set_identity && chown(dir, config->uid, config->gid) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot give '%s' to the guests' user", dir);
    return 0;
}

/* --- sockets of channels --- */

char *
prepare_channel_dir(const Domain *domain)
{
    g_autofree char *name = prepare_short_name(domain->base.id, domain_name(domain));

    return g_build_filename(domain->driver->channel_dir, name, NULL);
}

static int
prepare_channels(Domain *domain, DomainDef *live, Error *err)
{
    g_autofree char *dir = prepare_channel_dir(domain);

    DOMAIN_FOREACH_KIND(live, DEVICE_CHANNEL, device) {
        CharDef *c = CHARDEV(device);

        if (c->source.type != CHAR_UNIX || c->source.path)
            continue;
        if (file_mkdirs(dir, 0755, err) < 0)
            return -1;
        if (domain->driver->config.set_identity && chown(dir, domain->driver->config.uid, domain->driver->config.gid) < 0)
            return error_set_errno(err, FROM_QEMU, errno, "cannot give '%s' to the guests' user", dir);
        c->source.path = g_strdup_printf("%s/%s", dir, c->name ? c->name : device->info.alias);
        c->source.mode = CHAR_BIND; /* nobody else can know the path */
    }
    return 0;
}

/* --- firmware variables --- */

typedef struct {
    char *from, *to;
} Copy;

static void
copy_clear(void *data)
{
    Copy *copy = data;

    g_free(copy->from);
    g_free(copy->to);
}

static int
copy_run(void *data, Error *err)
{
    Copy *copy = data;
    g_autofree char *content = NULL;
    size_t size;

    if (access(copy->to, F_OK) == 0)
        return 0;
    if (file_read(copy->from, NVRAM_MAX, &content, &size, err) < 0)
        return -1;
    return file_replace(copy->to, content, size, 0600, err);
}

const char *
prepare_nvram_path(const Nvram *nvram)
{
    return nvram->path ? nvram->path : nvram->source.type == STORAGE_FILE ? nvram->source.path : NULL;
}

/* A guest's own copy of the variables, made from the template the first time. */
static int
prepare_nvram(Job *job, Domain *domain, DomainDef *live, Error *err)
{
    Nvram *nvram = live->os.nvram;
    Copy *copy;
    int r;

    if (!nvram || !prepare_nvram_path(nvram) || access(prepare_nvram_path(nvram), F_OK) == 0)
        return 0;
    if (!nvram->template_path)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the firmware variables '%s' don't exist and no template is known for "
                          "the firmware '%s'", prepare_nvram_path(nvram), live->os.loader.path);
    copy = g_atomic_rc_box_new0(Copy);
    copy->from = g_strdup(nvram->template_path);
    copy->to = g_strdup(prepare_nvram_path(nvram));
    r = worker_run(job, "the firmware's variables", copy_run, copy, copy_clear, NVRAM_TIMEOUT, err);
    g_atomic_rc_box_release_full(copy, copy_clear);
    return r;
}

int
prepare_definition(Job *job, Domain *domain, DomainDef *live, Error *err)
{
    live->id = (OptInt)OPT(domain->base.id);
    domain_assign_aliases(live);
    if (source_prepare_all(job, domain, live, err) < 0)
        return -1;
    qemu_storage_number(live, 0);
    domain_texts_changed(domain);
    DOMAIN_FOREACH_KIND(live, DEVICE_GRAPHICS, device)
        if (prepare_graphics(domain->driver, GRAPHICS(device), err) < 0)
            return -1;
    if (prepare_memory(domain, live, err) < 0 || prepare_channels(domain, live, err) < 0 || prepare_nvram(job, domain, live, err) < 0)
        return -1;
    /* From here on a later life of this daemon can clean up. */
    persist_status(domain);
    return 0;
}

void
prepare_note_ptys(Domain *domain, json_t *chardevs)
{
    DomainDef *live = domain->live; /* not shared yet: the start that makes it is the caller */
    json_t *item;
    size_t i;

    json_array_foreach(chardevs, i, item) {
        const char *label = qmp_string(item, "label"), *file = qmp_string(item, "filename");

        if (!label || !file || !g_str_has_prefix(label, "char") || !g_str_has_prefix(file, "pty:"))
            continue;
        for (size_t k = 0; k < G_N_ELEMENTS(char_kinds); k++)
            DOMAIN_FOREACH_KIND(live, char_kinds[k], device) {
                CharDef *c = CHARDEV(device);
                bool same_port = device->kind == DEVICE_CONSOLE && c->console_target == CONSOLE_SERIAL && g_str_has_prefix(label, "charserial") &&
                                 (unsigned)atoi(label + strlen("charserial")) == c->port.v;

                if (c->source.type != CHAR_PTY || (g_strcmp0(device->info.alias, label + 4) != 0 && !same_port))
                    continue;
                g_free(c->source.path);
                c->source.path = g_strdup(file + 4);
                if (device->kind == DEVICE_CONSOLE) {
                    g_free(c->tty);
                    c->tty = g_strdup(file + 4);
                }
            }
    }
    domain_texts_changed(domain);
}

int
prepare_running(Job *job, Domain *domain, Error *err)
{
    const QemuConfig *config = &domain->driver->config;

    DOMAIN_FOREACH_KIND(domain->live, DEVICE_INTERFACE, device)
        if (NET(device)->link == NET_LINK_DOWN &&
            qmp_call(job, domain->run->qmp, "set_link", json_pack("{s:s, s:b}", "name", device->info.alias, "up", 0), NULL, err) < 0)
            return -1;
    DOMAIN_FOREACH_KIND(domain->live, DEVICE_GRAPHICS, device) {
        GraphicsDef *g = GRAPHICS(device);
        bool spice = g->type == GRAPHICS_SPICE;
        const char *password = g->password ? g->password : spice ? config->spice_password : config->vnc_password;

        if (!password || (!spice && g->type != GRAPHICS_VNC))
            continue;
        if (qmp_call(job, domain->run->qmp, "set_password",
                     json_pack("{s:s, s:s}", "protocol", spice ? "spice" : "vnc", "password", password), NULL, err) < 0)
            return -1;
    }
    return 0;
}

QemuBuildOptions
prepare_build_options(const Driver *driver, const char *dir, const char *channel_dir, const char *ram_dir)
{
    const QemuConfig *config = &driver->config;

    return (QemuBuildOptions){
        .dir = dir,
        .channel_dir = channel_dir,
        .ram_dir = ram_dir,
        .vnc_listen = config->vnc_listen,
        .spice_listen = config->spice_listen,
        .vnc_tls_dir = config->vnc_tls ? config->vnc_tls_x509_cert_dir : NULL,
        .spice_tls_dir = config->spice_tls ? config->spice_tls_x509_cert_dir : NULL,
        .vnc_sasl = config->vnc_sasl,
        .spice_sasl = config->spice_sasl,
        .vnc_host_audio = config->vnc_allow_host_audio,
        .dump_guest_core = config->dump_guest_core,
        .sandbox = config->seccomp_sandbox != 0,
        .log_timestamp = config->log_timestamp,
        .monitor_fd = -1,
    };
}

void
prepare_shown_ports(const Driver *driver, DomainDef *def)
{
    int next = (int)driver->config.display_port_min;

    DOMAIN_FOREACH_KIND(def, DEVICE_GRAPHICS, device) {
        GraphicsDef *g = GRAPHICS(device);
        bool network = g->listens.n > 0 && (g->listens.items[0]->type == LISTEN_ADDRESS || g->listens.items[0]->type == LISTEN_NETWORK);

        if (!network || (g->type != GRAPHICS_VNC && g->type != GRAPHICS_SPICE))
            continue;
        if (!g->port.set || g->port.v <= 0)
            g->port = (OptInt)OPT(next++);
        if (g->type == GRAPHICS_SPICE && driver->config.spice_tls && (!g->tls_port.set || g->tls_port.v < 0))
            g->tls_port = (OptInt)OPT(next++);
    }
}
