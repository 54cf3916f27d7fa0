#include "common/host/image.h"

#include <byteswap.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/conf/storage/parts.h"

#define BACKING_MAX 1023 /* bytes, as in the format */

/* The bytes that were read; reading past them gives 0. */
typedef struct Head {
    const uint8_t *bytes;
    size_t size;
} Head;

static bool
within(Head head, uint64_t at, uint64_t length)
{
    return at <= head.size && length <= head.size - at;
}

static uint32_t
be32(Head head, size_t at)
{
    uint32_t value = 0;

    if (within(head, at, sizeof(value)))
        memcpy(&value, head.bytes + at, sizeof(value));
    return be32toh(value);
}

static uint64_t
be64(Head head, size_t at)
{
    return (uint64_t)be32(head, at) << 32 | be32(head, at + 4);
}

static uint32_t
le32(Head head, size_t at)
{
    return bswap_32(be32(head, at));
}

static uint64_t
le64(Head head, size_t at)
{
    return (uint64_t)le32(head, at + 4) << 32 | le32(head, at);
}

static bool
has(Head head, size_t at, const char *bytes, size_t length)
{
    return within(head, at, length) && memcmp(head.bytes + at, bytes, length) == 0;
}
#define HAS(head, at, text) has((head), (at), (text), sizeof(text) - 1)

/* A text in the header; NULL when it is no text or not in what was read. */
static char *
text_at(Head head, uint64_t at, uint64_t length)
{
    if (at == 0 || length == 0 || length > BACKING_MAX || !within(head, at, length) ||
        !g_utf8_validate((const char *)head.bytes + at, (gssize)length, NULL))
        return NULL;
    for (uint64_t i = 0; i < length; i++)
        if (head.bytes[at + i] < ' ')
            return NULL;
    return g_strndup((const char *)head.bytes + at, length);
}

int
image_format_named(const char *name)
{
    for (int i = FORMAT_RAW; i < FORMAT_AUTO; i++)
        if (strcmp(name, storage_format_names[i]) == 0)
            return i;
    return FORMAT_ABSENT;
}

/* --- qcow --- */

#define QCOW2_EXTENSION_BACKING_FORMAT 0xe2792acau
#define QCOW2_V2_HEADER 72u
#define QCOW2_EXTENDED_L2 (1u << 4)
#define QCOW2_LAZY_REFCOUNTS 1u

static void
read_extensions(Head head, uint64_t at, ImageInfo *info)
{
    while (within(head, at, 8)) {
        uint32_t type = be32(head, at), length = be32(head, at + 4);
        g_autofree char *name = NULL;

        if (type == 0 || !within(head, at + 8, length))
            return;
        if (type == QCOW2_EXTENSION_BACKING_FORMAT && (name = text_at(head, at + 8, length)))
            info->backing_format = image_format_named(name);
        at += 8 + (((uint64_t)length + 7) & ~UINT64_C(7));
    }
}

static void
read_qcow2(Head head, ImageInfo *info)
{
    uint32_t cluster_bits = be32(head, 20), crypt = be32(head, 32);

    info->format = FORMAT_QCOW2;
    info->capacity = be64(head, 24);
    info->qcow2_v3 = be32(head, 4) >= 3;
    info->cluster_size = cluster_bits >= 9 && cluster_bits <= 21 ? UINT64_C(1) << cluster_bits : 0;
    info->encryption = crypt == 1 ? "qcow" : crypt == 2 ? "luks" : NULL;
    if (info->qcow2_v3) {
        info->extended_l2 = be64(head, 72) & QCOW2_EXTENDED_L2;
        info->lazy_refcounts = be64(head, 80) & QCOW2_LAZY_REFCOUNTS;
    }
    info->backing = text_at(head, be64(head, 8), be32(head, 16));
    read_extensions(head, info->qcow2_v3 ? be32(head, 100) : QCOW2_V2_HEADER, info);
}

static void
read_qcow(Head head, ImageInfo *info)
{
    info->format = FORMAT_QCOW;
    info->capacity = be64(head, 24);
    info->encryption = be32(head, 36) == 1 ? "qcow" : NULL;
    info->backing = text_at(head, be64(head, 8), be32(head, 16));
}

/* --- others --- */

static void
read_qed(Head head, ImageInfo *info)
{
    uint64_t features = le64(head, 16);

    info->format = FORMAT_QED;
    info->capacity = le64(head, 48);
    info->cluster_size = 0;
    if (features & 1) {
        info->backing = text_at(head, le32(head, 56), le32(head, 60));
        info->backing_format = features & 4 ? FORMAT_RAW : FORMAT_ABSENT;
    }
}

static void
read_luks(Head head, ImageInfo *info)
{
    info->encryption = "luks";
    if (be32(head, 4) == 0xbabe0001u)
        info->payload = (uint64_t)be32(head, 104) * 512;
}

ImageInfo *
image_probe(const uint8_t *bytes, size_t size)
{
    ImageInfo *info = g_atomic_rc_box_new0(ImageInfo);
    Head head = { bytes, size };

    info->format = FORMAT_RAW;
    if (HAS(head, 0, "QFI\xfb")) {
        uint32_t version = be32(head, 4);

        if (version == 2 || version == 3)
            read_qcow2(head, info);
        else if (version == 1)
            read_qcow(head, info);
    } else if (HAS(head, 0, "QED\0")) {
        read_qed(head, info);
    } else if (HAS(head, 0, "KDMV")) {
        info->format = FORMAT_VMDK;
        info->capacity = le64(head, 12) < UINT64_MAX / 512 ? le64(head, 12) * 512 : 0;
    } else if (HAS(head, 64, "\x7f\x10\xda\xbe")) {
        info->format = FORMAT_VDI;
        info->capacity = le64(head, 368);
    } else if (HAS(head, 0, "conectix")) {
        info->format = FORMAT_VPC;
        info->capacity = be64(head, 48);
    } else if (HAS(head, 0, "LUKS\xba\xbe")) {
        read_luks(head, info);
    } else if (HAS(head, 32769, "CD001")) {
        info->format = FORMAT_ISO;
    }
    return info;
}

ImageInfo *
image_read(int fd)
{
    g_autofree uint8_t *head = g_malloc(PROBE_SIZE);
    size_t have = 0;

    while (have < PROBE_SIZE) {
        ssize_t n = pread(fd, head + have, PROBE_SIZE - have, (off_t)have);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return image_probe(head, have);
}

static void
clear_info(gpointer data)
{
    g_free(((ImageInfo *)data)->backing);
}

void
image_info_unref(ImageInfo *info)
{
    if (info)
        g_atomic_rc_box_release_full(info, clear_info);
}
