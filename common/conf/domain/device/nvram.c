#include "common/conf/domain/device/simple.h"

static const XmlRow nvram_rows[] = { INLINE_AT(NvramDef, base.info, device_info_schema), ROWS_END };
static SCHEMA(nvram_schema, "nvramDevice", NvramDef, nvram_rows, "non-volatile memory of a pSeries machine");

const DeviceKindOps nvram_ops = {
    .kind = DEVICE_NVRAM, .element = "nvram", .schema = &nvram_schema, .alias_prefix = "nvram", .has_info = true,
};
