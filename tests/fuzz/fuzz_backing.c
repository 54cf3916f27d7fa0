/* What the header of an image calls its backing file: whatever it is, it is taken as a source that can be written, or refused. */
#include <stdlib.h>
#include <string.h>

#include "virtqemud/source/backing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size), *xml = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    StorageSource *source;

    if (!g_utf8_validate(text, -1, NULL)) /* the reader of headers gives no other */
        return 0;
    if (backing_parse(text, "/dir", &source, &err) < 0) {
        if (!error_is_set(&err))
            abort();
        return 0;
    }
    if ((source->type == STORAGE_FILE || source->type == STORAGE_BLOCK) && (!source->path || *source->path != '/'))
        abort();
    if (source->type == STORAGE_NETWORK && source->hosts.n != 1)
        abort();
    xml = xml_to_text("backingStore", &storage_chain_schema, source, 0);
    xml_free(&storage_chain_schema, source);
    return 0;
}
