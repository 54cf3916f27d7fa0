/* The relay: registrations that other daemons hold for a client, their events, and what a restart does to them. */
#include "tests/unit/rpc_relay.h"

static int
register_network(Raw *client)
{
    remote_connect_network_event_register_any_args args = { .eventID = VIR_NETWORK_EVENT_ID_LIFECYCLE };

    raw_ok(client, REMOTE_PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY, WIRE_remote_connect_network_event_register_any_args, &args);
    assert_int_equal(raw_last.size, 4);
    return wire_get_u32(raw_last.payload);
}

static int
register_domain(Raw *client)
{
    remote_connect_domain_event_callback_register_any_args args = { .eventID = VIR_DOMAIN_EVENT_ID_LIFECYCLE };

    raw_ok(client, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
           WIRE_remote_connect_domain_event_callback_register_any_args, &args);
    return wire_get_u32(raw_last.payload);
}

static int
register_secret(Raw *client)
{
    remote_connect_secret_event_register_any_args args = { .eventID = VIR_SECRET_EVENT_ID_LIFECYCLE };

    raw_ok(client, REMOTE_PROC_CONNECT_SECRET_EVENT_REGISTER_ANY, WIRE_remote_connect_secret_event_register_any_args, &args);
    return wire_get_u32(raw_last.payload);
}

static void
send_network_event(void)
{
    remote_network_event_lifecycle_msg message = { .net.name = "default", .event = VIR_NETWORK_EVENT_STARTED };

    rpc_event_send(net, RPC_PROGRAM_REMOTE, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, &message, message.net.uuid, VIR_UUID_BUFLEN, NULL);
}

static void
send_domain_event(void)
{
    remote_domain_event_callback_lifecycle_msg message = { .msg.dom.name = "one", .msg.event = VIR_DOMAIN_EVENT_STARTED };

    rpc_event_send(qemu, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &message, message.msg.dom.uuid,
                   VIR_UUID_BUFLEN, NULL);
}

/* The next message is that event, with that id. */
static void
hears(Raw *client, int proc, int id)
{
    assert_true(raw_receive(client));
    assert_int_equal(raw_last.type, VIR_NET_MESSAGE);
    assert_int_equal(raw_last.proc, proc);
    assert_int_equal(raw_last.serial, 1);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal((int)wire_get_u32(raw_last.payload), id);
}

static void
deregister_network(Raw *client, int id)
{
    remote_connect_network_event_deregister_any_args args = { .callbackID = id };

    raw_ok(client, REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY, WIRE_remote_connect_network_event_deregister_any_args, &args);
}

static void
callback_ids_differ(void **state)
{
    remote_secret_event_lifecycle_msg secret_message = { .secret.usageID = "" };
    int secret, network, domain, second;

    serve_net();
    serve_qemu();
    secret = register_secret(&raw); /* each of the three daemons calls its first one 0 */
    network = register_network(&raw);
    domain = register_domain(&raw);
    second = register_network(&raw);
    assert_true(secret != network && network != domain && secret != domain && second != network && second != domain);
    send_domain_event();
    hears(&raw, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, domain);
    rpc_event_send(front, RPC_PROGRAM_REMOTE, REMOTE_PROC_SECRET_EVENT_LIFECYCLE, &secret_message, "", 0, NULL);
    hears(&raw, REMOTE_PROC_SECRET_EVENT_LIFECYCLE, secret);
    send_network_event();
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second); /* newest first */
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, network);
    deregister_network(&raw, network);
    send_network_event();
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second);
    /* neither an id of another class nor one given up is known */
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY,
                               WIRE_remote_connect_network_event_deregister_any_args,
                               &(remote_connect_network_event_deregister_any_args){ .callbackID = domain }, FROM_RPC), ERR_INTERNAL_ERROR);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY,
                               WIRE_remote_connect_network_event_deregister_any_args,
                               &(remote_connect_network_event_deregister_any_args){ .callbackID = network }, FROM_RPC), ERR_INTERNAL_ERROR);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY,
                               WIRE_remote_connect_network_event_register_any_args,
                               &(remote_connect_network_event_register_any_args){ .eventID = 99 }, FROM_RPC), ERR_INTERNAL_ERROR);
}

