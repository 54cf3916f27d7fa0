#include "virtqemud/domain/define.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/conf/domain/postparse.h"
#include "common/host/node.h"
#include "virtqemud/caps/firmware.h"
#include "virtqemud/caps/qemucaps.h"
#include "virtqemud/caps/support.h"
#include "virtqemud/driver.h"

#define PARSE_ROUNDS 4 /* an emulator may be asked for, then the one its machine needs */

/*
 * Completion runs without waiting, from what is known of emulators in memory. When it asks about one that is not known
 * yet, it fails with `missing` set; the emulator is then asked, and completion begins anew.
 */
typedef struct {
    Driver *driver;
    char *missing;
} Completion;

static QemuAccel
accel_of(VirtType virt)
{
    return virt == VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
}

static QemuCaps *
known_caps(Completion *c, const char *emulator, Error *err)
{
    QemuCaps *caps = emulator ? qemu_caps_peek(emulator) : NULL;

    if (!caps && emulator && !c->missing)
        c->missing = g_strdup(emulator);
    if (!caps)
        error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "the emulator '%s' has not been asked yet", emulator ? emulator : "(none)");
    return caps;
}

static int
find_emulator(void *user, OsType os, const char *arch, VirtType virt, char **ret_path, Error *err)
{
    const char *path = arch ? qemu_caps_find_binary(arch) : NULL;

    /* A 64 bit emulator of the same family runs 32 bit guests. */
    if (!path && g_strcmp0(arch, "i686") == 0)
        path = qemu_caps_find_binary("x86_64");
    if (!path)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "no emulator for architecture '%s' is installed (qemu-system-%s)", arch, arch);
    *ret_path = g_strdup(path);
    return 0;
}

static int
check_emulator(void *user, const char *emulator, OsType os, const char *arch, VirtType virt, Error *err)
{
    Completion *c = user;
    QemuCaps *caps;

    if (access(emulator, X_OK) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot use the emulator '%s'", emulator);
    caps = known_caps(c, emulator, err);
    if (!caps)
        return -1;
    if (os != OS_HVM)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the emulator '%s' only runs guests of OS type 'hvm'", emulator);
    if (virt == VIRT_KVM && !caps->accel[QEMU_ACCEL_KVM].available)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "the emulator '%s' has no KVM here (is /dev/kvm there and allowed?); domain type 'qemu' works without", emulator);
    if (virt != VIRT_KVM && virt != VIRT_QEMU)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the emulator '%s' runs domains of type 'kvm' and 'qemu' only", emulator);
    return 0;
}

static int
find_machine(void *user, const char *emulator, VirtType virt, const char *name, char **ret_name, Error *err)
{
    QemuCaps *caps = known_caps(user, emulator, err);
    const QemuMachine *machine;

    if (!caps)
        return -1;
    machine = qemu_caps_machine(caps, accel_of(virt), name);
    if (!machine)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, name ? "the emulator '%s' has no machine type '%s'"
                                                                         : "the emulator '%s' has no default machine type",
                          emulator, name);
    *ret_name = g_strdup(machine->name);
    return 0;
}

/* "qemu64-x86_64-cpu" is the model "qemu64". */
static const char *
default_cpu(void *user, const char *emulator, VirtType virt, const char *name)
{
    QemuCaps *caps = known_caps(user, emulator, NULL);
    const QemuMachine *machine = caps ? qemu_caps_machine(caps, accel_of(virt), name) : NULL;
    const GArray *cpus;

    if (!machine || !machine->default_cpu_type)
        return NULL;
    cpus = caps->accel[QEMU_ACCEL_TCG].cpus;
    for (guint i = 0; i < cpus->len; i++) {
        const QemuCpuModel *cpu = &g_array_index(cpus, QemuCpuModel, i);

        if (g_strcmp0(cpu->type, machine->default_cpu_type) == 0)
            return cpu->name;
    }
    return NULL;
}

static bool
has_device(void *user, const char *emulator, const char *name)
{
    QemuCaps *caps = known_caps(user, emulator, NULL);

    return caps && qemu_caps_has_type(caps, name);
}

static bool
supports(void *user, const char *emulator, const char *what)
{
    QemuCaps *caps = known_caps(user, emulator, NULL);

    return caps && qemu_caps_supports(caps, what);
}

static int
choose_firmware(void *user, DomainDef *def, Error *err)
{
    return firmware_choose(def, err);
}

static DomainCaps
completion_caps(Completion *c)
{
    return (DomainCaps){
        .user = c,
        .host_arch = node_arch(),
        .nvram_dir = c->driver->nvram_dir,
        .emulator = find_emulator,
        .check_emulator = check_emulator,
        .machine = find_machine,
        .default_cpu = default_cpu,
        .has_device = has_device,
        .supports = supports,
        .firmware = choose_firmware,
    };
}

