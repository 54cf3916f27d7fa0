/* The kernel's network settings: the files under /proc/sys/net. */
#pragma once

#include "common/base/error.h"

/* name: below /proc/sys/net, "ipv4/ip_forward", "ipv6/conf/virbr0/disable_ipv6". Trailing white space is stripped. g_free. */
int sysctl_read(const char *name, char **ret_value, Error *err);

enum { SYSCTL_KEPT = 0, SYSCTL_WRITTEN = 1 };

/*
 * Write a value unless it is there already: SYSCTL_KEPT or SYSCTL_WRITTEN. Fails with ERR_SYSTEM_ERROR naming the setting, with
 * what it is and what it should be; errno in int1: ENOENT when this kernel or this interface has no such setting, EROFS or EACCES
 * where /proc/sys is read-only (a container). Whoever can do without warns with that text.
 */
int sysctl_write(const char *name, const char *value, Error *err);
