/* Defaults of single devices, one function per kind, in one table. They may look at the rest of the domain. */
#include <stdio.h>
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/audio.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/filesystem.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/hostdev.h"
#include "common/conf/domain/device/input.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/device/video.h"

typedef struct Completion {
    const DomainDef *def;
    const DomainCaps *caps;
} Completion;

static void
set_default(char **field, const char *value)
{
    if (!*field)
        *field = g_strdup(value);
}

static bool
has_device(const Completion *c, const char *name)
{
    return c->caps->has_device(c->caps->user, c->def->devices.emulator, name);
}

/* A label that only recorded that labelling failed is gone with the run. */
static void
drop_skipped_labels(SourceSeclabelList *labels)
{
    for (size_t i = labels->n; i-- > 0;) {
        const SourceSeclabel *label = labels->items[i];

        if (!label->relabel && !label->label && !label->labelskip)
            xml_free(&source_seclabel_schema, list_take((AnyList *)(void *)labels, i));
    }
}

static int
complete_disk(const Completion *c, Device *device, Error *err)
{
    DiskDef *disk = DISK(device);

    set_default(&disk->driver.name, "qemu");
    if ((!disk->source.format && disk->source.type != STORAGE_VOLUME) || disk->source.format == FORMAT_AUTO)
        disk->source.format = FORMAT_RAW;
    if (disk->source.type == STORAGE_VHOST_USER && !disk->snapshot)
        disk->snapshot = DISK_SNAPSHOT_NO;
    drop_skipped_labels(&disk->source.seclabels);
    if (disk->source.encryption)
        set_default(&disk->source.encryption->engine, "qemu");
    for (StorageSource *s = disk->source.backing; s; s = s->backing) {
        if (s->encryption)
            set_default(&s->encryption->engine, "qemu");
        if (s->type && !s->format)
            s->format = FORMAT_RAW;
    }
    return 0;
}

static int
complete_interface(const Completion *c, Device *device, Error *err)
{
    NetDef *net = NET(device);

    if (!net->mac.set && !mac_generate(&net->mac))
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no random bytes for a MAC address");
    if (net->type == NET_HOSTDEV)
        return 0;
    if (net->coalesce_max_frames.v == 0)
        net->coalesce_max_frames.set = false;
    if (!net->model && (net->type == NET_VDPA || net->type == NET_VHOSTUSER))
        net->model = g_strdup("virtio");
    if (!net->model)
        net->model = g_strdup(has_device(c, "rtl8139") ? "rtl8139" : has_device(c, "e1000") ? "e1000" : "virtio");
    /* What only virtio has is dropped for others. */
    if (!net_is_virtio(net)) {
        net->driver = NET_DRIVER_ABSENT;
        net->queues = net->rx_queue_size = net->tx_queue_size = (OptUint){ 0 };
        net->txmode = NET_TXMODE_ABSENT;
        net->ioeventfd = net->event_idx = net->rss = net->rss_hash_report = TRI_ABSENT;
        net->host = net->guest = (NetOffloads){ 0 };
        g_clear_pointer(&net->backend.vhost, g_free);
    }
    if (net->queues.v <= 1)
        net->queues.set = false;
    return 0;
}

static const struct { VideoType type; unsigned vram; } video_memory[] = {
    { VIDEO_VGA, 16384 }, { VIDEO_CIRRUS, 16384 }, { VIDEO_VMVGA, 16384 }, { VIDEO_QXL, 65536 }, { VIDEO_BOCHS, 16384 },
};

static unsigned
next_power_of_two(unsigned value)
{
    unsigned power = 1;

    while (power < value && power < 1u << 31)
        power <<= 1;
    return power;
}

static int
complete_video(const Completion *c, Device *device, Error *err)
{
    VideoDef *video = VIDEO(device);

    if (!video->type)
        video->type = VIDEO_CIRRUS;
    for (size_t i = 0; i < G_N_ELEMENTS(video_memory) && !video->vram.set; i++)
        if (video_memory[i].type == video->type)
            video->vram = (OptUint)OPT(video_memory[i].vram);
    if (video->type == VIDEO_QXL) {
        if (!video->ram.set)
            video->ram = (OptUint)OPT(65536);
        if (!video->vgamem.set)
            video->vgamem = (OptUint)OPT(16384);
        video->ram.v = next_power_of_two(MAX(video->ram.v, 1024));
        video->vram.v = next_power_of_two(MAX(video->vram.v, 1024));
        video->vgamem.v = next_power_of_two(MAX(video->vgamem.v, 1024));
        if (video->vram64.set)
            video->vram64.v = next_power_of_two(MAX(video->vram64.v, 1024));
    }
    if (!video->heads.set && video->type != VIDEO_NONE)
        video->heads = (OptUint)OPT(1);
    return 0;
}

static int
complete_graphics(const Completion *c, Device *device, Error *err)
{
    GraphicsDef *graphics = GRAPHICS(device);
    GraphicsListen *listen = graphics->listens.n ? graphics->listens.items[0] : NULL;

    /* SPICE without any port can only be handed a connection. */
    if (graphics->type == GRAPHICS_SPICE && listen && listen->type == LISTEN_ADDRESS && !listen->address &&
        !graphics->port.set && !graphics->tls_port.set && graphics->autoport != TRI_YES)
        listen->type = LISTEN_NONE;
    return 0;
}

