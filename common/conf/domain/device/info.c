#include "common/conf/domain/device/info.h"

#include <string.h>

const char *const address_type_names[] = {
    NULL, "pci", "drive", "virtio-serial", "ccid", "usb", "spapr-vio", "ccw", "virtio-mmio", "isa", "dimm", "unassigned",
    "mdev", NULL,
};

#define A DeviceAddress

static const XmlRow zpci_rows[] = {
    PRESENT(PciAddress, zpci),
    A_HEX("uid", PciAddress, zpci_uid, "user-defined identifier", .max = 0xffff, .digits = 4),
    A_HEX("fid", PciAddress, zpci_fid, "function identifier", .digits = 8),
    ROWS_END,
};
static SCHEMA(zpci_schema, "zpci", PciAddress, zpci_rows, "s390 identifiers of a PCI function");

static int
pci_check(XmlParse *parse, xmlNode *element, void *object)
{
    const PciAddress *pci = object;
    const struct { const char *name; unsigned value, max; } parts[] = {
        { "domain", pci->domain, PCI_DOMAIN_MAX }, { "bus", pci->bus, PCI_BUS_MAX },
        { "slot", pci->slot, PCI_SLOT_MAX }, { "function", pci->function, PCI_FUNCTION_MAX },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i].value > parts[i].max)
            return xml_problem(parse, element, FROM_NONE, ERR_XML_ERROR, "PCI address has %s 0x%x, the largest is 0x%x",
                               parts[i].name, parts[i].value, parts[i].max);
    return 0;
}

static const XmlRow pci_rows[] = {
    A_PHEX("domain", PciAddress, domain, "PCI segment", .digits = 4, .def = "0"),
    A_PHEX("bus", PciAddress, bus, "index of the controller plugged into", .digits = 2, .def = "0"),
    A_PHEX("slot", PciAddress, slot, "slot on that bus", .digits = 2, .def = "0"),
    A_PHEX("function", PciAddress, function, "function in the slot", .digits = 1, .def = "0"),
    A_ONOFF("multifunction", PciAddress, multifunction, "other functions of the slot are used too"),
    GROUP("zpci", zpci_schema, "s390 identifiers"),
    ROWS_END,
};
static SCHEMA(pci_schema, "pciAddress", PciAddress, pci_rows, "PCI address", .check = pci_check);

static const XmlRow drive_rows[] = {
    A_PUINT("controller", DriveAddress, controller, "index of the disk controller", .def = "0"),
    A_PUINT("bus", DriveAddress, bus, "bus of the controller", .def = "0"),
    A_PUINT("target", DriveAddress, target, "target on the bus", .def = "0"),
    A_PUINT("unit", DriveAddress, unit, "unit of the target", .def = "0"),
    ROWS_END,
};
static SCHEMA(drive_schema, "driveAddress", DriveAddress, drive_rows, "place on a disk controller");

static const XmlRow vioserial_rows[] = {
    A_PUINT("controller", VirtioSerialAddress, controller, "index of the virtio-serial controller", .def = "0"),
    A_PUINT("bus", VirtioSerialAddress, bus, "always 0", .def = "0"),
    A_PUINT("port", VirtioSerialAddress, port, "port; 0 is to be chosen", .def = "0"),
    ROWS_END,
};
static SCHEMA(vioserial_schema, "virtioSerialAddress", VirtioSerialAddress, vioserial_rows, "port of virtio-serial");

static const XmlRow ccid_rows[] = {
    A_PUINT("controller", CcidAddress, controller, "index of the CCID controller", .def = "0"),
    A_PUINT("slot", CcidAddress, slot, "slot of the controller", .def = "0"),
    ROWS_END,
};
static SCHEMA(ccid_schema, "ccidAddress", CcidAddress, ccid_rows, "slot of a smart card reader");

static int
usb_check(XmlParse *parse, xmlNode *element, void *object)
{
    const UsbAddress *usb = object;
    unsigned depth = 0;

    for (const char *s = usb->port; s && *s;) {
        unsigned digits = strspn(s, "0123456789");

        if (!digits || digits > 3 || ++depth > 4 || (s[digits] && s[digits] != '.') ||
            (s[digits] == '.' && !s[digits + 1]))
            return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR,
                               "USB port '%s' is not up to four numbers joined by dots, such as 1.2", usb->port);
        s += digits + (s[digits] == '.');
    }
    return 0;
}

