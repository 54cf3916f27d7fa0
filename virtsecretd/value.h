/*
 * Where the values of secrets are kept: UUID.cred, encrypted with the host's key (systemd-creds(1)), where the host has one;
 * else UUID.base64, libvirt's file, readable by its owner only. An ephemeral secret's value is in no file.
 */
#pragma once

#include "virtsecretd/secret.h"

bool value_host_has_key(void);
bool value_exists(const Driver *driver, const char *uuid);
/* The value, from memory or from its file; *ret is borrowed from the secret. ERR_NO_SECRET when there is none. Suspends. */
int value_get(Job *job, Secret *secret, GBytes **ret, Error *err) _must_check_;
/* Durable when it returns, for a secret that is not ephemeral. Takes value over in any case. The queue is held. Suspends. */
int value_set(Job *job, Secret *secret, GBytes *value, Error *err) _must_check_;
/* Write what is in memory, or remove what is on disk: the secret became lasting, or ephemeral. The queue is held. */
int value_keep(Job *job, Secret *secret, bool ephemeral, Error *err) _must_check_;
int value_remove(Job *job, const Driver *driver, const char *uuid, Error *err) _must_check_;
