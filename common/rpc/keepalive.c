/*
 * Liveness probes. A client's ping is answered as it is read, whatever else is queued. Our own pings go only to clients
 * that asked for the feature. One timer per server serves all of them, and exists only while there is such a client:
 * nothing is armed or disarmed per message.
 */
#include "common/rpc/internal.h"
#include "protocol/keepalive.h"
#include "protocol/net.h"

#define LOG_SOURCE "rpc.keepalive"
#include "common/base/log.h"

static void
send_probe(RpcClient *client, int proc)
{
    RpcHeader header = {
        .program = KEEPALIVE_PROGRAM, .version = KEEPALIVE_VERSION, .proc = proc, .type = VIR_NET_MESSAGE,
    };

    rpc_conn_send(client->conn, &header, NULL, 0);
}

int
rpc_keepalive_frame(RpcClient *client, const RpcFrame *frame)
{
    if (frame->header.type == VIR_NET_MESSAGE && frame->header.version == KEEPALIVE_VERSION &&
        frame->header.proc == KEEPALIVE_PROC_PING && rpc_conn_unsent(client->conn) < RPC_OUTPUT_HIGH)
        send_probe(client, KEEPALIVE_PROC_PONG);
    return RPC_FRAME_TAKEN;
}

static bool
check_client(RpcClient *client, uint64_t now, uint64_t interval)
{
    const RpcServerOptions *options = &client->server->options;

    if (!client->keepalive || !client->conn || now - rpc_conn_last_input(client->conn) < interval)
        return true;
    if (client->unanswered >= options->keepalive_count) {
        log_warning("%s: no answer to %u keepalive probes, closing the connection", client->label, client->unanswered);
        return false;
    }
    client->unanswered++;
    send_probe(client, KEEPALIVE_PROC_PING);
    return true;
}

static int
on_tick(sd_event_source *source, uint64_t usec, void *data)
{
    RpcServer *server = data;
    uint64_t interval = server->options.keepalive_interval * USEC_PER_SEC, now = loop_now();
    bool any = false;

    for (RpcClient *client = server->clients, *next; client; client = next) {
        next = client->next;
        if (!check_client(client, now, interval)) {
            rpc_conn_shutdown(client->conn, true, "keepalive timeout");
            continue;
        }
        any = any || client->keepalive;
    }
    if (!any) {
        rpc_keepalive_stop(server);
        return 0;
    }
    sd_event_source_set_time_relative(source, interval);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

void
rpc_keepalive_enable(RpcClient *client)
{
    RpcServer *server = client->server;

    if (server->options.keepalive_interval <= 0)
        return;
    client->keepalive = true;
    if (!server->keepalive)
        loop_timer(&server->keepalive, server->options.keepalive_interval * USEC_PER_SEC, on_tick, server, NULL);
}

void
rpc_keepalive_stop(RpcServer *server)
{
    server->keepalive = sd_event_source_disable_unref(server->keepalive);
}
