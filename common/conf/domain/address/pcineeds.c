/* What each kind of device must be plugged into. */
#include "common/conf/domain/address/pcimap.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/filesystem.h"
#include "common/conf/domain/device/hostdev.h"
#include "common/conf/domain/device/input.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/device/video.h"

static unsigned
controller_needs(const PciNeeds *n, const ControllerDef *controller)
{
    switch (controller->type) {
    case CONTROLLER_PCI:
        return pci_bus_types[controller->pci_model].needs;
    case CONTROLLER_SATA:
        return n->pci;
    case CONTROLLER_USB:
        if (controller->usb_model == USB_NONE || controller->usb_model == USB_QUSB1 || controller->usb_model == USB_QUSB2)
            return 0;
        return controller->usb_model == USB_NEC_XHCI || controller->usb_model == USB_QEMU_XHCI ? n->pcie : n->pci;
    case CONTROLLER_SCSI:
        switch (controller->scsi_model) {
        case SCSI_VIRTIO: case SCSI_VIRTIO_NON_TRANSITIONAL: return n->virtio;
        case SCSI_IBMVSCSI: case SCSI_NCR53C90: return 0;
        default: return n->pci;
        }
    case CONTROLLER_VIRTIO_SERIAL:
        return controller->vioserial_model == VIOSERIAL_VIRTIO_TRANSITIONAL ? n->pci : n->virtio;
    case CONTROLLER_IDE:
        return n->pci;
    case CONTROLLER_NVME:
        return n->pcie;
    default:
        return 0;
    }
}

/* A transitional device is one of the old kind. */
static unsigned
virtio_needs(const PciNeeds *n, const char *model)
{
    return g_strcmp0(model, "virtio-transitional") == 0 ? n->pci : n->virtio;
}

static unsigned
net_needs(const PciNeeds *n, const NetDef *net)
{
    if (net->type == NET_HOSTDEV)
        return net->hostdev.type == HOSTDEV_PCI ? n->pcie : 0;
    if (net_is_virtio(net))
        return virtio_needs(n, net->model);
    if (g_strcmp0(net->model, "usb-net") == 0)
        return 0;
    return g_strcmp0(net->model, "e1000e") == 0 || g_strcmp0(net->model, "igb") == 0 || g_strcmp0(net->model, "vmxnet3") == 0
               ? n->pcie : n->pci;
}

static unsigned
sound_needs(const PciNeeds *n, const SoundDef *sound)
{
    switch (sound->model) {
    case SOUND_ES1370: case SOUND_AC97: case SOUND_ICH6: case SOUND_ICH9: return n->pci;
    case SOUND_VIRTIO: return n->virtio;
    default: return 0;
    }
}

static unsigned
video_needs(const PciNeeds *n, const VideoDef *video)
{
    switch (video->type) {
    case VIDEO_VIRTIO: return n->virtio;
    case VIDEO_BOCHS: return n->pcie;
    case VIDEO_VGA: case VIDEO_CIRRUS: case VIDEO_VMVGA: case VIDEO_QXL: return n->pci;
    default: return 0;
    }
}

static unsigned
hostdev_needs(const PciNeeds *n, const HostdevDef *hostdev)
{
    switch (hostdev->source.type) {
    case HOSTDEV_PCI: return n->pcie;
    case HOSTDEV_MDEV: return g_strcmp0(hostdev->model, "vfio-pci") == 0 ? n->pcie : 0;
    case HOSTDEV_SCSI_HOST: return virtio_needs(n, hostdev->model);
    default: return 0;
    }
}

unsigned
pci_device_needs(const PciNeeds *n, const Device *device)
{
    static const char *const variants[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional" };

    switch (device->kind) {
    case DEVICE_CONTROLLER: return controller_needs(n, CONTROLLER(device));
    case DEVICE_DISK:
        if (DISK(device)->bus != DISK_BUS_VIRTIO)
            return 0;
        return DISK(device)->model == DISK_VIRTIO_TRANSITIONAL ? n->pci : n->virtio;
    case DEVICE_INTERFACE: return net_needs(n, NET(device));
    case DEVICE_FILESYSTEM:
        return virtio_needs(n, FILESYSTEM(device)->model);
    case DEVICE_SOUND: return sound_needs(n, SOUND(device));
    case DEVICE_VIDEO: return video_needs(n, VIDEO(device));
    case DEVICE_HOSTDEV: return hostdev_needs(n, HOSTDEV(device));
    case DEVICE_MEMBALLOON:
        switch (BALLOON(device)->model) {
        case BALLOON_VIRTIO: case BALLOON_VIRTIO_NON_TRANSITIONAL: return n->virtio;
        case BALLOON_VIRTIO_TRANSITIONAL: return n->pci;
        default: return 0;
        }
    case DEVICE_RNG: return virtio_needs(n, variants[RNG(device)->model]);
    case DEVICE_VSOCK: return virtio_needs(n, variants[VSOCK(device)->model]);
    case DEVICE_CRYPTO: return n->virtio;
    case DEVICE_WATCHDOG: return WATCHDOG(device)->model == WATCHDOG_I6300ESB ? n->pci : 0;
    case DEVICE_SHMEM: return n->pci;
    case DEVICE_INPUT: return INPUT(device)->bus == INPUT_BUS_VIRTIO ? virtio_needs(n, variants[INPUT(device)->model]) : 0;
    case DEVICE_PANIC: return PANIC(device)->model == PANIC_PVPANIC ? n->pci : 0;
    case DEVICE_SERIAL: return CHARDEV(device)->serial_target == SERIAL_PCI ? n->pci : 0;
    case DEVICE_MEMORY:
        return MEMORY(device)->model == MEMORY_VIRTIO_MEM || MEMORY(device)->model == MEMORY_VIRTIO_PMEM ? n->virtio : 0;
    case DEVICE_IOMMU: return IOMMU(device)->model == IOMMU_VIRTIO ? TAKES_PCI | TAKES_PCIE : 0;
    case DEVICE_PSTORE: return n->pci;
    default: return 0;
    }
}
