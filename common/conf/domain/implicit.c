/*
 * Devices nobody wrote: what a machine type always has, and what other devices imply (a controller, a serial port behind
 * a console, a sound back-end).
 */
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/audio.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/hostdev.h"
#include "common/conf/domain/device/input.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/device/video.h"

/* -- controllers -- */

ControllerDef *
domain_find_controller(const DomainDef *def, ControllerType type, unsigned index)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == type && CONTROLLER(device)->index.set && CONTROLLER(device)->index.v == index)
            return CONTROLLER(device);
    return NULL;
}

ControllerDef *
domain_need_controller(DomainDef *def, ControllerType type, unsigned index, int model)
{
    ControllerDef *controller = domain_find_controller(def, type, index);

    if (controller)
        return controller;
    controller = (ControllerDef *)(void *)device_new(DEVICE_CONTROLLER);
    controller->type = type;
    controller->index = (OptUint)OPT(index);
    controller->model = model;
    domain_def_add_device(def, &controller->base);
    return controller;
}

static bool
has_controller(const DomainDef *def, ControllerType type)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == type)
            return true;
    return false;
}

/* Companions of an ich9 EHCI controller have its number. */
static bool
shares_index(const ControllerDef *controller, ControllerDef *const *last)
{
    return controller->type == CONTROLLER_USB && *last && controller->usb_model >= USB_ICH9_UHCI1 &&
           controller->usb_model <= USB_ICH9_UHCI3;
}

void
domain_number_roots(DomainDef *def)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        ControllerDef *controller = CONTROLLER(device);

        if (controller->type == CONTROLLER_PCI && !controller->index.set &&
            (controller->pci_model == PCI_ROOT || controller->pci_model == PCIE_ROOT))
            controller->index = (OptUint)OPT(0);
    }
}

void
domain_number_controllers(DomainDef *def)
{
    unsigned next[CONTROLLER_NVME + 1] = { 0 };
    ControllerDef *master = NULL;

    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        ControllerDef *controller = CONTROLLER(device);
        unsigned *index = &next[controller->type];

        if (controller->type == CONTROLLER_USB && controller->usb_model == USB_ICH9_EHCI1)
            master = controller;
        if (controller->index.set)
            continue;
        if (shares_index(controller, &master)) {
            controller->index = master->index;
            continue;
        }
        while (domain_find_controller(def, controller->type, *index))
            ++*index;
        controller->index = (OptUint)OPT(*index);
    }
}

/* -- what a machine type always has -- */

static void
add_input(DomainDef *def, InputType type)
{
    InputDef *input;

    DOMAIN_FOREACH_KIND(def, DEVICE_INPUT, device)
        if (INPUT(device)->type == type && INPUT(device)->bus == INPUT_BUS_PS2)
            return;
    input = (InputDef *)(void *)device_new(DEVICE_INPUT);
    input->type = type;
    input->bus = INPUT_BUS_PS2;
    domain_def_add_device(def, &input->base);
}

static int
check_root(const DomainDef *def, PciModel wanted, Error *err)
{
    const ControllerDef *root = domain_find_controller(def, CONTROLLER_PCI, 0);

    if (root && root->pci_model && root->pci_model != wanted)
        return error_setf(err, FROM_QEMU, ERR_XML_ERROR,
                          "XML error: the PCI controller with index 0 must be '%s' for machine "
                          "'%s', but it is '%s'", pci_model_names[wanted], def->os.machine, pci_model_names[root->pci_model]);
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        const ControllerDef *controller = CONTROLLER(device);

        if (controller->type == CONTROLLER_PCI && controller->index.v != 0 &&
            (controller->pci_model == PCI_ROOT || controller->pci_model == PCIE_ROOT))
            return error_setf(err, FROM_QEMU, ERR_XML_ERROR, "XML error: a '%s' controller must have index 0, not %u",
                              pci_model_names[controller->pci_model], controller->index.v);
    }
    return 0;
}

static void
add_balloon(DomainDef *def)
{
    BalloonDef *balloon;

    if (domain_def_count(def, DEVICE_MEMBALLOON))
        return;
    balloon = (BalloonDef *)(void *)device_new(DEVICE_MEMBALLOON);
    balloon->model = domain_def_has_pci(def) ? BALLOON_VIRTIO : BALLOON_NONE;
    domain_def_add_device(def, &balloon->base);
}

static void
add_itco_watchdog(DomainDef *def)
{
    WatchdogDef *watchdog;

    DOMAIN_FOREACH_KIND(def, DEVICE_WATCHDOG, device)
        if (WATCHDOG(device)->model == WATCHDOG_ITCO)
            return;
    watchdog = (WatchdogDef *)(void *)device_new(DEVICE_WATCHDOG);
    watchdog->model = WATCHDOG_ITCO;
    /* All watchdogs of a machine act alike. */
    watchdog->action = domain_def_count(def, DEVICE_WATCHDOG)
                           ? WATCHDOG(domain_def_device(def, DEVICE_WATCHDOG, 0))->action : WATCHDOG_RESET;
    domain_def_add_device(def, &watchdog->base);
}

