/* <hostdev>: a device of the host, given to the guest. */
#pragma once

#include "common/conf/domain/device/device.h"
#include "common/conf/domain/device/hostdev_source.h"
#include "common/conf/domain/device/storage.h"

typedef enum HostdevMode { HOSTDEV_MODE_ABSENT = 0, HOSTDEV_SUBSYSTEM, HOSTDEV_CAPABILITIES } HostdevMode;
typedef enum HostdevScsiProtocol { HOSTDEV_SCSI_ADAPTER = 0, HOSTDEV_SCSI_ISCSI } HostdevScsiProtocol;
typedef enum MdevModel { MDEV_MODEL_ABSENT = 0, MDEV_VFIO_PCI, MDEV_VFIO_CCW, MDEV_VFIO_AP } MdevModel;
extern const char *const mdev_model_names[];

typedef struct HostdevDef {
    Device base;
    HostdevMode mode;
    HostdevSource source; /* its type is the attribute "type" */
    Tri managed;
    char *sgio;  /* scsi */
    Tri rawio;   /* scsi */
    char *model; /* mdev: vfio-pci, ...; scsi_host: virtio-... */
    Tri display, ramfb;
    char *driver, *driver_model, *driver_iommufd;
    /* pci */
    Tri write_filtering;
    char *teaming_type, *teaming_persistent;
    /* usb */
    char *startup_policy; char *guest_reset;
    Tri missing; /* USB device not there, running domain */
    /* scsi */
    char *scsi_adapter; DriveAddress scsi_address; bool scsi_has_address;
    char *scsi_protocol, *scsi_name; LIST(struct HostdevScsiHost) scsi_hosts; char *scsi_initiator; StorageAuth *scsi_auth;
    bool readonly, shareable;
    /* scsi_host */
    char *scsi_host_protocol, *wwpn;
    /* capabilities */
    char *caps_path;
} HostdevDef;

typedef struct HostdevScsiHost { char *name, *port; } HostdevScsiHost;

#define HOSTDEV(device) DEVICE_CAST(HostdevDef, DEVICE_HOSTDEV, device)
