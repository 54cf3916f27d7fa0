/*
 * The command line of a guest: everything that is no device (here and in the files beside), and the devices in the
 * order QEMU and guests expect them.
 *
 * The definition must be complete (domain_def_complete()), have aliases (domain_assign_aliases()) and numbered images
 * (qemu_storage_number()). Nothing here touches the host or suspends.
 */
#pragma once

#include "virtqemud/device/build.h"

/* Check that this QEMU can be the guest, then add all parts. Errors: ERR_CONFIG_UNSUPPORTED, FROM_QEMU. */
int qemu_command_build(QemuBuild *build, Error *err);

/* Is some of the guest's memory in files of options->ram_dir? */
bool qemu_command_needs_ram_dir(const DomainDef *def);

/*
 * The environment QEMU gets beside what is passed on from ours: its home directories lie in dir, so that no two guests
 * share one. NULL-terminated, g_strfreev.
 */
char **qemu_command_environment(const DomainDef *def, const char *dir);

/* Private to command/: each adds its options where qemu_command_build() calls it. */
void command_firmware(QemuBuild *build);
void command_loader(QemuBuild *build);
void command_machine(QemuBuild *build);
int command_cpu(QemuBuild *build, Error *err);
void command_memory(QemuBuild *build);
void command_topology(QemuBuild *build);
void command_numa(QemuBuild *build);
int command_clock(QemuBuild *build, Error *err);
int command_boot(QemuBuild *build, Error *err);
void command_smbios(QemuBuild *build);
const char *command_ram_id(const QemuBuild *build); /* of the machine's memory when it is one object; else NULL */
