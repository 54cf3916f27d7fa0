/* Values of secrets that pools and volumes name, see common/daemon/secret.h. They may suspend. */
#pragma once

#include "common/base/job.h"
#include "common/conf/storage/volume.h"
#include "common/daemon/daemon.h"

void storage_secret_init(Daemon *daemon); /* whose peers are asked; once */

/* What a pool logs in with: auth->type says of what kind the secret is. *ret is the caller's, wiped when freed. */
int storage_secret(Job *job, const StorageAuth *auth, GBytes **ret, Error *err) _must_check_;
/*
 * The passphrase of an encrypted volume: the secret it names, else the one whose usage is the volume's path. Of one that is not
 * encrypted: NULL.
 */
int storage_passphrase(Job *job, const VolDef *def, GBytes **ret, Error *err) _must_check_;