static const XmlRow usb_rows[] = {
    A_PUINT("bus", UsbAddress, bus, "index of the USB controller", .def = "0"),
    A_LSTR("port", UsbAddress, port, "port, with dots through hubs"),
    ROWS_END,
};
static SCHEMA(usb_schema, "usbAddress", UsbAddress, usb_rows, "port of a USB controller", .check = usb_check);

static const XmlRow ccw_rows[] = {
    A_HEX("cssid", CcwAddress, cssid, "channel subsystem", .max = 0xfe, .digits = 2),
    A_HEX("ssid", CcwAddress, ssid, "subchannel set", .max = 3, .digits = 1),
    A_HEX("devno", CcwAddress, devno, "device number", .max = 0xffff, .digits = 4),
    ROWS_END,
};
static SCHEMA(ccw_schema, "ccwAddress", CcwAddress, ccw_rows, "s390 channel address");

static const XmlRow isa_rows[] = {
    A_HEX("iobase", IsaAddress, iobase, "I/O port", .digits = 1, .base = 16),
    A_HEX("irq", IsaAddress, irq, "interrupt", .digits = 1, .base = 16),
    ROWS_END,
};
static SCHEMA(isa_schema, "isaAddress", IsaAddress, isa_rows, "ISA resources");

static const XmlRow dimm_rows[] = {
    A_UINT("slot", DimmAddress, slot, "memory slot"),
    A_HEX64("base", DimmAddress, base, "guest physical address", .digits = 1, .base = 16),
    ROWS_END,
};
static SCHEMA(dimm_schema, "dimmAddress", DimmAddress, dimm_rows, "place of a memory module");

static const XmlRow address_rows[] = {
    A_ENUM("type", A, type, address_type_names, "which kind of address", .flags = XR_REQUIRED),
    INLINE_AT(A, pci, pci_schema, WHEN(A, type, ADDRESS_PCI)),
    INLINE_AT(A, drive, drive_schema, WHEN(A, type, ADDRESS_DRIVE)),
    INLINE_AT(A, vioserial, vioserial_schema, WHEN(A, type, ADDRESS_VIRTIO_SERIAL)),
    INLINE_AT(A, ccid, ccid_schema, WHEN(A, type, ADDRESS_CCID)),
    INLINE_AT(A, usb, usb_schema, WHEN(A, type, ADDRESS_USB)),
    A_HEX64("reg", A, spapr_reg, "register", .digits = 8, .base = 16, WHEN(A, type, ADDRESS_SPAPR_VIO)),
    INLINE_AT(A, ccw, ccw_schema, WHEN(A, type, ADDRESS_CCW)),
    INLINE_AT(A, isa, isa_schema, WHEN(A, type, ADDRESS_ISA)),
    INLINE_AT(A, dimm, dimm_schema, WHEN(A, type, ADDRESS_DIMM)),
    A_UUID("uuid", A, mdev, "mediated device", WHEN(A, type, ADDRESS_MDEV)),
    ROWS_END,
};
SCHEMA(address_schema, "address", A, address_rows, "where a device sits");
#undef A

/* Generated aliases belong to the run, not to the definition. */
static int
info_check(XmlParse *parse, xmlNode *element, void *object)
{
    DeviceInfo *info = object;

    if (parse->flags & XML_INACTIVE && info->alias && !alias_is_user(info->alias))
        g_clear_pointer(&info->alias, g_free);
    if (alias_is_user(info->alias) &&
        strspn(info->alias, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(info->alias))
        return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR,
                           "alias '%s' may hold only letters, digits, '_' and '-'", info->alias);
    return 0;
}

static bool
alias_shown(const void *object, unsigned flags)
{
    const DeviceInfo *info = object;

    return !(flags & XML_INACTIVE) || alias_is_user(info->alias);
}

#define I DeviceInfo
static const XmlRow alias_rows[] = {
    A_STR("name", I, alias, "name of the device; the user's begin with ua-", .shown = alias_shown),
    ROWS_END,
};
static SCHEMA(alias_schema, "alias", I, alias_rows, "name of the device in monitor and events");

static const XmlRow master_rows[] = {
    A_UINT("startport", I, usb_master, "first port this companion serves"),
    ROWS_END,
};
static SCHEMA(master_schema, "usbMaster", I, master_rows, "companion of another USB controller");

