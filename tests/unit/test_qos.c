/*
 * Bandwidth limits over the real kernel, in a namespace of our own: tc reports what was asked for, packets go through the classes
 * they should, nothing is written twice, and what this kernel cannot do is said.
 */
#include "common/host/netlink/link.h"
#include "common/host/netlink/qos.h"
#include "tests/unit/netns.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "common/base/file.h"

static Netlink *nl;
static GPtrArray *warnings;

/* A socket that hears every change of queues, classes and filters, and of interfaces. */
static int
listener(void)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_TC };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static bool
heard(int fd)
{
    char part[8192];
    bool any = false;

    while (recv(fd, part, sizeof(part), 0) > 0)
        any = true;
    return any;
}

static void
send_to(const char *address, unsigned n)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = inet_addr(address) };
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (unsigned i = 0; i < n; i++)
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
}

/* Packets that class or device have seen, as tc and ip count. */
static unsigned
class_packets(const char *interface, const char *class)
{
    g_autofree char *counted = said("tc -s class show dev %s classid %s | sed -n 's/^ Sent .* bytes \\([0-9]*\\) pkt.*/\\1/p'", interface, class);

    return (unsigned)atoi(counted);
}

/* What this kernel lacks is not tested, and said. */
static void
skip_if_warned(void)
{
    if (!warnings->len)
        return;
    print_message("%s\n", (const char *)g_ptr_array_index(warnings, 0));
    g_ptr_array_set_size(warnings, 0);
    run("ip link del v0");
    skip();
}

static void
add_wire(void)
{
    run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip addr add 10.1.0.1/24 dev v0; "
        "ip neigh add 10.1.0.2 lladdr 52:54:00:00:00:02 dev v0; ip neigh add 10.1.0.3 lladdr 52:54:00:00:00:03 dev v0");
}

static void
sent(void **state)
{
    QosRate rate = { .average = 1000, .peak = 2000, .burst = 64 };
    g_autofree char *shown = NULL, *changed = NULL, *after = NULL;
    _cleanup_fd_ int changes = -1;

    add_wire();
    assert_done(qos_set_sent(nl, "v0", &rate, warnings, err));
    skip_if_warned();
    shown = said("tc class show dev v0");
    assert_contains(shown, "class htb 1:1 root");
    assert_contains(shown, "rate 8Mbit ceil 16Mbit burst 64Kb cburst 64Kb");
    changes = listener();
    assert_done(qos_set_sent(nl, "v0", &rate, warnings, err));
    assert_false(heard(changes));
    send_to("10.1.0.2", 3);
    assert_true(class_packets("v0", "1:1") >= 3);

    rate = (QosRate){ .average = 10000000 }; /* more than 32 bits of bytes */
    assert_done(qos_set_sent(nl, "v0", &rate, warnings, err));
    changed = said("tc class show dev v0");
    assert_contains(changed, "rate 80Gbit ceil 80Gbit");
    heard(changes);
    assert_done(qos_set_sent(nl, "v0", &rate, warnings, err));
    assert_false(heard(changes));
    assert_true(class_packets("v0", "1:1") >= 3); /* the same class: nothing in flight was lost */

    assert_done(qos_set_sent(nl, "v0", NULL, warnings, err));
    assert_done(qos_set_sent(nl, "v0", NULL, warnings, err));
    after = said("tc qdisc show dev v0");
    assert_lacks(after, "htb");
    assert_refused(qos_set_sent(nl, "absent", &rate, warnings, err), "there is no interface 'absent'");
    run("ip link del v0");
}

static void
others_queue(void **state)
{
    QosRate rate = { .average = 1000 };
    g_autofree char *shown = NULL, *kept = NULL;

    add_wire();
    run("tc qdisc add dev v0 root handle 7: pfifo");
    assert_done(qos_set_sent(nl, "v0", NULL, warnings, err));
    kept = said("tc qdisc show dev v0");
    assert_contains(kept, "pfifo 7:");
    assert_done(qos_set_sent(nl, "v0", &rate, warnings, err));
    skip_if_warned();
    shown = said("tc qdisc show dev v0");
    assert_contains(shown, "qdisc htb 1: root");
    run("ip link del v0");
}

