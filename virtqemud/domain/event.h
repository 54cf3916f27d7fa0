/* Telling clients what happened to a guest: one function per event, the wire's messages made here only. */
#pragma once

#include "virtqemud/domain/domain.h"

void event_lifecycle(Domain *domain, int event, int detail);
void event_reboot(Domain *domain);
void event_rtc_change(Domain *domain, int64_t offset);
void event_watchdog(Domain *domain, int action);
void event_io_error(Domain *domain, const char *path, const char *alias, int action, const char *reason);
/* phase, families: virDomainEventGraphicsPhase, ...AddressType */
void event_graphics(Domain *domain, int phase, int local_family, const char *local_node, const char *local_service,
                    int remote_family, const char *remote_node, const char *remote_service, const char *auth);
void event_control_error(Domain *domain);
void event_balloon_change(Domain *domain, uint64_t kib);
/* The medium or the whole disk is left out; reason: virConnectDomainEventDiskChangeReason. */
void event_disk_change(Domain *domain, const char *path, const char *alias, int reason);
void event_tray_change(Domain *domain, const char *alias, int reason);
void event_pmwakeup(Domain *domain);
void event_pmsuspend(Domain *domain);
void event_device_removed(Domain *domain, const char *alias);
void event_device_removal_failed(Domain *domain, const char *alias);
void event_device_added(Domain *domain, const char *alias);
void event_agent_lifecycle(Domain *domain, int state, int reason);
void event_metadata_change(Domain *domain, int type, const char *uri);
void event_memory_failure(Domain *domain, int recipient, int action, unsigned flags);
/* The monitor's own events, for virsh qemu-monitor-event. */
void event_monitor(Domain *domain, const char *name, uint64_t usec, const char *details);
