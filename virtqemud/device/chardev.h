/* The host side of a character device, as QEMU's -chardev and chardev-add want it. */
#pragma once

#include "common/conf/domain/device/chardev.h"
#include "virtqemud/device/build.h"

/*
 * Add a character device with the given id. alias is the owner's: the name of its TLS object, and where its descriptors
 * are looked up. A unix socket without a path is refused: its owner chooses one first.
 */
int qemu_chardev_build(QemuBuild *build, const char *id, const char *alias, const CharSource *source, Error *err);
void qemu_chardev_resources(const CharSource *source, GPtrArray *list);