/* Something that completes, from the beginning each time; its failure leaves nothing. */
typedef struct Attempt Attempt;
struct Attempt {
    int (*run)(const Attempt *attempt, const DomainCaps *caps, Error *err);
    void (*discard)(const Attempt *attempt); /* what a success made; NULL: nothing */
    const char *xml;
    const DomainDef *def;
    Device *device;
    unsigned flags;
    DomainDef **ret;
};

static int
attempt(Job *job, Driver *driver, const Attempt *what, Error *err)
{
    for (int round = 0; round < PARSE_ROUNDS; round++) {
        Completion c = { .driver = driver };
        DomainCaps caps = completion_caps(&c);
        g_autofree char *missing = NULL;
        Error local = ERROR_INIT;
        QemuCaps *known = NULL;

        if (what->run(what, &caps, &local) == 0 && !c.missing)
            return 0;
        missing = c.missing;
        if (!missing)
            return error_move(err, &local);
        if (!error_is_set(&local) && what->discard) /* a slot without error was told "no" for want of knowing */
            what->discard(what);
        error_done(&local);
        if (qemu_caps_get(job, missing, &known, err) < 0)
            return -1;
        qemu_caps_unref(known);
    }
    return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "the emulator changes while the definition is read");
}

static void
discard_definition(const Attempt *attempt)
{
    domain_def_unref(g_steal_pointer(attempt->ret));
}

static int
parse_text(const Attempt *attempt, const DomainCaps *caps, Error *err)
{
    return domain_def_parse(attempt->xml, attempt->flags, caps, attempt->ret, err);
}

int
define_parse(Job *job, Driver *driver, const char *xml, unsigned flags, DomainDef **ret, Error *err)
{
    const Attempt what = { .run = parse_text, .discard = discard_definition, .xml = xml, .flags = flags, .ret = ret };

    return attempt(job, driver, &what, err);
}

static int
complete_copy(const Attempt *attempt, const DomainCaps *caps, Error *err)
{
    g_autoptr(DomainDef) def = domain_def_copy(attempt->def);

    if (domain_def_complete(def, attempt->flags, caps, err) < 0)
        return -1;
    *attempt->ret = g_steal_pointer(&def);
    return 0;
}

int
define_complete(Job *job, Driver *driver, const DomainDef *changed, unsigned flags, DomainDef **ret, Error *err)
{
    const Attempt what = { .run = complete_copy, .discard = discard_definition, .def = changed, .flags = flags, .ret = ret };

    return attempt(job, driver, &what, err);
}

/* Doing it twice does no harm. */
static int
complete_one(const Attempt *attempt, const DomainCaps *caps, Error *err)
{
    return domain_device_complete(attempt->def, attempt->device, caps, err);
}

int
define_complete_device(Job *job, Driver *driver, const DomainDef *def, Device *device, Error *err)
{
    const Attempt what = { .run = complete_one, .def = def, .device = device };

    return attempt(job, driver, &what, err);
}

int
define_parse_stored(Driver *driver, const char *xml, DomainDef **ret, Error *err)
{
    return domain_def_parse(xml, XML_STATUS, NULL, ret, err);
}

static int
define_check(const Domain *domain, bool inactive, Error *err)
{
    if (!domain->base.stored)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "%s was removed meanwhile", domain->label);
    if (inactive && (domain_active(domain) || domain->run))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "domain is already active as '%s'", domain_name(domain));
    return 0;
}

static int
check_name(const Domain *domain, const char *name, Error *err)
{
    return strcmp(domain_name(domain), name) == 0 ? 0 : error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "domain '%s' was renamed to '%s' meanwhile",
                                                                   name, domain_name(domain));
}

int
define_claim(Job *job, Driver *driver, const DomainDef *def, bool inactive, Domain **ret, Error *err)
{
    Store *store = driver_domains(driver);
    g_autoptr(Domain) domain = NULL;
    StoreObject *same;
    Domain *known;

    if (store_match(store, "domain", FROM_QEMU, def->name, def->uuid.b, &same, err) < 0)
        return -1;
    known = (Domain *)same;
    if (known && define_check(known, inactive, err) < 0)
        return -1;
    domain = known ? domain_ref(known) : domain_new(driver, def->name, def->uuid.b);
    if (!known)
        store_add(store, &domain->base);
    if (job_acquire(job, &domain->queue, domain->label, JOB_QUEUE_TIMEOUT, err) < 0)
        return -1; /* whoever holds it now decides whether it stays */
    if (define_check(domain, inactive, err) < 0 || check_name(domain, def->name, err) < 0) {
        define_release(job, domain);
        return -1;
    }
    *ret = g_steal_pointer(&domain);
    return 0;
}

void
define_release(Job *job, Domain *domain)
{
    if (!domain->persistent && !domain->run)
        store_remove(&domain->driver->domains, &domain->base);
    job_release(job, &domain->queue);
}