static const XmlRow rom_rows[] = {
    A_YESNO("enabled", I, rom_enabled, "whether there is an option ROM"),
    A_ONOFF("bar", I, rom_bar, "whether the ROM is visible in the memory map"),
    A_STR("file", I, rom_file, "image of the ROM"),
    ROWS_END,
};
static SCHEMA(rom_schema, "rom", I, rom_rows, "PCI option ROM");

static const XmlRow acpi_rows[] = {
    A_UINT("index", I, acpi_index, "ACPI slot name of a network card"),
    ROWS_END,
};
static SCHEMA(acpi_index_schema, "acpiIndex", I, acpi_rows, "ACPI index");

static int
boot_check(XmlParse *parse, xmlNode *element, void *object)
{
    DeviceInfo *info = object;
    size_t length = info->loadparm ? strlen(info->loadparm) : 0;

    if (!info->loadparm)
        return 0;
    for (size_t i = 0; i < length; i++)
        info->loadparm[i] = g_ascii_toupper(info->loadparm[i]);
    if (!length || length > 8)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_INTERNAL_ERROR, "loadparm '%s' must have 1 to 8 characters",
                           info->loadparm);
    if (strspn(info->loadparm, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789. ") != length)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_INTERNAL_ERROR,
                           "loadparm '%s' may hold only letters, digits, '.' and blanks", info->loadparm);
    return 0;
}

static const XmlRow boot_rows[] = {
    A_UINT("order", I, boot_order, "place in the boot order, from 1", .min = 1),
    A_STR("loadparm", I, loadparm, "s390 boot parameter"),
    ROWS_END,
};
static SCHEMA(boot_schema, "deviceBoot", I, boot_rows, "boot order of this device", .check = boot_check);

static const XmlRow tail_rows[] = {
    GROUP("acpi", acpi_index_schema, "ACPI properties"),
    GROUP_AT("address", I, address, address_schema, "place in the guest"),
    ROWS_END,
};
static SCHEMA(tail_schema, "deviceTail", I, tail_rows, "address of a device");

static const XmlRow info_rows[] = {
    GROUP("alias", alias_schema, "name of the device"),
    GROUP("master", master_schema, "companion of another USB controller"),
    INLINE(tail_schema),
    ROWS_END,
};
SCHEMA(device_info_schema, "deviceInfo", I, info_rows, "alias and address", .check = info_check);

static const XmlRow info_boot_rows[] = {
    GROUP("boot", boot_schema, "boot order"),
    GROUP("alias", alias_schema, "name of the device"),
    INLINE(tail_schema),
    ROWS_END,
};
SCHEMA(device_info_boot_schema, "deviceInfoBoot", I, info_boot_rows, "boot order, alias and address",
       .check = info_check);

static const XmlRow info_rom_rows[] = {
    GROUP("boot", boot_schema, "boot order"),
    GROUP("alias", alias_schema, "name of the device"),
    GROUP("rom", rom_schema, "option ROM"),
    INLINE(tail_schema),
    ROWS_END,
};
SCHEMA(device_info_rom_schema, "deviceInfoRom", I, info_rom_rows, "boot order, alias, option ROM and address",
       .check = info_check);
#undef I

static const XmlRow virtio_rows[] = {
    A_ONOFF("iommu", VirtioOptions, iommu, "DMA goes through the guest's IOMMU"),
    A_ONOFF("ats", VirtioOptions, ats, "address translation service"),
    A_ONOFF("packed", VirtioOptions, packed, "packed virtqueues"),
    A_ONOFF("page_per_vq", VirtioOptions, page_per_vq, "a page of notification space per queue"),
    ROWS_END,
};
SCHEMA(virtio_options_schema, "virtioOptions", VirtioOptions, virtio_rows, "options common to virtio devices");
SCHEMA(virtio_driver_schema, "virtioDriver", VirtioOptions, virtio_rows, "options common to virtio devices");

bool
pci_address_is_empty(const PciAddress *address)
{
    return !address->domain && !address->bus && !address->slot && !address->function;
}

bool
pci_address_equal(const PciAddress *a, const PciAddress *b)
{
    return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot && a->function == b->function;
}

char *
pci_address_text(const PciAddress *address)
{
    return g_strdup_printf("%04x:%02x:%02x.%u", address->domain, address->bus, address->slot, address->function);
}

void
device_address_clear(DeviceAddress *address)
{
    xml_clear(&address_schema, address);
    memset(address, 0, sizeof(*address));
}
