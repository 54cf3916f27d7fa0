#include "virtqemud/config.h"

#include <glib.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "common/daemon/config.h"

#define LOG_SOURCE "qemu.config"
#include "common/base/log.h"

#define KEY(name, type, preset, doc) { #name, type, G_STRUCT_OFFSET(QemuConfig, name), preset, NULL, 0, 0, NULL, doc }
#define KEY_RANGE(name, member, preset, min, max, doc) \
    { name, CONFIG_INT, G_STRUCT_OFFSET(QemuConfig, member), preset, NULL, min, max, NULL, doc }
#define NO_EFFECT(name, doc) { name, CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, doc }

static const ConfigKey keys[] = {
    KEY(vnc_listen, CONFIG_STRING, "127.0.0.1", "Where VNC servers listen unless the guest says"),
    KEY(vnc_auto_unix_socket, CONFIG_BOOL, "0", "VNC on a unix socket unless the guest says"),
    KEY(vnc_tls, CONFIG_BOOL, "0", "TLS for VNC"),
    KEY(vnc_tls_x509_cert_dir, CONFIG_STRING, NULL, "Certificates of VNC"),
    KEY(vnc_tls_x509_verify, CONFIG_BOOL, "0", "Clients of VNC need a certificate"),
    KEY(vnc_password, CONFIG_STRING, NULL, "Password of VNC unless the guest says"),
    KEY(vnc_sasl, CONFIG_BOOL, "0", "SASL for VNC"),
    KEY(vnc_sasl_dir, CONFIG_STRING, NULL, "SASL configuration of VNC"),
    KEY(vnc_allow_host_audio, CONFIG_BOOL, "0", "Guests with VNC may use the host's audio"),
    KEY(spice_listen, CONFIG_STRING, "127.0.0.1", "Where SPICE servers listen unless the guest says"),
    KEY(spice_auto_unix_socket, CONFIG_BOOL, "0", "SPICE on a unix socket unless the guest says"),
    KEY(spice_tls, CONFIG_BOOL, "0", "TLS for SPICE"),
    KEY(spice_tls_x509_cert_dir, CONFIG_STRING, "/etc/pki/qemu", "Certificates of SPICE"),
    KEY(spice_password, CONFIG_STRING, NULL, "Password of SPICE unless the guest says"),
    KEY(spice_sasl, CONFIG_BOOL, "0", "SASL for SPICE"),
    KEY(spice_sasl_dir, CONFIG_STRING, NULL, "SASL configuration of SPICE"),
    KEY(nographics_allow_host_audio, CONFIG_BOOL, "0", "Guests without graphics may use the host's audio"),
    KEY_RANGE("remote_display_port_min", display_port_min, "5900", 5900, 65535, "First port of VNC and SPICE"),
    KEY_RANGE("remote_display_port_max", display_port_max, "65535", 5900, 65535, "Last port of VNC and SPICE"),
    KEY_RANGE("remote_websocket_port_min", websocket_port_min, "5700", 5700, 65535, "First port of VNC websockets"),
    KEY_RANGE("remote_websocket_port_max", websocket_port_max, "65535", 5700, 65535, "Last port of VNC websockets"),
    KEY(security_driver, CONFIG_LIST, NULL, "Only none and dac are known"),
    KEY(user, CONFIG_STRING, NULL, "Whom guests run as: a name, or +uid"),
    KEY(group, CONFIG_STRING, NULL, "Whom guests run as: a name, or +gid"),
    { "dynamic_ownership", CONFIG_BOOL, G_STRUCT_OFFSET(QemuConfig, dynamic_ownership), "1", "0", 0, 0, NULL,
      "Give a guest's files to its user while it runs" },
    KEY(remember_owner, CONFIG_BOOL, "1", "Give them back afterwards"),
    KEY_RANGE("seccomp_sandbox", seccomp_sandbox, "-1", -1, 1, "QEMU's system call filter: 0 off"),
    { "save_image_format", CONFIG_STRING, G_STRUCT_OFFSET(QemuConfig, save_image_format), "raw", NULL, 0, 0,
      "raw|zstd|lzop|gzip|bzip2|xz|sparse", "How saved guests are packed" },
    KEY_RANGE("auto_start_delay", auto_start_delay, "0", 0, G_MAXINT, "Milliseconds between autostarted guests"),
    KEY(auto_start_bypass_cache, CONFIG_BOOL, "0", "Restore autostarted guests past the page cache"),
    KEY(set_process_name, CONFIG_BOOL, "0", "Name QEMU processes after their guests"),
    KEY_RANGE("max_processes", max_processes, "0", 0, G_MAXINT, "RLIMIT_NPROC of guests; 0: unchanged"),
    KEY_RANGE("max_files", max_files, "0", 0, G_MAXINT, "RLIMIT_NOFILE of guests; 0: unchanged"),
    KEY_RANGE("max_queued", max_queued, "0", 0, G_MAXINT, "Calls waiting for one guest; 0: no limit"),
    KEY(dump_guest_core, CONFIG_BOOL, "0", "Guest memory in core dumps"),
    KEY(log_timestamp, CONFIG_BOOL, "1", "Times in the guests' logs"),
    KEY(nvram, CONFIG_LIST, NULL, "Pairs CODE:VARS of firmware"),
    { "memory_backing_dir", CONFIG_STRING, G_STRUCT_OFFSET(QemuConfig, memory_backing_dir), NULL, NULL, 0, 0, NULL,
      "Where file-backed guest memory lies" },
    KEY(swtpm_user, CONFIG_STRING, NULL, "Whom software TPMs run as"),
    KEY(swtpm_group, CONFIG_STRING, NULL, "Whom software TPMs run as"),
    NO_EFFECT("default_tls_x509_cert_dir", "No migration, NBD or chardev TLS yet"),
    NO_EFFECT("default_tls_x509_verify", "No migration, NBD or chardev TLS yet"),
    NO_EFFECT("default_tls_x509_secret_uuid", "No migration, NBD or chardev TLS yet"),
    NO_EFFECT("vnc_tls_x509_secret_uuid", "Secrets come with their daemon"),
    NO_EFFECT("rdp_listen", "No RDP"),
    NO_EFFECT("rdp_tls_x509_cert_dir", "No RDP"),
    NO_EFFECT("rdp_username", "No RDP"),
    NO_EFFECT("rdp_password", "No RDP"),
    NO_EFFECT("chardev_tls", "No chardev TLS yet"),
    NO_EFFECT("chardev_tls_x509_cert_dir", "No chardev TLS yet"),
    NO_EFFECT("chardev_tls_x509_verify", "No chardev TLS yet"),
    NO_EFFECT("chardev_tls_x509_secret_uuid", "No chardev TLS yet"),
    NO_EFFECT("migrate_tls_x509_cert_dir", "No migration yet"),
    NO_EFFECT("migrate_tls_x509_verify", "No migration yet"),
    NO_EFFECT("migrate_tls_x509_secret_uuid", "No migration yet"),
    NO_EFFECT("migrate_tls_force", "No migration yet"),
    NO_EFFECT("backup_tls_x509_cert_dir", "No backup yet"),
    NO_EFFECT("backup_tls_x509_verify", "No backup yet"),
    NO_EFFECT("backup_tls_x509_secret_uuid", "No backup yet"),
    NO_EFFECT("vxhs_tls", "QEMU has no VxHS any more"),
    NO_EFFECT("vxhs_tls_x509_cert_dir", "QEMU has no VxHS any more"),
    NO_EFFECT("vxhs_tls_x509_secret_uuid", "QEMU has no VxHS any more"),
    NO_EFFECT("nbd_tls", "No NBD TLS yet"),
    NO_EFFECT("nbd_tls_x509_cert_dir", "No NBD TLS yet"),
    NO_EFFECT("nbd_tls_x509_secret_uuid", "No NBD TLS yet"),
    NO_EFFECT("security_default_confined", "No SELinux or AppArmor yet"),
    NO_EFFECT("security_require_confined", "No SELinux or AppArmor yet"),
    NO_EFFECT("cgroup_controllers", "No cgroup tuning yet"),
    NO_EFFECT("cgroup_device_acl", "No cgroup tuning yet"),
    NO_EFFECT("namespaces", "QEMU gets descriptors, not a device tree of its own"),
    NO_EFFECT("dump_image_format", "No core dump yet"),
    NO_EFFECT("snapshot_image_format", "No snapshots yet"),
    NO_EFFECT("auto_dump_path", "No core dump yet"),
    NO_EFFECT("auto_dump_bypass_cache", "No core dump yet"),
    NO_EFFECT("auto_shutdown_try_save", "No ordered host shutdown yet"),
    NO_EFFECT("auto_shutdown_try_shutdown", "No ordered host shutdown yet"),
    NO_EFFECT("auto_shutdown_poweroff", "No ordered host shutdown yet"),
    NO_EFFECT("auto_shutdown_wait", "No ordered host shutdown yet"),
    NO_EFFECT("auto_shutdown_restore", "No ordered host shutdown yet"),
    NO_EFFECT("auto_save_bypass_cache", "No ordered host shutdown yet"),
    NO_EFFECT("hugetlbfs_mount", "QEMU finds huge pages by itself"),
    NO_EFFECT("bridge_helper", "No session bridges yet"),
    NO_EFFECT("pr_helper", "No persistent reservations yet"),
    NO_EFFECT("slirp_helper", "User networking is QEMU's own"),
    NO_EFFECT("qemu_rdp", "No RDP"),
    NO_EFFECT("dbus_daemon", "No D-Bus displays yet"),
    NO_EFFECT("max_core", "Guests keep the daemon's limit"),
    NO_EFFECT("stdio_handler", "QEMU writes to a file of bounded size itself"),
    NO_EFFECT("max_threads_per_process", "No cgroup tuning yet"),
    NO_EFFECT("sched_core", "No core scheduling yet"),
    NO_EFFECT("mac_filter", "No filters yet"),
    NO_EFFECT("relaxed_acs_check", "No passthrough yet"),
    NO_EFFECT("allow_disk_format_probing", "Formats are never probed"),
    NO_EFFECT("lock_manager", "No disk locks yet"),
    NO_EFFECT("keepalive_interval", "No peer-to-peer migration yet"),
    NO_EFFECT("keepalive_count", "No peer-to-peer migration yet"),
    NO_EFFECT("migration_address", "No migration yet"),
    NO_EFFECT("migration_port_min", "No migration yet"),
    NO_EFFECT("migration_port_max", "No migration yet"),
    NO_EFFECT("migration_host", "No migration yet"),
    NO_EFFECT("gluster_debug_level", "No gluster"),
    NO_EFFECT("virtiofsd_debug", "No virtiofsd yet"),
    NO_EFFECT("deprecation_behavior", "QEMU's default"),
    NO_EFFECT("capability_filters", "For developers of libvirt"),
    NO_EFFECT("storage_use_nbdkit", "No nbdkit"),
    NO_EFFECT("shared_filesystems", "No migration yet"),
    NO_EFFECT("clear_emulator_capabilities", "Obsolete"),
    CONFIG_KEYS_END,
};

