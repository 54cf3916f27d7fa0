/*
 * Values for QEMU and nobody else, as its "secret" objects: each is encrypted with the guest's master key as soon as it is
 * known, so that command line, monitor and logs only carry what is of no use without the key. The key is a file in the
 * guest's own directory, which only QEMU and we can read.
 */
#pragma once

#include "virtqemud/device/build.h"

#define QEMU_MASTER_KEY_SIZE 32

typedef struct QemuSecrets QemuSecrets;

QemuSecrets *qemu_secrets_new(const uint8_t key[QEMU_MASTER_KEY_SIZE]);
void qemu_secrets_free(QemuSecrets *secrets); /* NULL is fine; wipes the key */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuSecrets, qemu_secrets_free)

/* Encrypt a value for the object of that id. */
int qemu_secrets_seal(QemuSecrets *secrets, const char *id, const void *value, size_t size, Error *err);

/* Add the object. Fails when its value was not sealed before. */
int build_secret(QemuBuild *build, const char *id, Error *err);

/* Wipe and free a value; NULL is fine. */
void secret_text_free(char *text);