/* Exactly one adapter is the primary one, and it comes first. */
void
domain_sort_video(DomainDef *def)
{
    Device *primary = domain_def_device(def, DEVICE_VIDEO, 0);
    size_t first = 0;

    if (!primary)
        return;
    DOMAIN_FOREACH_KIND(def, DEVICE_VIDEO, device)
        if (VIDEO(device)->primary == TRI_YES) {
            primary = device;
            break;
        }
    DOMAIN_FOREACH_KIND(def, DEVICE_VIDEO, device)
        VIDEO(device)->primary = TRI_ABSENT;
    while (def->devices.list.items[first]->kind != DEVICE_VIDEO)
        first++;
    domain_def_remove_device(def, primary);
    list_insert((AnyList *)(void *)&def->devices.list, first, primary);
    if (VIDEO(primary)->type != VIDEO_NONE)
        VIDEO(primary)->primary = TRI_YES;
}

/* With more processors than the old interrupt format can name, q35 needs an IOMMU that remaps them. */
static void
add_iommu(DomainDef *def)
{
    Device *device = domain_def_device(def, DEVICE_IOMMU, 0);

    if (def->vcpus.v <= 255)
        return;
    if (!device) {
        device = device_new(DEVICE_IOMMU);
        IOMMU(device)->model = IOMMU_INTEL;
        domain_def_add_device(def, device);
    }
    if (IOMMU(device)->model != IOMMU_INTEL)
        return;
    if (!def->features.ioapic)
        def->features.ioapic = IOAPIC_QEMU;
    if (!IOMMU(device)->intremap)
        IOMMU(device)->intremap = TRI_ON;
    if (!IOMMU(device)->eim)
        IOMMU(device)->eim = TRI_ON;
}

/* Found by its bus: the first graphics adapter is part of every machine with a display. */
static void
add_video(DomainDef *def)
{
    VideoDef *video;

    if (domain_def_count(def, DEVICE_VIDEO) || !domain_def_count(def, DEVICE_GRAPHICS))
        return;
    video = (VideoDef *)(void *)device_new(DEVICE_VIDEO);
    video->type = VIDEO_CIRRUS;
    domain_def_add_device(def, &video->base);
}

int
domain_add_default_devices(DomainDef *def, const DomainCaps *caps, Error *err)
{
    bool q35 = domain_def_is_q35(def), i440fx = domain_def_is_i440fx(def);
    bool isapc = domain_def_is_x86(def) && g_strcmp0(def->os.machine, "isapc") == 0;

    if (q35 && check_root(def, PCIE_ROOT, err) < 0)
        return -1;
    if (i440fx && check_root(def, PCI_ROOT, err) < 0)
        return -1;
    if ((q35 || i440fx) && !has_controller(def, CONTROLLER_USB))
        domain_need_controller(def, CONTROLLER_USB, 0, q35 && caps->has_device(caps->user, def->devices.emulator, "qemu-xhci")
                                                           ? USB_QEMU_XHCI : USB_MODEL_ABSENT);
    if (q35 && !has_controller(def, CONTROLLER_SATA))
        domain_need_controller(def, CONTROLLER_SATA, 0, 0);
    if (q35 || i440fx)
        domain_need_controller(def, CONTROLLER_PCI, 0, q35 ? PCIE_ROOT : PCI_ROOT)->pci_model = q35 ? PCIE_ROOT : PCI_ROOT;
    add_balloon(def);
    if (q35)
        add_itco_watchdog(def);
    if ((q35 || i440fx || isapc) && def->features.ps2 != TRI_OFF) {
        add_input(def, INPUT_MOUSE);
        add_input(def, INPUT_KEYBOARD);
    }
    add_video(def);
    if (q35)
        add_iommu(def);
    return 0;
}

/* -- consoles and serial ports -- */

static void
number_ports(DomainDef *def, DeviceKind kind)
{
    unsigned next = 0;

    DOMAIN_FOREACH_KIND(def, kind, device)
        if (CHARDEV(device)->port.set && CHARDEV(device)->port.v >= next)
            next = CHARDEV(device)->port.v + 1;
    DOMAIN_FOREACH_KIND(def, kind, device)
        if (!CHARDEV(device)->port.set)
            CHARDEV(device)->port = (OptUint)OPT(next++);
}

/* to is zeroed memory. */
static void
copy_source(CharSource *to, const CharSource *from)
{
    xml_copy_into(&char_type_schema, to, from);
    xml_copy_into(&char_source_schema, to, from);
}

/* The first console, unless it is a device of its own, is another view of the first serial port; each is made from the
 * other when it is missing. */
