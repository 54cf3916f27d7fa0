/* The node that reaches an image on a server. For storage.c. */
#pragma once

#include "common/conf/domain/device/storage.h"
#include "virtqemud/device/build.h"

/*
 * The node's properties; prefix ("libvirt-3") begins the names of the secrets it refers to. *ret, a new reference, may be
 * set on failure too.
 */
int qemu_protocol_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err);