static void
warn_config(const char *message, void *data)
{
    log_warning("%s", message);
}

/* "+107" or a name. The build's usual user when nothing is said; root where that does not exist. */
static int
find_user(QemuConfig *config, Error *err)
{
    const char *user = config->user ? config->user : "libvirt-qemu";
    struct passwd *pw;
    char *end;

    if (user[0] == '+') {
        config->uid = (uid_t)g_ascii_strtoull(user + 1, &end, 10);
        if (end == user + 1 || *end)
            return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "qemu.conf: user '%s' is not + and a number", user);
        return 0;
    }
    pw = getpwnam(user);
    if (!pw && config->user)
        return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "qemu.conf: user '%s' does not exist", user);
    config->uid = pw ? pw->pw_uid : 0;
    config->gid = pw ? pw->pw_gid : 0;
    config->groups_of = pw ? user : NULL;
    if (!pw)
        log_info("there is no user '%s': guests run as root", user);
    return 0;
}

static int
find_group(QemuConfig *config, Error *err)
{
    struct group *gr;
    char *end;

    if (!config->group)
        return 0;
    if (config->group[0] == '+') {
        config->gid = (gid_t)g_ascii_strtoull(config->group + 1, &end, 10);
        return end == config->group + 1 || *end ? error_setf(err, FROM_CONF, ERR_CONF_SYNTAX,
                                                             "qemu.conf: group '%s' is not + and a number", config->group)
                                                : 0;
    }
    gr = getgrnam(config->group);
    if (!gr)
        return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "qemu.conf: group '%s' does not exist", config->group);
    config->gid = gr->gr_gid;
    return 0;
}

int
qemu_config_load(QemuConfig *config, const Paths *paths, Error *err)
{
    g_autofree char *path = g_build_filename(paths->config, "qemu.conf", NULL);

    config_set_defaults(keys, config, paths->session);
    if (config_load(path, false, keys, config, warn_config, NULL, err) < 0)
        return -1;
    config->uid = geteuid();
    config->gid = getegid();
    if (geteuid() != 0)
        return 0;
    if (find_user(config, err) < 0 || find_group(config, err) < 0)
        return -1;
    config->set_identity = config->uid != 0 || config->gid != 0;
    return 0;
}

void
qemu_config_done(QemuConfig *config)
{
    config_done(keys, config);
}
