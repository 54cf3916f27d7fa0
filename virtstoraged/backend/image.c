#include "virtstoraged/backend/image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/process.h"

#define LOG_SOURCE "storage.image"
#include "common/base/log.h"

/* The numbers descriptors have in the child. */
enum { TARGET_FD = 3, SOURCE_FD, TARGET_SECRET_FD, SOURCE_SECRET_FD };
#define TARGET "/proc/self/fd/3"
#define SOURCE "/proc/self/fd/4"
/* It measures how fast this host hashes passphrases; on one that is busy that fails now and then. */
#define NOT_MEASURED "Unable to get accurate CPU usage"
#define TRIES 5
#define LOG_EVERY (10 * USEC_PER_SEC)

typedef struct Run {
    GPtrArray *argv; /* of text that it owns */
    ProcessFd fds[4];
    size_t n_fds;
    int secrets[2]; /* ours, to be closed */
    /* progress */
    Job *job;
    const char *what;
    const VolDef *def, *source; /* source NULL: there is none */
    char number[16];
    size_t digits;
    uint64_t logged;
} Run;

static void
add(Run *run, const char *text)
{
    g_ptr_array_add(run->argv, g_strdup(text));
}

static void
add_fd(Run *run, int source, int target)
{
    run->fds[run->n_fds++] = (ProcessFd){ source, target };
}

static Run
run_new(Job *job, const char *what, const char *command, const Image *image)
{
    Run run = { .argv = g_ptr_array_new_with_free_func(g_free), .secrets = { -1, -1 }, .job = job, .what = what, .def = image->def };

    add(&run, "qemu-img"); /* its path, later */
    add(&run, command);
    add_fd(&run, image->fd, TARGET_FD);
    run.logged = loop_now();
    return run;
}

static void
run_done(Run *run)
{
    g_ptr_array_unref(run->argv);
    for (size_t i = 0; i < G_N_ELEMENTS(run->secrets); i++)
        fd_close(&run->secrets[i]);
}
#define _cleanup_run_ __attribute__((cleanup(run_done)))

bool
image_is_plain(const VolDef *def)
{
    return (def->format == FORMAT_RAW || def->format == FORMAT_ISO || def->format == FORMAT_ABSENT || def->pool_type == POOL_DISK) &&
           !def->encryption;
}

static const char *
driver_of(const VolDef *def)
{
    if (def->pool_type == POOL_DISK || def->format == FORMAT_RAW || def->format == FORMAT_ISO || def->format == FORMAT_ABSENT)
        return def->encryption ? "luks" : "raw";
    return storage_format_names[def->format];
}

/* --- secrets --- */

/* A value the child reads from a descriptor: in no list of arguments and in no file. */
static int
add_secret(Run *run, const Image *image, const char *id, int slot, int number, Error *err)
{
    g_autofree char *object = g_strdup_printf("secret,id=%s,file=/proc/self/fd/%d", id, number);
    gsize size;
    const char *bytes;
    int fd;

    if (!image->passphrase)
        return 0;
    bytes = g_bytes_get_data(image->passphrase, &size);
    fd = run->secrets[slot] = memfd_create("passphrase", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot hand over the passphrase of volume '%s'", image->def->name);
    add_fd(run, fd, number);
    add(run, "--object");
    add(run, object);
    return 0;
}

/* --- running --- */

/* "    (12.34/100%)" again and again, with carriage returns. */
static void
on_output(const char *text, size_t size, void *data)
{
    Run *run = data;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '(') {
            run->digits = 0;
        } else if (text[i] == '/') {
            run->number[run->digits] = '\0';
            job_set_progress(run->job, (uint64_t)(g_ascii_strtod(run->number, NULL) * 10), 1000);
            if (loop_now() - run->logged > LOG_EVERY) {
                log_info("volume '%s' is being %s: %s %%", run->def->name, run->what, run->number);
                run->logged = loop_now();
            }
        } else if (run->digits < sizeof(run->number) - 1) {
            run->number[run->digits++] = text[i];
        }
    }
}

/* qemu-img knows files by the numbers they have in it; people know them by their paths. */
static void
name_files(char **message, const char *number, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(*message, number, -1);

    g_free(*message);
    *message = g_strjoinv(path, parts);
}

