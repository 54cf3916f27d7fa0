/* Headers of images: whatever they say, reading one stays within the bytes that were given, and what it tells is in bounds. */
#include <stdlib.h>
#include <string.h>

#include "common/conf/storage/parts.h"
#include "common/host/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ImageInfo *info = image_probe(data, size);

    if (info->format <= FORMAT_ABSENT || info->format >= FORMAT_AUTO || info->backing_format < 0 || info->backing_format >= FORMAT_AUTO)
        abort();
    if (info->backing && (strlen(info->backing) > size || !g_utf8_validate(info->backing, -1, NULL)))
        abort();
    image_info_unref(info);
    return 0;
}
