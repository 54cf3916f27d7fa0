/* qemu.conf: how guests are run. One table of keys; what is accepted without effect says so in the table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/daemon/paths.h"

typedef struct QemuConfig {
    char *vnc_listen, *vnc_password, *vnc_tls_x509_cert_dir, *vnc_sasl_dir;
    bool vnc_auto_unix_socket, vnc_tls, vnc_sasl, vnc_tls_x509_verify, vnc_allow_host_audio;
    char *spice_listen, *spice_password, *spice_tls_x509_cert_dir, *spice_sasl_dir;
    bool spice_auto_unix_socket, spice_tls, spice_sasl, nographics_allow_host_audio;
    int64_t display_port_min, display_port_max, websocket_port_min, websocket_port_max;
    char *user, *group;
    bool dynamic_ownership, remember_owner;
    int64_t seccomp_sandbox;
    char *save_image_format;
    char **security_driver, **nvram;
    int64_t auto_start_delay, max_processes, max_files, max_queued;
    bool set_process_name, dump_guest_core, log_timestamp;
    char *memory_backing_dir, *swtpm_user, *swtpm_group;
    bool auto_start_bypass_cache;

    /* Found out from the above. */
    bool set_identity; /* guests run as another user than this daemon */
    uid_t uid;
    gid_t gid;
    const char *groups_of; /* the user whose further groups they have ("kvm" opens /dev/kvm); NULL: none */
} QemuConfig;

int qemu_config_load(QemuConfig *config, const Paths *paths, Error *err);
void qemu_config_done(QemuConfig *config);
