#include "virtqemud/caps/qemucaps.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/caps/probe.h"
#include "virtqemud/qmp/qmp.h"

#define LOG_SOURCE "qemu.caps"
#include "common/base/log.h"

#define CACHE_MAX (32 * 1024 * 1024)
#define CACHE_FORMAT "virtd-qemu-capabilities-3"

/* What is known of one binary in this process. */
typedef struct {
    JobQueue probing; /* one probe at a time; others wait and find its result */
    struct stat identity;
    QemuCaps *caps;
} Known;

static struct {
    char *dir;
    ProbeUser user;
    GHashTable *known; /* path -> Known */
} cache;

static const struct {
    const char *arch, *suffix;
} arches[] = {
    { "x86_64", "x86_64" }, { "i686", "i386" }, { "aarch64", "aarch64" }, { "armv7l", "arm" }, { "ppc64", "ppc64" },
    { "ppc64le", "ppc64" }, { "ppc", "ppc" }, { "s390x", "s390x" }, { "riscv64", "riscv64" }, { "riscv32", "riscv32" },
    { "loongarch64", "loongarch64" }, { "mips", "mips" }, { "mipsel", "mipsel" }, { "mips64", "mips64" },
    { "mips64el", "mips64el" }, { "sparc", "sparc" }, { "sparc64", "sparc64" }, { "alpha", "alpha" }, { "m68k", "m68k" },
    { "microblaze", "microblaze" }, { "sh4", "sh4" }, { "xtensa", "xtensa" }, { "or1k", "or1k" },
};

static void
known_free(void *data)
{
    Known *known = data;

    qemu_caps_unref(known->caps);
    g_free(known);
}

void
qemu_caps_init(const char *cache_dir, uid_t uid, gid_t gid, const char *groups_of)
{
    cache.dir = g_build_filename(cache_dir, "capabilities", NULL);
    cache.user = (ProbeUser){ uid, gid, groups_of };
    cache.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
}

void
qemu_caps_exit(void)
{
    g_clear_pointer(&cache.known, g_hash_table_unref);
    g_clear_pointer(&cache.dir, g_free);
}

QemuCaps *
qemu_caps_ref(QemuCaps *caps)
{
    caps->references++;
    return caps;
}

static void
cpu_clear(void *data)
{
    g_ptr_array_unref(((QemuCpuModel *)data)->blockers);
}

void
qemu_caps_unref(QemuCaps *caps)
{
    if (!caps || --caps->references > 0)
        return;
    for (int i = 0; i < QEMU_ACCEL_COUNT; i++) {
        g_clear_pointer(&caps->accel[i].machines, g_array_unref);
        g_clear_pointer(&caps->accel[i].cpus, g_array_unref);
    }
    g_hash_table_unref(caps->types);
    g_hash_table_unref(caps->commands);
    json_decref(caps->answers);
    g_free(caps->binary);
    g_free(caps);
}

static const char *
arch_from_qemu(const char *target)
{
    for (size_t i = 0; target && i < G_N_ELEMENTS(arches); i++)
        if (strcmp(arches[i].suffix, target) == 0)
            return arches[i].arch;
    return "unknown";
}

static GHashTable *
names_of(json_t *array)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
        if (qmp_string(item, "name"))
            g_hash_table_add(set, (void *)qmp_string(item, "name"));
    return set;
}

static GArray *
machines_of(json_t *array)
{
    GArray *machines = g_array_new(FALSE, TRUE, sizeof(QemuMachine));
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item) {
        QemuMachine machine = {
            .name = qmp_string(item, "name"),
            .alias = qmp_string(item, "alias"),
            .default_cpu_type = qmp_string(item, "default-cpu-type"),
            .default_ram_id = qmp_string(item, "default-ram-id"),
            .max_cpus = (unsigned)qmp_int(item, "cpu-max", 1),
            .is_default = qmp_bool(item, "is-default", false),
            .deprecated = qmp_bool(item, "deprecated", false),
            .hotplug_cpus = qmp_bool(item, "hotpluggable-cpus", false),
        };

        if (machine.name)
            g_array_append_val(machines, machine);
    }
    return machines;
}

