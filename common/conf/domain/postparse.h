/*
 * Completion of a definition: defaults, implicit devices, addresses, and the rules about all of it together.
 *
 * What depends on the hypervisor's programs comes through DomainCaps, so that nothing here looks at the host.
 */
#pragma once

#include "common/conf/domain/domain.h"

typedef struct DomainCaps {
    void *user; /* first argument of every slot */
    const char *host_arch; /* of a definition that names none: "x86_64" */
    const char *nvram_dir; /* where variables of UEFI firmware live: "/var/lib/libvirt/qemu/nvram" */
    /* The program for a machine of arch; NULL slot result is an error (ERR_CONFIG_UNSUPPORTED, FROM_QEMU). */
    int (*emulator)(void *user, OsType os, const char *arch, VirtType virt, char **ret_path, Error *err);
    /* The program is there and can do it, else an error from FROM_QEMU. */
    int (*check_emulator)(void *user, const char *emulator, OsType os, const char *arch, VirtType virt, Error *err);
    /* Versioned name of a machine type ("pc" gives "pc-i440fx-7.2"); machine NULL asks for the default one. Unknown:
     * ERR_CONFIG_UNSUPPORTED, FROM_QEMU. */
    int (*machine)(void *user, const char *emulator, VirtType virt, const char *machine, char **ret_name, Error *err);
    /* Model of a definition that names none ("qemu64"); NULL when there is none. The text stays the callee's. */
    const char *(*default_cpu)(void *user, const char *emulator, VirtType virt, const char *machine);
    /* Whether the program knows a device by QEMU's name ("qemu-xhci"). */
    bool (*has_device)(void *user, const char *emulator, const char *name);
    /* Whether the program can do something optional, by a name of ours: "disk.discard_no_unref", "tpm-emulator.2.0",
     * "cpu.migratable", ... (validate.c). NULL slot: everything. */
    bool (*supports)(void *user, const char *emulator, const char *what);
    /* Choose firmware for def->os and fill its loader and nvram; NULL: no automatic choice is possible. */
    int (*firmware)(void *user, DomainDef *def, Error *err);
} DomainCaps;

/* Complete and check a definition that was just parsed. Changes def in place. */
int domain_def_complete(DomainDef *def, unsigned flags, const DomainCaps *caps, Error *err);
/* The same for a device that is to be added to def. */
int domain_device_complete(const DomainDef *def, Device *device, const DomainCaps *caps, Error *err);

/* Addresses and the controllers they need (address/). Part of domain_def_complete(). */
int domain_assign_addresses(DomainDef *def, const DomainCaps *caps, Error *err);

/* Give every device without one its alias, as libvirt names them. For a definition about to run. */
void domain_assign_aliases(DomainDef *def);
/* The alias a device added to a running domain gets; owned by the caller. */
char *domain_device_alias(const DomainDef *def, const Device *device);