static void
guarantees(void **state)
{
    QosRate whole = { .average = 1000, .peak = 5000 };
    Mac guest = { .set = true, .b = { 0x52, 0x54, 0, 0, 0, 2 } };
    g_autofree char *shown = NULL, *after = NULL;
    _cleanup_fd_ int changes = -1;

    add_wire();
    assert_done(qos_set_guarantee(nl, "v0", 3, &guest, 300, &whole, err)); /* no whole to divide yet */
    assert_done(qos_set_divided(nl, "v0", &whole, 300, warnings, err));
    skip_if_warned();
    assert_done(qos_set_guarantee(nl, "v0", 3, &guest, 300, &whole, err));
    shown = said("tc class show dev v0");
    assert_contains(shown, "class htb 1:1 root");
    assert_contains(shown, "class htb 1:2 parent 1:1");
    assert_contains(shown, "rate 5600Kbit ceil 40Mbit");
    assert_contains(shown, "class htb 1:3 parent 1:1");
    assert_contains(shown, "rate 2400Kbit ceil 40Mbit");
    changes = listener();
    assert_done(qos_set_divided(nl, "v0", &whole, 300, warnings, err));
    assert_done(qos_set_guarantee(nl, "v0", 3, &guest, 300, &whole, err));
    heard(changes); /* the kernel is asked for the filter that is there already: that it refuses is silent, and its business */
    send_to("10.1.0.2", 5);
    send_to("10.1.0.3", 7);
    assert_int_equal(class_packets("v0", "1:3"), 5);
    assert_true(class_packets("v0", "1:2") >= 7);
    assert_done(qos_drop_guarantee(nl, "v0", 3, err));
    assert_done(qos_drop_guarantee(nl, "v0", 3, err));
    after = said("tc class show dev v0; tc filter show dev v0");
    assert_lacks(after, "1:3");
    run("ip link del v0");
}

static void
received(void **state)
{
    QosRate rate = { .average = 1000, .burst = 64 };
    g_autofree char *shown = NULL, *device = NULL, *passed = NULL, *after = NULL;
    char name[IFNAMSIZ];
    _cleanup_fd_ int changes = -1;
    HostLink link;
    bool shaped;

    add_wire();
    assert_done(qos_set_received(nl, "v1", &rate, warnings, err));
    skip_if_warned();
    shown = said("tc filter show dev v1 ingress; tc qdisc show dev v1");
    assert_contains(shown, "qdisc ingress");
    g_snprintf(name, sizeof(name), "qos%u", if_nametoindex("v1"));
    shaped = link_find(nl, name, &link, NULL) > 0;
    print_message("what is received is %s here\n", shaped ? "shaped" : "policed");
    device = shaped ? said("tc class show dev %s", name) : g_strdup(shown);
    assert_contains(device, "rate 8Mbit");
    assert_contains(device, "burst 64Kb");
    changes = listener();
    assert_done(qos_set_received(nl, "v1", &rate, warnings, err));
    assert_false(heard(changes));
    /* It arrives, though it makes a detour: at the bridge whose address it has. */
    run("ip link add br0 type bridge; ip link set br0 address 52:54:00:00:00:02 up; ip link set v1 master br0");
    send_to("10.1.0.2", 4);
    do
        assert_done(link_get(nl, "br0", &link, err));
    while (link.rx_packets < 4);
    if (shaped)
        assert_true(class_packets(name, "1:1") >= 4);
    rate.average = 2000;
    assert_done(qos_set_received(nl, "v1", &rate, warnings, err));
    passed = said(shaped ? "tc class show dev %s" : "tc filter show ingress dev v1", name);
    assert_contains(passed, "rate 16Mbit");
    assert_done(qos_sweep(nl, err));
    if (shaped)
        assert_int_equal(link_find(nl, name, &link, NULL), 1);
    assert_done(qos_set_received(nl, "v1", NULL, warnings, err));
    assert_done(qos_set_received(nl, "v1", NULL, warnings, err));
    after = said("tc qdisc show dev v1");
    assert_lacks(after, "ingress");
    assert_int_equal(link_find(nl, name, &link, NULL), 0);

    assert_done(qos_set_received(nl, "v1", &rate, warnings, err));
    run("ip link del v0; ip link del br0");
    assert_done(qos_sweep(nl, err));
    assert_int_equal(link_find(nl, name, &link, NULL), 0);
}

static int
set_up(void **state)
{
    warnings = g_ptr_array_new_with_free_func(g_free);
    return netlink_open(NETLINK_ROUTE, &nl, NULL);
}

static int
tear_down(void **state)
{
    g_ptr_array_unref(warnings);
    netlink_close(nl);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent),
        cmocka_unit_test(others_queue),
        cmocka_unit_test(guarantees),
        cmocka_unit_test(received),
    };

    if (!netns_enter())
        return 77; /* skipped */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
