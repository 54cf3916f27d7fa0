/*
 * What one QEMU binary can do, asked from the binary itself over QMP.
 *
 * A probe starts the binary with "-machine none" once per accelerator, at the same time, and sends all questions at
 * once. The answers are kept on disk under a key made of what they depend on (path, inode, size, times of the binary;
 * kernel release; microcode; /dev/kvm) and in memory while the binary stays the same: asking again costs one stat().
 * A QemuCaps is immutable and reference counted.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "common/base/job.h"

typedef enum { QEMU_ACCEL_TCG, QEMU_ACCEL_KVM, QEMU_ACCEL_COUNT } QemuAccel;

typedef struct QemuMachine {
    const char *name, *alias;     /* borrowed from the QemuCaps; alias may be NULL */
    const char *default_cpu_type; /* "qemu64-x86_64-cpu" */
    const char *default_ram_id;   /* "pc.ram" */
    unsigned max_cpus;
    bool is_default, deprecated, hotplug_cpus;
} QemuMachine;

typedef struct QemuCpuModel {
    const char *name, *type;
    const char *alias_of; /* the version this name stands for; NULL: it is its own */
    bool usable, deprecated;
    GPtrArray *blockers; /* of const char *: the features the host lacks */
} QemuCpuModel;

typedef struct QemuAccelCaps {
    bool available;
    GArray *machines; /* of QemuMachine, in QEMU's order */
    GArray *cpus;     /* of QemuCpuModel */
    json_t *max_cpu;  /* properties of the "host"/"max" model fully expanded, borrowed; NULL if it could not be */
    json_t *max_cpu_all; /* the same with what can't migrate and all of Hyper-V; NULL if it could not be */
} QemuAccelCaps;

typedef struct QemuCaps {
    gint references;
    char *binary;
    const char *arch; /* libvirt's name: "x86_64" */
    unsigned version; /* 7002022 for 7.2.22 */
    const char *package;
    QemuAccelCaps accel[QEMU_ACCEL_COUNT];
    GHashTable *types;    /* QOM type names this binary has */
    GHashTable *commands; /* QMP commands */
    json_t *answers;      /* everything above points into this */
} QemuCaps;

/* Once; where to keep answers, whom probes run as (see ProbeUser; groups_of stays the caller's). */
void qemu_caps_init(const char *cache_dir, uid_t uid, gid_t gid, const char *groups_of);
void qemu_caps_exit(void);

/* The capabilities of a binary; *ret is a reference. Callers that ask at the same time share one probe. */
int qemu_caps_get(Job *job, const char *binary, QemuCaps **ret, Error *err) _must_check_;
/* The same from memory alone: NULL when it has not been asked for yet or the binary changed. */
QemuCaps *qemu_caps_peek(const char *binary);
QemuCaps *qemu_caps_ref(QemuCaps *caps);
void qemu_caps_unref(QemuCaps *caps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuCaps, qemu_caps_unref)

/* The installed emulator for an architecture ("x86_64"): its path, or NULL. Borrowed for the process's life. */
const char *qemu_caps_find_binary(const char *arch);
/* All architectures QEMU has emulators for, by libvirt's names, NULL-terminated. */
const char *const *qemu_caps_arches(void);

/* By name or alias; NULL when the binary has none. name NULL: the default machine. */
const QemuMachine *qemu_caps_machine(const QemuCaps *caps, QemuAccel accel, const char *name);
static inline bool qemu_caps_has_type(const QemuCaps *caps, const char *type) { return g_hash_table_contains(caps->types, type); }
static inline bool qemu_caps_has_command(const QemuCaps *caps, const char *c) { return g_hash_table_contains(caps->commands, c); }