static int
run_it(Run *run, uint64_t timeout, Error *err)
{
    char *program = g_find_program_in_path("qemu-img");
    ProcessSpec spec = { .fds = run->fds, .n_fds = run->n_fds, .no_new_privs = true, .die_with_us = true, .on_output = on_output,
                         .on_output_data = run };
    ProcessOutput output = { 0 };
    int r;

    if (!program)
        return error_setf(err, FROM_STORAGE, ERR_INTERNAL_ERROR,
                          "volume '%s' can't be %s: there is no program qemu-img on this host (package qemu-utils)", run->def->name, run->what);
    g_free(run->argv->pdata[0]);
    run->argv->pdata[0] = program;
    g_ptr_array_add(run->argv, NULL);
    spec.argv = (const char *const *)run->argv->pdata;
    for (int try = 1;; try++) {
        _cleanup_error_ Error why = ERROR_INIT;

        r = process_check(run->job, &spec, NULL, timeout, &output, &why);
        process_output_done(&output);
        if (r < 0 && try < TRIES && why.message && strstr(why.message, NOT_MEASURED))
            continue;
        if (r < 0)
            error_move(err, &why);
        break;
    }
    if (r < 0 && err) {
        name_files(&err->message, TARGET, run->def->path);
        name_files(&err->message, SOURCE, run->source ? run->source->path : run->def->path);
    }
    return r < 0 ? error_prefixf(err, "volume '%s' can't be %s", run->def->name, run->what) : 0;
}

/* --- options of what is made --- */

static void
add_option(GString *options, const char *name, const char *value)
{
    g_string_append_printf(options, "%s%s=%s", options->len ? "," : "", name, value);
}

static void
add_cipher(GString *options, const StorageEncryption *encryption, const char *prefix)
{
    const struct { const char *name; char *value; } parts[] = {
        { "cipher-alg", encryption->cipher.present ? g_strdup_printf("%s-%u", encryption->cipher.name, encryption->cipher.size.v) : NULL },
        { "cipher-mode", g_strdup(encryption->cipher.mode) },
        { "hash-alg", g_strdup(encryption->cipher.hash) },
        { "ivgen-alg", g_strdup(encryption->ivgen.name) },
        { "ivgen-hash-alg", g_strdup(encryption->ivgen.hash) },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *name = g_strconcat(prefix, parts[i].name, NULL);

        if (parts[i].value)
            add_option(options, name, parts[i].value);
        g_free(parts[i].value);
    }
}

/* Values are words and numbers, checked when the definition was: nothing else of a client's choosing is in the list. */
static char *
options_of(const VolDef *def, bool preallocate)
{
    GString *options = g_string_new(NULL);
    bool qcow2 = def->format == FORMAT_QCOW2;

    if (qcow2) {
        add_option(options, "compat", def->compat ? def->compat : "0.10");
        if (def->lazy_refcounts)
            add_option(options, "lazy_refcounts", "on");
        if (def->extended_l2)
            add_option(options, "extended_l2", "on");
        if (def->cluster_size.set && def->cluster_size.v) {
            g_autofree char *size = g_strdup_printf("%llu", def->cluster_size.v);

            add_option(options, "cluster_size", size);
        }
    }
    if (def->encryption) {
        if (qcow2)
            add_option(options, "encrypt.format", "luks");
        add_option(options, qcow2 ? "encrypt.key-secret" : "key-secret", "target");
        add_cipher(options, def->encryption, qcow2 ? "encrypt." : "");
    }
    if (preallocate)
        add_option(options, "preallocation", "metadata");
    if (def->nocow)
        add_option(options, "nocow", "on");
    return g_string_free(options, FALSE);
}

static void
add_format(Run *run, const VolDef *def, const char *flag, bool preallocate)
{
    g_autofree char *options = options_of(def, preallocate);

    add(run, flag);
    add(run, driver_of(def));
    if (*options) {
        add(run, "-o");
        add(run, options);
    }
}

static void
add_size(Run *run, uint64_t size)
{
    g_ptr_array_add(run->argv, g_strdup_printf("%llu", (unsigned long long)size));
}

