#include "virtstoraged/backend/image.h"

#include "common/base/process.h"

/* The number the file has in the child: it opens the file we made, whatever happens to names meanwhile. */
#define TARGET_FD 3
#define TARGET "/proc/self/fd/3"

static void
add(GPtrArray *argv, const char *text)
{
    g_ptr_array_add(argv, g_strdup(text));
}

static void
add_option(GString *options, const char *name, const char *value)
{
    g_string_append_printf(options, "%s%s=%s", options->len ? "," : "", name, value);
}

/* Values are words and numbers: nothing of a client's choosing is in the list. */
static char *
options_of(const VolDef *def, bool preallocate)
{
    GString *options = g_string_new(NULL);

    if (def->format == FORMAT_QCOW2) {
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
    if (preallocate)
        add_option(options, "preallocation", "metadata");
    if (def->nocow)
        add_option(options, "nocow", "on");
    return g_string_free(options, FALSE);
}

/* Run qemu-img with the file as the child's TARGET; argv[0] and the end are ours. */
static int
run(Job *job, int fd, const VolDef *def, GPtrArray *argv, const char *what, uint64_t timeout, Error *err)
{
    g_autofree char *program = g_find_program_in_path("qemu-img");
    const ProcessFd fds[] = { { fd, TARGET_FD } };
    ProcessSpec spec = { .fds = fds, .n_fds = 1, .no_new_privs = true };
    ProcessOutput output = { 0 };
    int r;

    if (!program)
        return error_setf(err, FROM_STORAGE, ERR_INTERNAL_ERROR, "volume '%s' can't be %s: there is no program qemu-img on this host", def->name,
                          what);
    g_ptr_array_insert(argv, 0, g_steal_pointer(&program));
    g_ptr_array_add(argv, NULL);
    spec.argv = (const char *const *)argv->pdata;
    r = process_check(job, &spec, NULL, timeout, &output, err);
    process_output_done(&output);
    return r < 0 ? error_prefixf(err, "volume '%s' can't be %s", def->name, what) : 0;
}

int
image_resize(Job *job, int fd, const VolDef *def, uint64_t capacity, bool shrink, uint64_t timeout, Error *err)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    add(argv, "resize");
    add(argv, "-q");
    add(argv, "-f");
    add(argv, storage_format_names[def->format]);
    if (shrink)
        add(argv, "--shrink");
    add(argv, TARGET);
    g_ptr_array_add(argv, g_strdup_printf("%llu", (unsigned long long)capacity));
    return run(job, fd, def, argv, "resized", timeout, err);
}

int
image_create(Job *job, int fd, const VolDef *def, bool preallocate, uint64_t timeout, Error *err)
{
    g_autofree char *options = options_of(def, preallocate);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    add(argv, "create");
    add(argv, "-q");
    add(argv, "-f");
    add(argv, storage_format_names[def->format]);
    if (*options) {
        add(argv, "-o");
        add(argv, options);
    }
    if (def->backing.path) {
        add(argv, "-b");
        add(argv, def->backing.path);
        add(argv, "-F");
        add(argv, storage_format_names[def->backing.format ? def->backing.format : FORMAT_RAW]);
    }
    add(argv, TARGET);
    if (def->capacity.set)
        g_ptr_array_add(argv, g_strdup_printf("%llu", def->capacity.v));
    return run(job, fd, def, argv, "made", timeout, err);
}