static int
complete_controller(const Completion *c, Device *device, Error *err)
{
    ControllerDef *controller = CONTROLLER(device);
    static const char *const pci_names[] = {
        [PCI_BRIDGE] = "pci-bridge", [DMI_TO_PCI_BRIDGE] = "i82801b11-bridge", [PCIE_TO_PCI_BRIDGE] = "pcie-pci-bridge",
        [PCIE_ROOT_PORT] = "pcie-root-port", [PCIE_SWITCH_UPSTREAM_PORT] = "x3130-upstream",
        [PCIE_SWITCH_DOWNSTREAM_PORT] = "xio3130-downstream", [PCI_EXPANDER_BUS] = "pxb", [PCIE_EXPANDER_BUS] = "pxb-pcie",
    };

    switch (controller->type) {
    case CONTROLLER_USB:
        if (!controller->usb_model)
            controller->usb_model = USB_PIIX3_UHCI;
        if (controller->usb_model >= USB_ICH9_UHCI1 && controller->usb_model <= USB_ICH9_UHCI3 && !device->info.usb_master.set)
            device->info.usb_master = (OptUint)OPT(2 * (controller->usb_model - USB_ICH9_UHCI1));
        break;
    case CONTROLLER_SCSI:
        if (!controller->scsi_model || controller->scsi_model == SCSI_AUTO)
            controller->scsi_model = has_device(c, "lsi53c895a") ? SCSI_LSILOGIC : SCSI_VIRTIO;
        break;
    case CONTROLLER_PCI:
        if (controller->pci_model < G_N_ELEMENTS(pci_names) && pci_names[controller->pci_model])
            set_default(&controller->pci_model_name, pci_names[controller->pci_model]);
        break;
    default:
        break;
    }
    return 0;
}

static int
complete_input(const Completion *c, Device *device, Error *err)
{
    InputDef *input = INPUT(device);

    if (input->bus)
        return 0;
    if (input->type == INPUT_PASSTHROUGH)
        input->bus = INPUT_BUS_VIRTIO;
    else if (input->type == INPUT_EVDEV)
        input->bus = INPUT_BUS_NONE;
    else
        input->bus = input->type != INPUT_TABLET && domain_def_is_x86(c->def) ? INPUT_BUS_PS2 : INPUT_BUS_USB;
    return 0;
}

static int
complete_rng(const Completion *c, Device *device, Error *err)
{
    RngDef *rng = RNG(device);

    if (rng->backend == RNG_RANDOM)
        set_default(&rng->file, "/dev/random");
    return 0;
}

static int
complete_panic(const Completion *c, Device *device, Error *err)
{
    PanicDef *panic = PANIC(device);

    if (!panic->model)
        panic->model = PANIC_ISA;
    return 0;
}

static int
complete_tpm(const Completion *c, Device *device, Error *err)
{
    TpmDef *tpm = TPM(device);

    if (!tpm->model)
        tpm->model = g_strcmp0(tpm->version, "2.0") == 0 && domain_def_is_x86(c->def) ? TPM_CRB : TPM_TIS;
    if (tpm->backend == TPM_EMULATOR)
        set_default(&tpm->version, tpm->model == TPM_TIS ? "1.2" : "2.0");
    return 0;
}

static int
complete_filesystem(const Completion *c, Device *device, Error *err)
{
    FilesystemDef *fs = FILESYSTEM(device);

    if (!fs->driver && (fs->type == FS_MOUNT || fs->type == FS_BIND) && fs->wrpolicy)
        fs->driver = FS_PATH;
    return 0;
}

static int
complete_hostdev(const Completion *c, Device *device, Error *err)
{
    HostdevDef *hostdev = HOSTDEV(device);

    if (!hostdev->managed)
        hostdev->managed = TRI_NO;
    if (hostdev->source.type == HOSTDEV_MDEV && g_strcmp0(hostdev->model, "vfio-pci") == 0 && !hostdev->display)
        hostdev->display = TRI_OFF;
    return 0;
}

static int
complete_shmem(const Completion *c, Device *device, Error *err)
{
    ShmemDef *shmem = SHMEM(device);

    if (!shmem->model)
        shmem->model = SHMEM_IVSHMEM;
    if (shmem->msi && !shmem->vectors.set)
        shmem->vectors = (OptUint)OPT(1);
    if (!shmem->server && !shmem->size.set)
        shmem->size = (OptU64)OPT(4);
    return 0;
}

static int
complete_vsock(const Completion *c, Device *device, Error *err)
{
    VsockDef *vsock = VSOCK(device);

    if (!vsock->model)
        vsock->model = VSOCK_VIRTIO;
    if (!vsock->auto_cid)
        vsock->auto_cid = vsock->cid.set ? TRI_NO : TRI_YES;
    return 0;
}

static int (*const completions[DEVICE_KIND_MAX])(const Completion *, Device *, Error *) = {
    [DEVICE_DISK] = complete_disk,
    [DEVICE_INTERFACE] = complete_interface,
    [DEVICE_VIDEO] = complete_video,
    [DEVICE_GRAPHICS] = complete_graphics,
    [DEVICE_CONTROLLER] = complete_controller,
    [DEVICE_INPUT] = complete_input,
    [DEVICE_RNG] = complete_rng,
    [DEVICE_PANIC] = complete_panic,
    [DEVICE_TPM] = complete_tpm,
    [DEVICE_FILESYSTEM] = complete_filesystem,
    [DEVICE_HOSTDEV] = complete_hostdev,
    [DEVICE_SHMEM] = complete_shmem,
    [DEVICE_VSOCK] = complete_vsock,
};

int
domain_device_complete(const DomainDef *def, Device *device, const DomainCaps *caps, Error *err)
{
    const Completion completion = { def, caps };

    return completions[device->kind] ? completions[device->kind](&completion, device, err) : 0;
}
