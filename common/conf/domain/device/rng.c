#include "common/conf/domain/device/simple.h"

static const char *const model_names[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
static const char *const backend_names[] = { NULL, "random", "egd", "builtin", NULL };

#define R RngDef
static const XmlRow rate_rows[] = {
    A_UINT("bytes", R, rate_bytes, "bytes per period", .flags = XR_REQUIRED),
    A_UINT("period", R, rate_period, "milliseconds"),
    ROWS_END,
};
static SCHEMA(rate_schema, "rngRate", R, rate_rows, "limit of the guest's consumption");

static const XmlRow backend_rows[] = {
    A_ENUM("model", R, backend, backend_names, "where random numbers come from", .flags = XR_REQUIRED),
    INLINE_AT(R, chardev, char_type_schema, WHEN(R, backend, RNG_EGD)),
    T_STR(R, file, "device of the host", WHEN(R, backend, RNG_RANDOM)),
    INLINE_AT(R, chardev, char_source_schema, WHEN(R, backend, RNG_EGD)),
    ROWS_END,
};
static SCHEMA(backend_schema, "rngBackend", R, backend_rows, "source of random numbers");

static int
rng_check(XmlParse *parse, xmlNode *element, void *object)
{
    R *rng = object;

    if (!rng->backend)
        return 0;
    if (rng->backend == RNG_EGD && !rng->chardev.type)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<backend> of model 'egd' needs a 'type'");
    return rng->backend == RNG_EGD ? char_source_check(parse, element, &rng->chardev, false) : 0;
}

static const XmlRow rng_rows[] = {
    A_ENUM("model", R, model, model_names, "kind of device", .flags = XR_REQUIRED | XR_ABI),
    GROUP("rate", rate_schema, "limit"),
    GROUP("backend", backend_schema, "source", .flags = XR_REQUIRED),
    GROUP_AT("driver", R, virtio, virtio_driver_schema, "virtio options"),
    INLINE_AT(R, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(rng_schema, "rng", R, rng_rows, "random numbers for the guest", .check = rng_check);

const DeviceKindOps rng_ops = {
    .kind = DEVICE_RNG, .element = "rng", .schema = &rng_schema, .alias_prefix = "rng", .has_info = true,
};