static GArray *
cpus_of(json_t *array)
{
    GArray *cpus = g_array_new(FALSE, TRUE, sizeof(QemuCpuModel));
    json_t *item, *blocker;
    size_t i, j;

    g_array_set_clear_func(cpus, cpu_clear);
    json_array_foreach(array, i, item) {
        json_t *blockers = json_object_get(item, "unavailable-features");
        QemuCpuModel cpu = {
            .name = qmp_string(item, "name"),
            .type = qmp_string(item, "typename"),
            .alias_of = qmp_string(item, "alias-of"),
            .usable = blockers && json_array_size(blockers) == 0,
            .deprecated = qmp_bool(item, "deprecated", false),
            .blockers = g_ptr_array_new(),
        };

        json_array_foreach(blockers, j, blocker)
            if (json_is_string(blocker))
                g_ptr_array_add(cpu.blockers, (void *)json_string_value(blocker));
        if (cpu.name)
            g_array_append_val(cpus, cpu);
        else
            cpu_clear(&cpu);
    }
    return cpus;
}

static void
accel_of(QemuAccelCaps *accel, json_t *answers)
{
    accel->available = json_is_object(answers);
    accel->machines = machines_of(json_object_get(answers, "query-machines"));
    accel->cpus = cpus_of(json_object_get(answers, "query-cpu-definitions"));
    accel->max_cpu = json_object_get(json_object_get(json_object_get(answers, "max"), "model"), "props");
    accel->max_cpu_all = json_object_get(json_object_get(json_object_get(answers, "max-all"), "model"), "props");
    if (!accel->max_cpu_all)
        accel->max_cpu_all = accel->max_cpu;
}

/* answers is stolen. */
static int
caps_from_answers(const char *binary, json_t *answers, QemuCaps **ret, Error *err)
{
    json_t *tcg = json_object_get(answers, "tcg"), *version = json_object_get(tcg, "query-version");
    json_t *qemu = json_object_get(version, "qemu");
    json_t *kvm = json_object_get(answers, "kvm");
    QemuCaps *caps;

    if (!json_is_object(qemu) || json_array_size(json_object_get(tcg, "query-machines")) == 0) {
        json_decref(answers);
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "'%s' did not say its version or machines", binary);
    }
    caps = g_new0(QemuCaps, 1);
    caps->references = 1;
    caps->binary = g_strdup(binary);
    caps->answers = answers;
    caps->arch = arch_from_qemu(qmp_string(json_object_get(tcg, "query-target"), "arch"));
    caps->version = (unsigned)(qmp_int(qemu, "major", 0) * 1000000 + qmp_int(qemu, "minor", 0) * 1000 +
                               qmp_int(qemu, "micro", 0));
    caps->package = qmp_string(version, "package");
    caps->types = names_of(json_object_get(tcg, "qom-list-types"));
    caps->commands = names_of(json_object_get(tcg, "query-commands"));
    accel_of(&caps->accel[QEMU_ACCEL_TCG], tcg);
    /* A KVM that is there but not enabled (a binary without it ignores the request) is none. */
    if (!qmp_bool(json_object_get(kvm, "query-kvm"), "enabled", false))
        kvm = NULL;
    accel_of(&caps->accel[QEMU_ACCEL_KVM], kvm);
    *ret = caps;
    return 0;
}

/* --- the copy on disk --- */

static char *
cache_key(const char *binary, const struct stat *st)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *microcode = file_read_line("/sys/devices/system/cpu/cpu0/microcode/version");
    struct stat kvm = { 0 };
    struct utsname uts;

    uname(&uts);
    if (stat("/dev/kvm", &kvm) < 0)
        kvm.st_rdev = 0;
    g_string_printf(text, "%s|%s|%ju|%ju|%jd|%jd.%ld|%jd.%ld|%s %s|%s|%d", CACHE_FORMAT, binary, (uintmax_t)st->st_dev,
                    (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                    (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec, uts.release, uts.machine, microcode ? microcode : "",
                    access("/dev/kvm", R_OK | W_OK) == 0);
    return g_steal_pointer(&text->str);
}

static char *
cache_path(const char *binary)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, binary, -1);

    return g_strdup_printf("%s/%s.json", cache.dir, sum);
}

static json_t *
cache_load(const char *binary, const char *key)
{
    g_autofree char *path = cache_path(binary), *text = NULL;
    _cleanup_json_ json_t *file = NULL;
    size_t size;

    if (file_read(path, CACHE_MAX, &text, &size, NULL) < 0)
        return NULL;
    file = json_loadb(text, size, 0, NULL);
    if (!file || g_strcmp0(qmp_string(file, "key"), key) != 0)
        return NULL;
    return json_incref(json_object_get(file, "answers"));
}

