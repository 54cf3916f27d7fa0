/*
 * The relay between a client and another daemon, both of which say what the input says: calls, answers, events, stream
 * packets and raw bytes in any order. Only the handshake of the relay is answered properly, so that the depths are reached.
 * Whatever comes, the server stays, and the client goes without leaving anything running.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/fiber.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/rpc/codec.h"
#include "common/rpc/relay.h"
#include "common/rpc/rpc.h"
#include "protocol/net.h"
#include "protocol/remote.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static RpcServer *server;
static RpcTarget target = { .daemon = "virtotherd", .uri = "network:///system" };
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int listener;

/* The other daemon's end, and what it has heard. */
static int other = -1;
static GByteArray *heard;
static uint32_t last_serial;
static int32_t last_proc;

/* Calls worth making, besides those the input numbers itself. */
static const uint16_t procs[] = {
    REMOTE_PROC_NETWORK_LOOKUP_BY_NAME, REMOTE_PROC_NETWORK_CREATE, REMOTE_PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY,
    REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY, REMOTE_PROC_STORAGE_VOL_UPLOAD, REMOTE_PROC_STORAGE_VOL_DOWNLOAD,
    REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER,
    REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE, REMOTE_PROC_CONNECT_CLOSE,
    REMOTE_PROC_CONNECT_SET_IDENTITY, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER_ANY,
};

static int
relay(RpcCall *call, void *daemon, Error *err)
{
    return rpc_relay_call(call, &target, err);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const RpcHooks hooks = { .relay = relay };
    const RpcServerOptions options = { .name = "fuzz", .owner = RPC_OWNER_SECRET, .type = "secret", .scheme = "secret",
                                       .hooks = &hooks };

    signal(SIGPIPE, SIG_IGN);
    log_init("fuzz");
    log_set_level(LOG_LEVEL_ERROR, NULL);
    log_set_outputs("4:file:/dev/null", NULL);
    if (loop_init(NULL) < 0)
        abort();
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/fuzz-relay-%d", (int)getpid());
    unlink(address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 16) < 0)
        abort();
    target.socket = address.sun_path;
    heard = g_byte_array_new();
    server = rpc_server_new(&options);
    return 0;
}

static void
put(int fd, const void *bytes, size_t size)
{
    while (size && fd >= 0) {
        ssize_t n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0)
            return; /* gone, or it does not read: that is how it is */
        bytes = (const uint8_t *)bytes + n;
        size -= n;
    }
}

static void
put_frame(int fd, uint32_t program, uint32_t proc, uint32_t type, uint32_t serial, uint32_t status, const void *payload,
          size_t size)
{
    uint32_t words[7] = { 28 + size, program, 1, proc, type, serial, status };

    for (int i = 0; i < 7; i++)
        wire_put_u32(&words[i], words[i]);
    put(fd, words, sizeof(words));
    put(fd, payload, size);
}

/* The other daemon hears: a handshake is answered. */
static void
hear(void)
{
    uint8_t bytes[4096];
    ssize_t n;

    if (other < 0) {
        other = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        g_byte_array_set_size(heard, 0);
    }
    while (other >= 0 && (n = recv(other, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        g_byte_array_append(heard, bytes, n);
    while (heard->len >= 28 && heard->len >= wire_get_u32(heard->data)) {
        uint32_t size = wire_get_u32(heard->data);

        last_proc = wire_get_u32(heard->data + 12);
        last_serial = wire_get_u32(heard->data + 20);
        if (last_proc == REMOTE_PROC_AUTH_LIST)
            put_frame(other, REMOTE_PROGRAM, last_proc, VIR_NET_REPLY, last_serial, VIR_NET_OK, "\0\0\0\1\0\0\0\0", 8);
        else if (last_proc == REMOTE_PROC_CONNECT_OPEN || last_proc == REMOTE_PROC_CONNECT_SET_IDENTITY)
            put_frame(other, REMOTE_PROGRAM, last_proc, VIR_NET_REPLY, last_serial, VIR_NET_OK, NULL, 0);
        g_byte_array_remove_range(heard, 0, size);
    }
}

static void
rounds(int client, int count)
{
    uint8_t sink[4096];

    while (count-- > 0) {
        loop_run_once(0, NULL);
        hear();
        while (client >= 0 && recv(client, sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
    }
}

/*
 * One record: who and what (1: bit 0 the other daemon, bit 1 raw bytes, bit 2 a procedure of the list, bit 3 the last
 * call's, bit 4 end of that side, bits 5 to 7 rounds), type and status (1), procedure (1), serial (1), size (1), payload.
 */
static size_t
play(int client, const uint8_t *data, size_t size)
{
    size_t length = MIN(data[4], size - 5);
    int to = data[0] & 1 ? other : client;
    uint32_t proc = data[0] & 4 ? procs[data[2] % G_N_ELEMENTS(procs)] : data[2];
    uint32_t serial = data[3];

    if (data[0] & 1 && data[0] & 8) {
        proc = last_proc;
        serial += last_serial;
    }
    if (data[0] & 16 && to >= 0)
        shutdown(to, SHUT_RDWR);
    if (data[0] & 2)
        put(to, data + 5, length);
    else
        put_frame(to, REMOTE_PROGRAM, proc, data[1] & 7, serial, data[1] >> 6, data + 5, length);
    if (data[0] & 16 && to == other && other >= 0) {
        close(other);
        other = -1;
    }
    rounds(client, data[0] >> 5);
    return 5 + length;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    if (rpc_server_adopt(server, fds[1], &(RpcServiceOptions){ 0 }, NULL, NULL) < 0)
        abort();
    put_frame(fds[0], REMOTE_PROGRAM, REMOTE_PROC_CONNECT_OPEN, VIR_NET_CALL, 0, 0, "\0\0\0\0\0\0\0\0", 8);
    put_frame(fds[0], REMOTE_PROGRAM, REMOTE_PROC_NETWORK_LOOKUP_BY_NAME, VIR_NET_CALL, 1, 0, "\0\0\0\0", 4);
    rounds(fds[0], 12);
    while (size >= 5) {
        size_t taken = play(fds[0], data, size);

        data += taken;
        size -= taken;
    }
    rounds(fds[0], 8);
    close(fds[0]);
    for (int i = 0; i < 1000 && (rpc_server_clients(server) || rpc_server_running_calls(server) || fiber_count()); i++)
        rounds(-1, 1);
    if (rpc_server_clients(server) || rpc_server_running_calls(server) || fiber_count())
        abort();
    if (other >= 0)
        close(other);
    while ((other = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(other);
    return 0;
}
