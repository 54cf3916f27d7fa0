/* See netlink.h. */
#include "common/host/netlink/netlink.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "common/host/netlink/internal.h"

#define REQUEST_SIZE 4096     /* requests of this folder; the largest part is an alias */
#define REPLY_SIZE 32768      /* what the kernel fills at most in one part of a dump */
#define PARTS_MAX 65536       /* of one answer: 2 GiB */
#define DUMP_TRIES 20         /* while others keep changing what is dumped */
#define BUFFER_MAX (256 << 20)

struct Netlink {
    struct mnl_socket *socket;
    uint32_t sequence;
    char *said; /* owned; the kernel's words about the last refusal, or NULL */
    uint8_t request[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
    uint8_t reply[REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

int
netlink_open(int protocol, Netlink **ret, Error *err)
{
    g_autoptr(Netlink) nl = g_new0(Netlink, 1);
    int on = 1;

    nl->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot open a netlink socket of protocol %d", protocol);
    /* All three make answers better and are not needed: old kernels lack some. */
    mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
    mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
    mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    *ret = g_steal_pointer(&nl);
    return 0;
}

void
netlink_close(Netlink *nl)
{
    if (!nl)
        return;
    if (nl->socket)
        mnl_socket_close(nl->socket);
    g_free(nl->said);
    g_free(nl);
}

uint32_t
netlink_port(const Netlink *nl)
{
    return mnl_socket_get_portid(nl->socket);
}

uint32_t
netlink_sequence(Netlink *nl)
{
    return ++nl->sequence; /* not 0, which notifications carry: it takes 2^32 messages to get there again */
}

struct nlmsghdr *
netlink_begin(Netlink *nl, uint16_t type, uint16_t flags, const void *header, size_t size)
{
    struct nlmsghdr *request;

    memset(nl->request, 0, sizeof(nl->request));
    request = mnl_nlmsg_put_header(nl->request);
    request->nlmsg_type = type;
    request->nlmsg_flags = flags;
    memcpy(mnl_nlmsg_put_extra_header(request, size), header, size);
    return request;
}

/* Keeps the kernel's words about a refusal. They follow the refused message's header (its content too, unless capped). */
static void
note_words(Netlink *nl, const struct nlmsghdr *message)
{
    const struct nlmsgerr *refusal = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr;
    size_t skip = sizeof(*refusal);

    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(message->nlmsg_flags & NLM_F_CAPPED))
        skip += NLMSG_ALIGN(refusal->msg.nlmsg_len) - sizeof(refusal->msg);
    if (mnl_nlmsg_get_payload_len(message) < skip)
        return;
    mnl_attr_for_each(attr, message, skip) {
        if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) {
            g_free(nl->said);
            nl->said = g_strndup(mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
        }
    }
}

/* What the kernel says in an NLMSG_ERROR message: 0 or the negative errno. */
static int
verdict(Netlink *nl, const struct nlmsghdr *message)
{
    const struct nlmsgerr *refusal = mnl_nlmsg_get_payload(message);

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*refusal))
        return -EBADMSG;
    if (refusal->error)
        note_words(nl, message);
    return refusal->error;
}

/* The last message of a dump says how it ended. */
static int
dump_verdict(const struct nlmsghdr *message)
{
    int r = 0;

    if (mnl_nlmsg_get_payload_len(message) >= sizeof(r))
        memcpy(&r, mnl_nlmsg_get_payload(message), sizeof(r));
    return MIN(r, 0);
}

/* The messages of one received part. 1: more is to come; 0: that was all; negative errno. */
static int
take_part(Netlink *nl, size_t size, uint32_t sequence, NetlinkFn fn, void *data, bool *ret_interrupted)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)nl->reply;
    int left = (int)size, r;

    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        if (message->nlmsg_seq != sequence)
            continue; /* the rest of an exchange that was given up */
        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
            *ret_interrupted = true;
        if (message->nlmsg_type == NLMSG_ERROR)
            return verdict(nl, message);
        if (message->nlmsg_type == NLMSG_DONE)
            return dump_verdict(message);
        r = fn && message->nlmsg_type >= NLMSG_MIN_TYPE ? fn(message, data) : 0;
        if (r < 0)
            return r;
    }
    return 1;
}

static ssize_t
receive(Netlink *nl)
{
    ssize_t size = mnl_socket_recvfrom(nl->socket, nl->reply, sizeof(nl->reply));

    return size < 0 ? -errno : size;
}

int
netlink_exchange(Netlink *nl, struct nlmsghdr *request, NetlinkFn fn, void *data)
{
    bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP, interrupted = false;

    g_clear_pointer(&nl->said, g_free);
    request->nlmsg_seq = netlink_sequence(nl);
    request->nlmsg_flags |= NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK);
    if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
        return -errno;
    for (unsigned part = 0; part < PARTS_MAX; part++) {
        ssize_t size = receive(nl);
        int r = size < 0 ? (int)size : take_part(nl, (size_t)size, request->nlmsg_seq, fn, data, &interrupted);

        if (r <= 0)
            return r == 0 && interrupted ? -EINTR : r;
    }
    return -ENOBUFS;
}

int
netlink_dump(Netlink *nl, struct nlmsghdr *request, NetlinkFn fn, GArray *into)
{
    int r = -EINTR;

    request->nlmsg_flags |= NLM_F_DUMP;
    for (unsigned i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
        g_array_set_size(into, 0);
        r = netlink_exchange(nl, request, fn, into);
    }
    return r;
}

/* Make room for a batch in both directions: what it holds, and a refusal of each of its messages. */
static void
grow_buffers(Netlink *nl, size_t size)
{
    int fd = mnl_socket_get_fd(nl->socket), room = (int)MIN(size * 2, BUFFER_MAX), is = 0;
    socklen_t length = sizeof(is);

    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &is, &length) == 0 && is >= room)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
}

int
netlink_batch(Netlink *nl, const void *batch, size_t size, uint32_t first, uint32_t last, uint32_t *ret_sequence)
{
    bool acknowledged = false;
    int result = 0;

    g_clear_pointer(&nl->said, g_free);
    grow_buffers(nl, size);
    if (mnl_socket_sendto(nl->socket, batch, size) < 0)
        return -errno;
    for (;;) {
        ssize_t left = receive(nl);
        const struct nlmsghdr *message = (const struct nlmsghdr *)nl->reply;

        if (left == -EAGAIN)
            break;
        if (left < 0)
            return (int)left;
        for (int n = (int)left; mnl_nlmsg_ok(message, n); message = mnl_nlmsg_next(message, &n)) {
            int r;

            if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq < first || message->nlmsg_seq > last)
                continue;
            acknowledged = true;
            r = result ? 0 : verdict(nl, message); /* later ones follow from the first */
            if (r) {
                result = r;
                *ret_sequence = message->nlmsg_seq;
            }
        }
    }
    return acknowledged ? result : -EAGAIN;
}

int
(netlink_fail)(Netlink *nl, int r, Error *err, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (nl->said)
        return error_set_errno(err, FROM_NET, -r, "%s (the kernel says: %s)", text, nl->said);
    return error_set_errno(err, FROM_NET, -r, "%s", text);
}