static void
cache_save(const char *binary, const char *key, json_t *answers)
{
    g_autofree char *path = cache_path(binary), *text = NULL;
    _cleanup_json_ json_t *file = json_pack("{s:s, s:O}", "key", key, "answers", answers);
    _cleanup_error_ Error err = ERROR_INIT;

    text = json_dumps(file, JSON_COMPACT);
    /* Losing the copy costs one probe, so it is not synced. */
    if (file_mkdirs(cache.dir, 0755, &err) < 0 || file_replace(path, text, strlen(text), 0600, &err) < 0)
        log_warning("cannot keep the capabilities of '%s': %s", binary, err.message);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int
caps_find_out(Job *job, const char *binary, const struct stat *identity, QemuCaps **ret, Error *err)
{
    g_autofree char *key = cache_key(binary, identity);
    json_t *answers = cache_load(binary, key);
    bool fresh = !answers;

    if (fresh) {
        if (file_mkdirs(cache.dir, 0755, err) < 0 ||
            qemu_probe(job, binary, cache.dir, &cache.user, &answers, err) < 0)
            return error_prefixf(err, "cannot learn the capabilities of '%s'", binary);
    }
    /* A /dev/kvm that can't be used may be usable tomorrow, with nothing changed that the key has: a group, a rule of udev. */
    if (fresh && (json_is_object(json_object_get(answers, "kvm")) || access("/dev/kvm", R_OK | W_OK) < 0))
        cache_save(binary, key, answers);
    return caps_from_answers(binary, answers, ret, err);
}

QemuCaps *
qemu_caps_peek(const char *binary)
{
    Known *known = g_hash_table_lookup(cache.known, binary);
    struct stat st;

    return known && known->caps && stat(binary, &st) == 0 && same_file(&st, &known->identity) ? known->caps : NULL;
}

int
qemu_caps_get(Job *job, const char *binary, QemuCaps **ret, Error *err)
{
    Known *known = g_hash_table_lookup(cache.known, binary);
    QemuCaps *caps = NULL;
    struct stat st;
    int r = 0;

    if (stat(binary, &st) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot use the emulator '%s'", binary);
    if (!known) {
        known = g_new0(Known, 1);
        g_hash_table_insert(cache.known, g_strdup(binary), known);
    }
    if (known->caps && same_file(&st, &known->identity)) {
        *ret = qemu_caps_ref(known->caps);
        return 0;
    }
    if (job_acquire(job, &known->probing, "the probe of an emulator", LOOP_NEVER, err) < 0)
        return -1;
    if (!known->caps || !same_file(&st, &known->identity)) { /* nobody did it while we waited */
        r = caps_find_out(job, binary, &st, &caps, err);
        if (r == 0) {
            qemu_caps_unref(known->caps);
            known->caps = caps;
            known->identity = st;
        }
    }
    if (r == 0)
        *ret = qemu_caps_ref(known->caps);
    job_release(job, &known->probing);
    return r;
}

/* --- look-ups --- */

const char *
qemu_caps_find_binary(const char *arch)
{
    static const char *const places[] = { "/usr/bin", "/usr/local/bin", "/usr/libexec" };

    for (size_t i = 0; i < G_N_ELEMENTS(arches); i++) {
        if (strcmp(arches[i].arch, arch) != 0)
            continue;
        for (size_t j = 0; j < G_N_ELEMENTS(places); j++) {
            g_autofree char *path = g_strdup_printf("%s/qemu-system-%s", places[j], arches[i].suffix);

            if (access(path, X_OK) == 0)
                return g_intern_string(path);
        }
    }
    return NULL;
}

const char *const *
qemu_caps_arches(void)
{
    static const char *names[G_N_ELEMENTS(arches) + 1];

    for (size_t i = 0; i < G_N_ELEMENTS(arches); i++)
        names[i] = arches[i].arch;
    return names;
}

const QemuMachine *
qemu_caps_machine(const QemuCaps *caps, QemuAccel accel, const char *name)
{
    GArray *machines = caps->accel[caps->accel[accel].available ? accel : QEMU_ACCEL_TCG].machines;

    for (guint i = 0; i < machines->len; i++) {
        const QemuMachine *m = &g_array_index(machines, QemuMachine, i);

        if (name ? strcmp(m->name, name) == 0 || g_strcmp0(m->alias, name) == 0 : m->is_default)
            return m;
    }
    return NULL;
}
