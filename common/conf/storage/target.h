/* What pools and volumes say about the place they are at: permissions, times. */
#pragma once

#include "common/xml/schema.h"

/* Who may do what with a directory, file or device. Absent: as it is, or as the backend makes it. */
typedef struct StoragePermissions {
    OptUint mode;         /* 0 to 0777; written in octal with a 0 before it */
    OptUint owner, group; /* numbers; -1 in the text is absence */
    char *label;          /* of SELinux */
} StoragePermissions;
extern const XmlSchema storage_permissions_schema; /* <permissions> */

/* Seconds since 1970 and nanoseconds: "1341933637.273190990". */
typedef struct StorageTime { bool set; int64_t seconds; uint32_t nanoseconds; } StorageTime;
typedef struct StorageTimes { StorageTime atime, mtime, ctime, btime; } StorageTimes;
extern const XmlSchema storage_times_schema; /* <timestamps> */

/* Slashes made one each, none at the end; two at the beginning stay (they mean a server). "" stays. Owned by the caller. */
char *storage_path_clean(const char *path);
