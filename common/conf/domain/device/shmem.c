#include "common/conf/domain/device/simple.h"

#include <string.h>

static const char *const model_names[] = { NULL, "ivshmem", "ivshmem-plain", "ivshmem-doorbell", NULL };

#define S ShmemDef
static const XmlRow model_rows[] = {
    A_ENUM("type", S, model, model_names, "kind of device", .flags = XR_REQUIRED | XR_ABI),
    ROWS_END,
};
static SCHEMA(model_schema, "shmemModel", S, model_rows, "kind of shared memory device");
static const XmlRow server_rows[] = { PRESENT(S, server), A_STR("path", S, server_path, "its socket"), ROWS_END };
static SCHEMA(server_schema, "shmemServer", S, server_rows, "server that passes memory and interrupts");
static const XmlRow msi_rows[] = {
    PRESENT(S, msi),
    A_UINT("vectors", S, vectors, "number of vectors"),
    A_ONOFF("ioeventfd", S, ioeventfd, "notify by eventfd"),
    ROWS_END,
};
static SCHEMA(msi_schema, "shmemMsi", S, msi_rows, "interrupts");

static int
shmem_check(XmlParse *parse, xmlNode *element, void *object)
{
    const S *shmem = object;

    if (strchr(shmem->name ? shmem->name : "", '/') || g_strcmp0(shmem->name, ".") == 0 || g_strcmp0(shmem->name, "..") == 0)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "shmem name '%s' must not be a path",
                           shmem->name);
    if (shmem->msi && !shmem->server)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<msi> of a <shmem> needs a <server>");
    return 0;
}

static const XmlRow shmem_rows[] = {
    A_STR("name", S, name, "name of the memory", .flags = XR_REQUIRED | XR_ABI),
    A_WORD("role", S, role, WORDS("master", "peer"), "master or peer"),
    GROUP("model", model_schema, "kind of device"),
    SIZE("size", S, size, 1024 * 1024, "size of the memory", .max = 1, .unit = "M", .flags = XR_ABI),
    GROUP("server", server_schema, "server"),
    GROUP("msi", msi_schema, "interrupts"),
    INLINE_AT(S, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(shmem_schema, "shmem", S, shmem_rows, "memory shared between guests", .check = shmem_check);

const DeviceKindOps shmem_ops = {
    .kind = DEVICE_SHMEM, .element = "shmem", .schema = &shmem_schema, .alias_prefix = "shmem", .has_info = true,
};
