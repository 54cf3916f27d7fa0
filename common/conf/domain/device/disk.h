/* <disk>: a disk, CD-ROM or floppy drive, or a LUN passed through. */
#pragma once

#include "common/conf/domain/device/device.h"
#include "common/conf/domain/device/storage.h"

typedef enum DiskDevice { DISK_DEVICE_ABSENT = 0, DISK_DISK, DISK_CDROM, DISK_FLOPPY, DISK_LUN } DiskDevice;
typedef enum DiskBus {
    DISK_BUS_ABSENT = 0, DISK_BUS_IDE, DISK_BUS_FDC, DISK_BUS_SCSI, DISK_BUS_VIRTIO, DISK_BUS_XEN, DISK_BUS_USB,
    DISK_BUS_UML, DISK_BUS_SATA, DISK_BUS_SD, DISK_BUS_NVME,
} DiskBus;
typedef enum DiskModel { DISK_MODEL_ABSENT = 0, DISK_VIRTIO, DISK_VIRTIO_TRANSITIONAL, DISK_VIRTIO_NON_TRANSITIONAL,
                         DISK_USB_STORAGE, DISK_USB_BOT } DiskModel;
typedef enum DiskCache { DISK_CACHE_ABSENT = 0, DISK_CACHE_DEFAULT, DISK_CACHE_NONE, DISK_CACHE_WRITETHROUGH,
                         DISK_CACHE_WRITEBACK, DISK_CACHE_DIRECTSYNC, DISK_CACHE_UNSAFE } DiskCache;
typedef enum DiskErrorPolicy { DISK_ERROR_ABSENT = 0, DISK_ERROR_STOP, DISK_ERROR_REPORT, DISK_ERROR_IGNORE,
                               DISK_ERROR_ENOSPACE } DiskErrorPolicy;
typedef enum DiskIo { DISK_IO_ABSENT = 0, DISK_IO_NATIVE, DISK_IO_THREADS, DISK_IO_URING } DiskIo;
typedef enum DiskDiscard { DISK_DISCARD_ABSENT = 0, DISK_DISCARD_UNMAP, DISK_DISCARD_IGNORE } DiskDiscard;
typedef enum DiskDetectZeroes { DISK_ZEROES_ABSENT = 0, DISK_ZEROES_OFF, DISK_ZEROES_ON, DISK_ZEROES_UNMAP } DiskDetectZeroes;
typedef enum DiskTray { DISK_TRAY_ABSENT = 0, DISK_TRAY_CLOSED, DISK_TRAY_OPEN } DiskTray;
typedef enum DiskTrans { DISK_TRANS_ABSENT = 0, DISK_TRANS_NONE, DISK_TRANS_AUTO, DISK_TRANS_LBA } DiskTrans;
typedef enum DiskSnapshot { DISK_SNAPSHOT_ABSENT = 0, DISK_SNAPSHOT_NO, DISK_SNAPSHOT_INTERNAL, DISK_SNAPSHOT_EXTERNAL,
                            DISK_SNAPSHOT_MANUAL } DiskSnapshot;

extern const char *const disk_device_names[], *const disk_bus_names[], *const disk_cache_names[],
    *const disk_error_names[], *const disk_io_names[], *const disk_discard_names[], *const disk_zeroes_names[],
    *const disk_model_names[], *const disk_trans_names[];

/* Limits per second (bytes, operations), their bursts and the seconds a burst may last. Names as in the XML. */
typedef struct DiskTune {
    OptU64 total_bytes_sec, read_bytes_sec, write_bytes_sec, total_iops_sec, read_iops_sec, write_iops_sec;
    OptU64 total_bytes_sec_max, read_bytes_sec_max, write_bytes_sec_max, total_iops_sec_max, read_iops_sec_max,
        write_iops_sec_max, size_iops_sec;
    char *group_name;
    OptU64 total_bytes_sec_max_length, read_bytes_sec_max_length, write_bytes_sec_max_length, total_iops_sec_max_length,
        read_iops_sec_max_length, write_iops_sec_max_length;
} DiskTune;

typedef struct DiskDriver {
    char *name; /* "qemu" */
    DiskCache cache;
    DiskErrorPolicy error_policy, rerror_policy;
    DiskIo io;
    Tri ioeventfd, event_idx, copy_on_read;
    DiskDiscard discard;
    Tri discard_no_unref;
    OptUint iothread;
    LIST(struct DiskIothread) iothreads;
    DiskDetectZeroes detect_zeroes;
    OptUint queues, queue_size;
    VirtioOptions virtio;
} DiskDriver;

typedef struct DiskIothread { OptUint id; LIST(OptUint) queues; } DiskIothread;

extern const XmlSchema disk_iothread_schema;

typedef struct DiskMirror {
    StorageSource source;
    char *job, *ready;
    char *file, *format; /* old spelling */
} DiskMirror;

typedef struct DiskDef {
    Device base;
    DiskDevice device;
    DiskModel model;
    Tri rawio;
    char *sgio; /* "filtered", "unfiltered" */
    DiskSnapshot snapshot;
    DiskDriver driver;
    StorageSource source; /* its format is that of <driver type=> */
    bool auth_at_disk;       /* <auth> was a child of <disk>, not of <source> */
    bool encryption_at_disk; /* likewise <encryption> */
    char *backend_domain;
    OptUint cylinders, heads, sectors;
    DiskTrans trans;
    OptUint logical_block_size, physical_block_size, discard_granularity;
    DiskMirror *mirror; /* of a running job */
    char *target;       /* "vda": names the disk in this domain */
    DiskBus bus;
    DiskTray tray;
    Tri removable;
    OptUint rotation_rate;
    DiskTune tune;
    LIST(struct DiskThrottle) throttles;
    bool readonly, shareable, transient;
    Tri transient_share_backing;
    char *serial;
    char *wwn; /* 16 hexadecimal digits */
    char *vendor, *product;
} DiskDef;

typedef struct DiskThrottle { char *group; } DiskThrottle;

#define DISK(device) DEVICE_CAST(DiskDef, DEVICE_DISK, device)

/* 0 for "vda", 26 for "vdaa"; -1 when name is not such a name. Partition digits are passed over. */
int disk_name_to_index(const char *name);
/* "vd" and 26 give "vdaa"; owned by the caller. */
char *disk_index_to_name(const char *prefix, unsigned index);
/* Give the disk another medium: the source with format and chain, as a copy; its indexes are forgotten. */
void disk_set_source(DiskDef *disk, const StorageSource *source);
