/* The values a guest's disks need, fetched from virtsecretd and encrypted for its QEMU. */
#pragma once

#include "virtqemud/device/secret.h"
#include "virtqemud/domain/domain.h"

/* Make the master key of a QEMU about to start, a file in run->dir. *ret seals values with it. */
int secrets_init(Domain *domain, QemuSecrets **ret, Error *err);
/* The same from the file, of a QEMU that runs. */
int secrets_load(Domain *domain, QemuSecrets **ret, Error *err);

/* Fetch and seal what the disks of def, and its firmware's variables, need. Suspends when they need any. */
int secrets_fetch_all(Job *job, Domain *domain, const DomainDef *def, QemuSecrets *secrets, Error *err) _must_check_;
/* What one chain needs; what ("disk 'vda'") is for errors. */
int secrets_fetch(Job *job, Domain *domain, const StorageSource *source, const char *what, QemuSecrets *secrets, Error *err) _must_check_;
/* What a device about to be plugged in needs; secrets may be NULL when it needs none. */
int secrets_fetch_device(Job *job, Domain *domain, const Device *device, QemuSecrets *secrets, Error *err) _must_check_;