static void
older_registrations(void **state)
{
    remote_connect_domain_event_register_any_args any = { .eventID = VIR_DOMAIN_EVENT_ID_REBOOT };
    remote_domain_event_callback_reboot_msg reboot = { .msg.dom.name = "one" };

    serve_qemu();
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER, 0, NULL);
    assert_int_equal(wire_get_u32(raw_last.payload), 1);
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY, WIRE_remote_connect_domain_event_register_any_args, &any);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY,
                               WIRE_remote_connect_domain_event_register_any_args, &any, FROM_RPC), ERR_INTERNAL_ERROR);
    for (int i = 0; i < 2; i++) {
        send_domain_event();
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.proc, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE);
        assert_int_equal(wire_get_u32(raw_last.payload), 3); /* no id: the name comes first */
        rpc_event_send(qemu, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_REBOOT, &reboot, reboot.msg.dom.uuid,
                       VIR_UUID_BUFLEN, NULL);
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.proc, REMOTE_PROC_DOMAIN_EVENT_REBOOT);
        if (i == 1)
            break;
        free_server(&qemu); /* and after a loss */
        serve_qemu();
        raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL);
        settle();
    }
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER, 0, NULL);
    assert_int_equal(wire_get_u32(raw_last.payload), 0);
    send_domain_event();
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL); /* and no event */
    free_server(&qemu);
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, WIRE_remote_connect_domain_event_deregister_any_args,
           &(remote_connect_domain_event_deregister_any_args){ .eventID = VIR_DOMAIN_EVENT_ID_REBOOT });
}

/* Wait until the other daemon has so many clients. */
static void
await_clients(RpcServer *server, size_t count)
{
    for (int i = 0; i < 2000 && rpc_server_clients(server) != count; i++)
        loop_run_once(10000, NULL);
    assert_int_equal(rpc_server_clients(server), count);
    settle();
}

static void
registrations_are_renewed(void **state)
{
    int first, second;

    serve_net();
    first = register_network(&raw);
    second = register_network(&raw);
    deregister_network(&raw, first);
    for (int i = 0; i < 3; i++) {
        free_server(&net);
        serve_net();
        await_clients(net, 1); /* without any call of the client */
        send_network_event();
        hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second);
    }
    assert_false(raw_is_closed(&raw));
    deregister_network(&raw, second);
    send_network_event();
    lookup_ok(&raw); /* no event before it */
}

static void
deregistered_while_down(void **state)
{
    int first, second;

    serve_net();
    first = register_network(&raw);
    second = register_network(&raw);
    free_server(&net);
    lookup(&raw, "default");
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_NETWORK), ERR_NO_CONNECT); /* the socket is there, nobody listens */
    deregister_network(&raw, first);
    serve_net();
    await_clients(net, 1);
    send_network_event();
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second);
    lookup_ok(&raw);
}

/* The connection is to be made anew just when the client goes. */
static void
client_goes_with_the_daemon(void **state)
{
    for (int i = 0; i < 10; i++) {
        Raw second;

        serve_net();
        open_front(&second, false);
        register_network(&second);
        if (i % 2)
            raw_done(&second);
        net = rpc_server_free(net);
        if (i % 2 == 0)
            raw_done(&second);
        settle();
        assert_int_equal(rpc_server_clients(front), 1);
    }
}

/* Who does not read gets what fits, and then keeps nobody but itself waiting. */
static void
events_are_held_back(void **state)
{
    static char name[60000];
    remote_network_event_lifecycle_msg message = { .net.name = name };
    Raw other;
    int id;

    memset(name, 'n', sizeof(name) - 1);
    serve_net();
    open_front(&other, false);
    id = register_network(&raw);
    for (int i = 0; i < 100; i++) {
        rpc_event_send(net, RPC_PROGRAM_REMOTE, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, &message, message.net.uuid, VIR_UUID_BUFLEN, NULL);
        settle();
    }
    lookup_ok(&other);
    for (int i = 0; i < 100; i++)
        hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, id);
    lookup_ok(&raw);
    raw_done(&other);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(callback_ids_differ), TEST(older_registrations), TEST(registrations_are_renewed),
        TEST(deregistered_while_down), TEST(client_goes_with_the_daemon), TEST(events_are_held_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