static void
pair_console(DomainDef *def)
{
    Device *console = domain_def_device(def, DEVICE_CONSOLE, 0), *serial = domain_def_device(def, DEVICE_SERIAL, 0);

    if (console && (CHARDEV(console)->console_target == CONSOLE_TARGET_ABSENT ||
                    CHARDEV(console)->console_target == CONSOLE_SERIAL)) {
        CHARDEV(console)->console_target = CONSOLE_SERIAL;
        if (!serial) {
            serial = device_new(DEVICE_SERIAL);
            copy_source(&CHARDEV(serial)->source, &CHARDEV(console)->source);
            CHARDEV(serial)->serial_target = SERIAL_TARGET_ABSENT;
            domain_def_add_device(def, serial);
        }
        /* The serial port is the one that counts. */
        xml_clear(&char_source_schema, &CHARDEV(console)->source);
        memset(&CHARDEV(console)->source, 0, sizeof(CharSource));
        copy_source(&CHARDEV(console)->source, &CHARDEV(serial)->source);
    } else if (!console && serial && (CHARDEV(serial)->serial_target == SERIAL_TARGET_ABSENT ||
                                       CHARDEV(serial)->serial_target == SERIAL_ISA)) {
        console = device_new(DEVICE_CONSOLE);
        CHARDEV(console)->console_target = CONSOLE_SERIAL;
        copy_source(&CHARDEV(console)->source, &CHARDEV(serial)->source);
        domain_def_add_device(def, console);
    }
}

static void
complete_consoles(DomainDef *def)
{
    pair_console(def);
    DOMAIN_FOREACH_KIND(def, DEVICE_SERIAL, device) {
        CharDef *serial = CHARDEV(device);
        static const SerialModel models[] = {
            [SERIAL_ISA] = SERIAL_MODEL_ISA_SERIAL, [SERIAL_USB] = SERIAL_MODEL_USB_SERIAL,
            [SERIAL_PCI] = SERIAL_MODEL_PCI_SERIAL, [SERIAL_ISA_DEBUG] = SERIAL_MODEL_ISA_DEBUGCON,
            [SERIAL_SPAPR_VIO] = SERIAL_MODEL_SPAPR_VTY, [SERIAL_SYSTEM] = SERIAL_MODEL_PL011,
            [SERIAL_SCLP] = SERIAL_MODEL_SCLPCONSOLE,
        };

        if (!serial->serial_target)
            serial->serial_target = device->info.address.type == ADDRESS_USB   ? SERIAL_USB
                                    : device->info.address.type == ADDRESS_PCI ? SERIAL_PCI : SERIAL_ISA;
        if (!serial->serial_model)
            serial->serial_model = models[serial->serial_target];
    }
    DOMAIN_FOREACH_KIND(def, DEVICE_CONSOLE, device)
        if (!CHARDEV(device)->console_target)
            CHARDEV(device)->console_target = CONSOLE_SERIAL;
    number_ports(def, DEVICE_SERIAL);
    number_ports(def, DEVICE_PARALLEL);
    number_ports(def, DEVICE_CONSOLE);
}

/* -- sound -- */

static const struct { GraphicsType graphics; AudioType audio; } audio_of_graphics[] = {
    { GRAPHICS_VNC, AUDIO_NONE }, { GRAPHICS_SPICE, AUDIO_SPICE },
};

/* A machine without <audio> has one back-end: that of its first display, if it is of a kind that tells. */
static void
add_audio(DomainDef *def)
{
    const Device *display = domain_def_device(def, DEVICE_GRAPHICS, 0);
    AudioType type = display ? AUDIO_ABSENT : AUDIO_NONE;
    AudioDef *audio;

    if (domain_def_count(def, DEVICE_AUDIO))
        return;
    for (size_t i = 0; display && i < G_N_ELEMENTS(audio_of_graphics); i++)
        if (audio_of_graphics[i].graphics == GRAPHICS(display)->type)
            type = audio_of_graphics[i].audio;
    if (!type)
        return;
    audio = (AudioDef *)(void *)device_new(DEVICE_AUDIO);
    audio->id = (OptUint)OPT(1);
    audio->type = type;
    domain_def_add_device(def, &audio->base);
}

/* -- controllers others need -- */

static void
need_virtio_serial(DomainDef *def)
{
    LIST_FOREACH(Device, device, &def->devices.list) {
        bool wanted = (device->kind == DEVICE_CHANNEL && CHARDEV(device)->channel_target == CHANNEL_VIRTIO) ||
                      (device->kind == DEVICE_CONSOLE && CHARDEV(device)->console_target == CONSOLE_VIRTIO);
        const DeviceAddress *address = &device->info.address;

        if (!wanted)
            continue;
        if (address->type == ADDRESS_VIRTIO_SERIAL)
            domain_need_controller(def, CONTROLLER_VIRTIO_SERIAL, address->vioserial.controller, 0);
        else if (address->type == ADDRESS_NONE)
            domain_need_controller(def, CONTROLLER_VIRTIO_SERIAL, 0, 0);
    }
}

int
domain_add_implied_devices(DomainDef *def, const DomainCaps *caps, Error *err)
{
    complete_consoles(def);
    if (domain_assign_drive_addresses(def, err) < 0)
        return -1;
    need_virtio_serial(def);
    DOMAIN_FOREACH_KIND(def, DEVICE_SMARTCARD, device) {
        unsigned last = device->info.address.type == ADDRESS_CCID ? MIN(device->info.address.ccid.controller, 255) : 0;

        for (unsigned i = 0; i <= last; i++)
            domain_need_controller(def, CONTROLLER_CCID, i, 0);
    }
    add_audio(def);
    return 0;
}
