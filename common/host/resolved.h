/*
 * systemd-resolved: which DNS server answers for which domain behind an interface. What is told lasts as long as the interface
 * or that resolved.
 */
#pragma once

#include "common/base/ip.h"
#include "common/base/job.h"

/*
 * Names under domain are asked of server, which is reached over the interface of that index; no others are. ERR_DBUS_SERVICE
 * when there is no resolved or it refuses. Suspends, bounded by 25 s.
 */
int resolved_register(Job *job, unsigned index, const char *domain, const IpAddress *server, Error *err) _must_check_;
