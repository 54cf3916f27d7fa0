/*
 * What the header of an image calls its backing file: a path, a URL ("nbd://host/export") or a description in JSON
 * ("json:{...}"). Pure. Bytes come from whoever wrote the image: what is not fully understood is an error, never a guess.
 */
#pragma once

#include "common/conf/domain/device/storage.h"

/*
 * A source for the text; a path that is not absolute counts from dir. Its format is set only if the text says it. Freed with
 * xml_free(&storage_chain_schema).
 */
int backing_parse(const char *text, const char *dir, StorageSource **ret, Error *err);
