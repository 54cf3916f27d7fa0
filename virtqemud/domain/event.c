#include "virtqemud/domain/event.h"

#include <string.h>

#include "common/rpc/event.h"
#include "protocol/qemu.h"
#include "protocol/remote.h"
#include "virtqemud/driver.h"

static remote_nonnull_domain
wire_domain(const Domain *domain)
{
    remote_nonnull_domain wire = { .name = domain->base.name, .id = domain->base.id };

    memcpy(wire.uuid, domain->base.uuid, UUID_SIZE);
    return wire;
}

/* Every remote event is sent alike; the message differs. */
#define SEND(domain, NAME, ...) \
    do { \
        if (rpc_event_wanted((domain)->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_##NAME)) { \
            __VA_ARGS__; \
            rpc_event_send((domain)->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_##NAME, &message, \
                           (domain)->base.uuid, UUID_SIZE, (domain)); \
        } \
    } while (0)

void
event_lifecycle(Domain *domain, int event, int detail)
{
    SEND(domain, CALLBACK_LIFECYCLE,
         remote_domain_event_callback_lifecycle_msg message = {
             .msg = { .dom = wire_domain(domain), .event = event, .detail = detail } });
}

void
event_reboot(Domain *domain)
{
    SEND(domain, CALLBACK_REBOOT, remote_domain_event_callback_reboot_msg message = { .msg = { .dom = wire_domain(domain) } });
}

void
event_rtc_change(Domain *domain, int64_t offset)
{
    SEND(domain, CALLBACK_RTC_CHANGE,
         remote_domain_event_callback_rtc_change_msg message = { .msg = { .dom = wire_domain(domain), .offset = offset } });
}

void
event_watchdog(Domain *domain, int action)
{
    SEND(domain, CALLBACK_WATCHDOG,
         remote_domain_event_callback_watchdog_msg message = { .msg = { .dom = wire_domain(domain), .action = action } });
}

void
event_io_error(Domain *domain, const char *path, const char *alias, int action, const char *reason)
{
    SEND(domain, CALLBACK_IO_ERROR,
         remote_domain_event_callback_io_error_msg message = {
             .msg = { .dom = wire_domain(domain), .srcPath = path, .devAlias = alias, .action = action } });
    SEND(domain, CALLBACK_IO_ERROR_REASON,
         remote_domain_event_callback_io_error_reason_msg message = {
             .msg = { .dom = wire_domain(domain), .srcPath = path, .devAlias = alias, .action = action, .reason = reason } });
}

void
event_graphics(Domain *domain, int phase, int local_family, const char *local_node, const char *local_service,
               int remote_family, const char *remote_node, const char *remote_service, const char *auth)
{
    SEND(domain, CALLBACK_GRAPHICS,
         remote_domain_event_callback_graphics_msg message = {
             .msg = { .dom = wire_domain(domain),
                      .phase = phase,
                      .local = { local_family, local_node, local_service },
                      .remote = { remote_family, remote_node, remote_service },
                      .authScheme = auth } });
}

void
event_control_error(Domain *domain)
{
    SEND(domain, CALLBACK_CONTROL_ERROR,
         remote_domain_event_callback_control_error_msg message = { .msg = { .dom = wire_domain(domain) } });
}

void
event_balloon_change(Domain *domain, uint64_t kib)
{
    SEND(domain, CALLBACK_BALLOON_CHANGE,
         remote_domain_event_callback_balloon_change_msg message = { .msg = { .dom = wire_domain(domain), .actual = kib } });
}

void
event_disk_change(Domain *domain, const char *path, const char *alias, int reason)
{
    SEND(domain, CALLBACK_DISK_CHANGE,
         remote_domain_event_callback_disk_change_msg message = {
             .msg = { .dom = wire_domain(domain), .oldSrcPath = path, .devAlias = alias, .reason = reason } });
}

void
event_tray_change(Domain *domain, const char *alias, int reason)
{
    SEND(domain, CALLBACK_TRAY_CHANGE,
         remote_domain_event_callback_tray_change_msg message = {
             .msg = { .dom = wire_domain(domain), .devAlias = alias, .reason = reason } });
}

void
event_pmwakeup(Domain *domain)
{
    SEND(domain, CALLBACK_PMWAKEUP,
         remote_domain_event_callback_pmwakeup_msg message = { .msg = { .dom = wire_domain(domain) } });
}

void
event_pmsuspend(Domain *domain)
{
    SEND(domain, CALLBACK_PMSUSPEND,
         remote_domain_event_callback_pmsuspend_msg message = { .msg = { .dom = wire_domain(domain) } });
}

void
event_device_removed(Domain *domain, const char *alias)
{
    SEND(domain, CALLBACK_DEVICE_REMOVED,
         remote_domain_event_callback_device_removed_msg message = { .msg = { .dom = wire_domain(domain), .devAlias = alias } });
}

void
event_device_removal_failed(Domain *domain, const char *alias)
{
    SEND(domain, CALLBACK_DEVICE_REMOVAL_FAILED,
         remote_domain_event_callback_device_removal_failed_msg message = { .dom = wire_domain(domain), .devAlias = alias });
}

void
event_device_added(Domain *domain, const char *alias)
{
    SEND(domain, CALLBACK_DEVICE_ADDED,
         remote_domain_event_callback_device_added_msg message = { .dom = wire_domain(domain), .devAlias = alias });
}

void
event_agent_lifecycle(Domain *domain, int state, int reason)
{
    SEND(domain, CALLBACK_AGENT_LIFECYCLE,
         remote_domain_event_callback_agent_lifecycle_msg message = {
             .dom = wire_domain(domain), .state = state, .reason = reason });
}

void
event_metadata_change(Domain *domain, int type, const char *uri)
{
    SEND(domain, CALLBACK_METADATA_CHANGE,
         remote_domain_event_callback_metadata_change_msg message = {
             .dom = wire_domain(domain), .type = type, .nsuri = uri });
}

void
event_memory_failure(Domain *domain, int recipient, int action, unsigned flags)
{
    SEND(domain, MEMORY_FAILURE,
         remote_domain_event_memory_failure_msg message = {
             .dom = wire_domain(domain), .recipient = recipient, .action = action, .flags = flags });
}

void
event_monitor(Domain *domain, const char *name, uint64_t usec, const char *details)
{
    qemu_domain_monitor_event_msg message = { .dom = wire_domain(domain),
                                              .event = name,
                                              .seconds = (int64_t)(usec / USEC_PER_SEC),
                                              .micros = (unsigned)(usec % USEC_PER_SEC),
                                              .details = details };

    rpc_event_send_named(domain->driver->server, RPC_PROGRAM_QEMU, QEMU_PROC_DOMAIN_MONITOR_EVENT, &message,
                         domain->base.uuid, UUID_SIZE, domain, name);
}
