/*
 * The program dnsmasq calls with each change of a lease (its dhcp-script): it keeps the lease file of the bridge, and gives
 * dnsmasq its leases back when that starts anew. It is alone: no daemon need be running.
 *
 *     libvirt_leaseshelper add|old|del MAC IP [HOSTNAME]      a lease was given, renewed or seen, taken away
 *     libvirt_leaseshelper init                               print all leases as dnsmasq keeps them
 *
 * In the environment, from the daemon: VIRTD_LEASE_FILE, VIRTD_LEASE_LOCK; from dnsmasq: DNSMASQ_*, see dnsmasq(8). Other calls are none of
 * its business and succeed. Of IPv6 leases the first word is the client's DUID, not a MAC address.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/ip.h"
#include "virtnetworkd/dnsmasq/leasefile.h"

static void
set_text(json_t *lease, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(lease, key, json_string(text));
}

static json_t *
make_lease(const char *client, const char *ip, const char *hostname)
{
    const char *expires = getenv("DNSMASQ_LEASE_EXPIRES"), *iaid = getenv("DNSMASQ_IAID");
    const char *supplied = getenv("DNSMASQ_SUPPLIED_HOSTNAME");
    json_t *lease = json_object();

    set_text(lease, LEASE_IP, ip);
    set_text(lease, LEASE_MAC, iaid ? getenv("DNSMASQ_MAC") : client);
    set_text(lease, LEASE_HOSTNAME, hostname ? hostname : supplied);
    set_text(lease, LEASE_CLIENT_ID, iaid ? client : getenv("DNSMASQ_CLIENT_ID"));
    set_text(lease, LEASE_IAID, iaid);
    set_text(lease, LEASE_SERVER_DUID, getenv("DNSMASQ_SERVER_DUID"));
    json_object_set_new(lease, LEASE_EXPIRY, json_integer(expires ? strtoll(expires, NULL, 10) : 0));
    return lease;
}

/* Expired ones go too: nothing else would ever remove what dnsmasq forgot while it was down. */
static void
remove_leases(json_t *leases, const char *ip, time_t now)
{
    for (size_t i = json_array_size(leases); i-- > 0;) {
        const json_t *lease = json_array_get(leases, i);
        json_int_t expiry = json_integer_value(json_object_get(lease, LEASE_EXPIRY));

        if (g_strcmp0(leasefile_text(lease, LEASE_IP), ip) == 0 || (expiry != 0 && expiry < now))
            json_array_remove(leases, i);
    }
}

/* As in dnsmasq's own lease file: first those of IPv4, then the server's DUID and those of IPv6. */
static void
print_leases(const json_t *leases)
{
    const char *server_duid = NULL;

    for (int v6 = 0; v6 <= 1; v6++) {
        for (size_t i = 0; i < json_array_size(leases); i++) {
            const json_t *lease = json_array_get(leases, i);
            const char *ip = leasefile_text(lease, LEASE_IP), *iaid = leasefile_text(lease, LEASE_IAID);
            const char *hostname = leasefile_text(lease, LEASE_HOSTNAME), *id = leasefile_text(lease, LEASE_CLIENT_ID);
            const char *first = v6 ? iaid : leasefile_text(lease, LEASE_MAC), *duid = leasefile_text(lease, LEASE_SERVER_DUID);
            json_int_t expiry = json_integer_value(json_object_get(lease, LEASE_EXPIRY));

            if (!ip || !first || (strchr(ip, ':') != NULL) != v6)
                continue;
            if (v6 && !server_duid && (server_duid = duid))
                printf("duid %s\n", server_duid);
            printf("%lld %s %s %s %s\n", (long long)expiry, first, ip, hostname ? hostname : "*", id ? id : "*");
        }
    }
}

/* A file that can't be read must not keep guests from their addresses: it is put aside. */
static json_t *
read_or_begin(const char *path)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *aside = g_strconcat(path, ".damaged", NULL);
    json_t *leases;

    if (leasefile_read(path, &leases, &err) == 0)
        return leases;
    fprintf(stderr, "%s; it is kept as '%s', a new one begins\n", err.message, aside);
    rename(path, aside);
    return json_array();
}

/*
 * One change at a time, held until the process ends. The lock is that of libvirt's own helper, so the two exclude each other while
 * a host moves over, and AppArmor's profile of dnsmasq knows it. The other one removes the file when it is done: what was locked
 * must be what is there.
 */
static int
take_turn(const char *path)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat locked, there;
    int fd;

    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0 || fcntl(fd, F_SETLKW, &whole) < 0 || fstat(fd, &locked) < 0)
            return -1;
        if (stat(path, &there) == 0 && there.st_ino == locked.st_ino && there.st_dev == locked.st_dev)
            return 0;
        close(fd);
    }
}

static int
change(const char *path, const char *action, char **words)
{
    json_t *leases = read_or_begin(path);
    _cleanup_error_ Error err = ERROR_INIT;
    IpAddress ip;
    int r;

    if (!ip_parse(words[1], &ip)) {
        fprintf(stderr, "'%s' is no address\n", words[1]);
        json_decref(leases);
        return -1;
    }
    remove_leases(leases, words[1], time(NULL));
    if (strcmp(action, "del") != 0)
        json_array_append_new(leases, make_lease(words[0], words[1], words[2]));
    r = leasefile_write(path, leases, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err.message);
    json_decref(leases);
    return r;
}

int
main(int argc, char **argv)
{
    const char *path = getenv("VIRTD_LEASE_FILE"), *lock = getenv("VIRTD_LEASE_LOCK"), *action = argc > 1 ? argv[1] : NULL;
    char *words[3] = { argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL };
    json_t *leases;

    if (!path || !lock || !action) {
        fprintf(stderr, "usage: VIRTD_LEASE_FILE=FILE VIRTD_LEASE_LOCK=FILE %s add|old|del|init [MAC IP [HOSTNAME]]\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (take_turn(lock) < 0) {
        fprintf(stderr, "cannot lock '%s': %s\n", lock, g_strerror(errno));
        return EXIT_FAILURE;
    }
    if (strcmp(action, "init") == 0) {
        leases = read_or_begin(path);
        print_leases(leases);
        json_decref(leases);
        return EXIT_SUCCESS;
    }
    if (strcmp(action, "add") != 0 && strcmp(action, "old") != 0 && strcmp(action, "del") != 0)
        return EXIT_SUCCESS;
    if (!words[1]) {
        fprintf(stderr, "'%s' needs a MAC address and an IP address\n", action);
        return EXIT_FAILURE;
    }
    return change(path, action, words) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
