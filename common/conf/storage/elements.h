/* Between the files of this folder: tables, and the steps of reading a definition. */
#pragma once

#include "common/conf/definition.h"
#include "common/conf/storage/volume.h"

extern const char *const fs_format_names[], *const netfs_format_names[], *const logical_format_names[], *const disk_label_names[];

extern const XmlSchema pool_adapter_schema; /* PoolAdapter */
extern const XmlSchema pool_extent_schema;  /* PoolExtent */

/* Fill in what libvirt fills in: names, paths, formats. Idempotent. */
int pool_def_complete(PoolDef *def, Error *err);
void pool_source_complete(PoolSource *source);
/* The rules across the elements. The first one broken is the error. */
int pool_def_validate(const PoolDef *def, Error *err);
/* The texts of a source that tools or libraries are given: nothing an option or a second line could be made of. */
int pool_source_validate(const PoolSource *source, Error *err);

#define REFUSE_XML(...) definition_refuse(err, FROM_STORAGE, ERR_XML_ERROR, __VA_ARGS__)
#define REFUSE_UNSUPPORTED(...) definition_refuse(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, __VA_ARGS__)
#define REFUSE_INVALID(...) definition_refuse(err, FROM_STORAGE, ERR_OPERATION_INVALID, __VA_ARGS__)
#define REFUSE_NO_SUPPORT(...) definition_refuse(err, FROM_STORAGE, ERR_NO_SUPPORT, __VA_ARGS__)