int
image_create(Job *job, const Image *image, bool preallocate, uint64_t timeout, Error *err)
{
    const VolDef *def = image->def;
    _cleanup_run_ Run run = run_new(job, "made", "create", image);

    if (add_secret(&run, image, "target", 0, TARGET_SECRET_FD, err) < 0)
        return -1;
    add(&run, "-q");
    add_format(&run, def, "-f", preallocate);
    if (def->backing.path) {
        add(&run, "-b");
        add(&run, def->backing.path);
        add(&run, "-F");
        add(&run, storage_format_names[def->backing.format ? def->backing.format : FORMAT_RAW]);
    }
    add(&run, TARGET);
    if (def->capacity.set)
        add_size(&run, def->capacity.v);
    return run_it(&run, timeout, err);
}

/* --- what is there, told so exactly that nothing is left to find out --- */

/* In these lists a comma of a value is written twice. */
static void
add_path(GString *options, const char *key, const char *path)
{
    g_string_append_printf(options, "%s%s=", options->len ? "," : "", key);
    for (; *path; path++) {
        g_string_append_c(options, *path);
        if (*path == ',')
            g_string_append_c(options, ',');
    }
}

static void
add_node(GString *options, const char *prefix, const VolDef *def, const char *path, const char *secret)
{
    g_autofree char *driver = g_strconcat(prefix, "driver", NULL), *reach = g_strconcat(prefix, "file.driver", NULL),
                    *name = g_strconcat(prefix, "file.filename", NULL), *key = NULL;

    add_option(options, driver, driver_of(def));
    add_option(options, reach, def->type == VOL_BLOCK ? "host_device" : "file");
    add_path(options, name, path);
    if (def->encryption && secret) {
        key = g_strconcat(prefix, def->format == FORMAT_QCOW2 ? "encrypt.key-secret" : "key-secret", NULL);
        if (def->format == FORMAT_QCOW2) {
            g_autofree char *format = g_strconcat(prefix, "encrypt.format", NULL);

            add_option(options, format, "luks");
        }
        add_option(options, key, secret);
    }
}

static char *
node_options(const VolDef *def, const char *path, const char *secret, const GPtrArray *chain)
{
    GString *options = g_string_new(NULL);
    g_autoptr(GString) prefix = g_string_new("");

    add_node(options, "", def, path, secret);
    for (guint i = 0; chain && i < chain->len; i++) {
        const VolDef *layer = chain->pdata[i];

        g_string_append(prefix, "backing.");
        add_node(options, prefix->str, layer, layer->path, NULL);
    }
    return g_string_free(options, FALSE);
}

int
image_convert(Job *job, const Image *source, const GPtrArray *chain, const Image *image, bool preallocate, uint64_t timeout, Error *err)
{
    const VolDef *def = image->def;
    g_autofree char *from = node_options(source->def, SOURCE, "source", chain);
    _cleanup_run_ Run run = run_new(job, "copied", "convert", image);

    add_fd(&run, source->fd, SOURCE_FD);
    run.source = source->def;
    if (add_secret(&run, image, "target", 0, TARGET_SECRET_FD, err) < 0 || add_secret(&run, source, "source", 1, SOURCE_SECRET_FD, err) < 0)
        return -1;
    add(&run, "-p");
    add_format(&run, def, "-O", preallocate);
    if (def->backing.path) {
        add(&run, "-B");
        add(&run, def->backing.path);
        add(&run, "-F");
        add(&run, storage_format_names[def->backing.format ? def->backing.format : FORMAT_RAW]);
    }
    add(&run, "--image-opts");
    add(&run, from);
    add(&run, TARGET);
    return run_it(&run, timeout, err);
}

int
image_resize(Job *job, const Image *image, const GPtrArray *chain, uint64_t capacity, bool shrink, uint64_t timeout, Error *err)
{
    g_autofree char *node = node_options(image->def, TARGET, "target", chain);
    _cleanup_run_ Run run = run_new(job, "resized", "resize", image);

    if (add_secret(&run, image, "target", 0, TARGET_SECRET_FD, err) < 0)
        return -1;
    add(&run, "-q");
    if (shrink)
        add(&run, "--shrink");
    add(&run, "--image-opts");
    add(&run, node);
    add_size(&run, capacity);
    return run_it(&run, timeout, err);
}
