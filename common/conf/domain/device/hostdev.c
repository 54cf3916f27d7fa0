#include "common/conf/domain/device/hostdev.h"

#include <string.h>

const char *const hostdev_type_names[] = { NULL, "usb", "pci", "scsi", "scsi_host", "mdev", "storage", "misc", "net", NULL };
const char *const mdev_model_names[] = { NULL, "vfio-pci", "vfio-ccw", "vfio-ap", NULL };
static const char *const mode_names[] = { NULL, "subsystem", "capabilities", NULL };

#define H HostdevDef
#define IS(...) WHEN(HostdevSource, type, __VA_ARGS__)

/* Rows about the source's type live in tables for HostdevSource; the others see it through this offset. */
#define TYPE_IS(...) .when = { offsetof(H, source.type), WHEN_MASK(__VA_ARGS__) }

static const XmlRow usb_address_rows[] = {
    A_UINT("bus", UsbHostAddress, bus, "bus of the host", .base = XML_ANY_BASE),
    A_UINT("device", UsbHostAddress, device, "device on the bus", .base = XML_ANY_BASE),
    A_STR("port", UsbHostAddress, port, "port it is plugged into"),
    ROWS_END,
};
static SCHEMA(usb_address_schema, "usbHostAddress", UsbHostAddress, usb_address_rows, "USB device of the host");

static const XmlRow pci_address_rows[] = {
    A_ENUM("type", DeviceAddress, type, address_type_names, "always pci", .shown = NULL,
           .flags = XR_NO_FORMAT | XR_HIDDEN),
    A_PHEX("domain", DeviceAddress, pci.domain, "PCI segment", .digits = 4, .def = "0"),
    A_PHEX("bus", DeviceAddress, pci.bus, "bus", .digits = 2, .def = "0"),
    A_PHEX("slot", DeviceAddress, pci.slot, "slot", .digits = 2, .def = "0"),
    A_PHEX("function", DeviceAddress, pci.function, "function", .digits = 1, .def = "0"),
    ROWS_END,
};

static int
pci_check(XmlParse *parse, xmlNode *element, void *object)
{
    DeviceAddress *address = object;

    if (address->pci.domain > PCI_DOMAIN_MAX || address->pci.bus > PCI_BUS_MAX || address->pci.slot > PCI_SLOT_MAX ||
        address->pci.function > PCI_FUNCTION_MAX)
        return xml_problem(parse, element, FROM_NONE, ERR_XML_ERROR, "PCI address is out of range (ffff:ff:1f.7)");
    address->type = ADDRESS_PCI;
    return 0;
}
SCHEMA(hostdev_pci_address_schema, "hostdevPciAddress", DeviceAddress, pci_address_rows, "PCI device of the host",
       .check = pci_check);

static const XmlRow mdev_address_rows[] = {
    A_UUID("uuid", DeviceAddress, mdev, "the mediated device", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(mdev_address_schema, "mdevAddress", DeviceAddress, mdev_address_rows, "mediated device of the host");

static const XmlRow vendor_rows[] = {
    A_HEX("id", H, source.usb_vendor, "vendor", .digits = 4, .max = 0xffff),
    ROWS_END,
};
static SCHEMA(vendor_schema, "usbVendor", H, vendor_rows, "USB vendor");
static const XmlRow product_rows[] = {
    A_HEX("id", H, source.usb_product, "product", .digits = 4, .max = 0xffff),
    ROWS_END,
};
static SCHEMA(product_schema, "usbProduct", H, product_rows, "USB product");
static const XmlRow adapter_rows[] = { A_STR("name", H, scsi_adapter, "scsi_hostN"), ROWS_END };
static SCHEMA(adapter_schema, "scsiAdapter", H, adapter_rows, "SCSI adapter of the host");
static const XmlRow scsi_address_rows[] = {
    PRESENT(H, scsi_has_address),
    A_STR("type", H, caps_path, "always scsi", .flags = XR_NO_FORMAT | XR_HIDDEN),
    A_PUINT("bus", H, scsi_address.bus, "bus"),
    A_PUINT("target", H, scsi_address.target, "target"),
    A_PUINT("unit", H, scsi_address.unit, "unit"),
    ROWS_END,
};
static SCHEMA(scsi_address_schema, "scsiHostAddress", H, scsi_address_rows, "SCSI device of the host");
static const XmlRow scsi_host_rows[] = {
    A_STR("name", HostdevScsiHost, name, "server"), A_STR("port", HostdevScsiHost, port, "port"), ROWS_END,
};
static SCHEMA(scsi_host_schema, "iscsiHost", HostdevScsiHost, scsi_host_rows, "iSCSI server");
static const XmlRow iqn_rows[] = { A_STR("name", H, scsi_initiator, "qualified name"), ROWS_END };
static SCHEMA(iqn_schema, "hostdevIqn", H, iqn_rows, "name of the initiator");
static const XmlRow initiator_rows[] = { GROUP("iqn", iqn_schema, "its name"), ROWS_END };
static SCHEMA(initiator_schema, "hostdevInitiator", H, initiator_rows, "iSCSI initiator");

static bool
has_scsi_address(const void *object, unsigned flags)
{
    return ((const H *)object)->scsi_has_address;
}

static const XmlRow source_rows[] = {
    A_WORD("startupPolicy", H, startup_policy, WORDS("mandatory", "requisite", "optional"),
           "what if it is missing at start", TYPE_IS(HOSTDEV_USB)),
    A_WORD("guestReset", H, guest_reset, WORDS("off", "uninitialized", "on"), "what a guest's reset does",
           TYPE_IS(HOSTDEV_USB)),
    A_YESNO("missing", H, missing, "not there", TYPE_IS(HOSTDEV_USB), .flags = XR_LIVE),
    A_YESNO("writeFiltering", H, write_filtering, "filter of PCI configuration writes", TYPE_IS(HOSTDEV_PCI)),
    A_STR("protocol", H, scsi_protocol, "iscsi", TYPE_IS(HOSTDEV_SCSI)),
    A_STR("name", H, scsi_name, "target", TYPE_IS(HOSTDEV_SCSI)),
    A_STR("protocol", H, scsi_host_protocol, "always vhost", TYPE_IS(HOSTDEV_SCSI_HOST)),
    A_STR("wwpn", H, wwpn, "port", TYPE_IS(HOSTDEV_SCSI_HOST)),
    GROUP("vendor", vendor_schema, "USB vendor", TYPE_IS(HOSTDEV_USB)),
    GROUP("product", product_schema, "USB product", TYPE_IS(HOSTDEV_USB)),
    GROUP_AT("address", H, source.usb, usb_address_schema, "USB device", TYPE_IS(HOSTDEV_USB)),
    GROUP_AT("address", H, source.address, hostdev_pci_address_schema, "PCI device", TYPE_IS(HOSTDEV_PCI)),
    GROUP_AT("address", H, source.address, mdev_address_schema, "mediated device", TYPE_IS(HOSTDEV_MDEV)),
    GROUP("adapter", adapter_schema, "SCSI adapter", TYPE_IS(HOSTDEV_SCSI)),
    GROUP("address", scsi_address_schema, "SCSI device", TYPE_IS(HOSTDEV_SCSI), .shown = has_scsi_address),
    ITEMS("host", H, scsi_hosts, scsi_host_schema, "iSCSI server", TYPE_IS(HOSTDEV_SCSI)),
    PTR("auth", H, scsi_auth, storage_auth_schema, "credentials", TYPE_IS(HOSTDEV_SCSI)),
    GROUP("initiator", initiator_schema, "iSCSI initiator", TYPE_IS(HOSTDEV_SCSI)),
    E_STR("block", H, caps_path, "device", TYPE_IS(HOSTDEV_STORAGE)),
    E_STR("char", H, caps_path, "device", TYPE_IS(HOSTDEV_MISC)),
    E_STR("interface", H, caps_path, "interface", TYPE_IS(HOSTDEV_NET)),
    ROWS_END,
};
static SCHEMA(source_schema, "hostdevSource", H, source_rows, "the device on the host");

static const XmlRow driver_rows[] = {
    A_WORD("name", H, driver, WORDS("vfio", "xen"), "kernel driver family"),
    A_STR("model", H, driver_model, "kernel driver"),
    A_STR("iommufd", H, driver_iommufd, "use of iommufd"),
    ROWS_END,
};
static SCHEMA(driver_schema, "hostdevDriverOptions", H, driver_rows, "driver that gives the device away");
static const XmlRow teaming_rows[] = {
    A_WORD("type", H, teaming_type, WORDS("persistent", "transient"), "persistent or transient", .flags = XR_REQUIRED),
    A_STR("persistent", H, teaming_persistent, "alias of the other card"),
    ROWS_END,
};
static SCHEMA(teaming_schema, "hostdevTeaming", H, teaming_rows, "pair of cards");

static int
check_source(XmlParse *parse, xmlNode *element, const H *hostdev)
{
    switch (hostdev->source.type) {
    case HOSTDEV_USB:
        if (!hostdev->source.usb_vendor.set && !hostdev->source.usb.bus.set)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "<source> of a usb hostdev needs <vendor> and <product>, or <address>");
        return 0;
    case HOSTDEV_PCI: case HOSTDEV_MDEV:
        if (hostdev->source.type == HOSTDEV_MDEV ? !hostdev->source.address.mdev.set
                                                 : hostdev->source.address.type != ADDRESS_PCI)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "<source> of a hostdev needs an <address>");
        return 0;
    case HOSTDEV_SCSI:
        if (!hostdev->scsi_protocol && (!hostdev->scsi_adapter || !hostdev->scsi_has_address))
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "<source> of a scsi hostdev needs <adapter> and <address>");
        return 0;
    case HOSTDEV_SCSI_HOST:
        if (!hostdev->wwpn)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<source> of a scsi_host hostdev needs a 'wwpn'");
        return 0;
    case HOSTDEV_STORAGE: case HOSTDEV_MISC: case HOSTDEV_NET:
        if (!hostdev->caps_path)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<source> of a hostdev names no device");
        return 0;
    default:
        return 0;
    }
}

static int
hostdev_check(XmlParse *parse, xmlNode *element, void *object)
{
    H *hostdev = object;

    if (!hostdev->mode)
        hostdev->mode = HOSTDEV_SUBSYSTEM;
    if (!xml_child(element, "source"))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<hostdev> needs a <source>");
    if (hostdev->sgio && hostdev->source.type != HOSTDEV_SCSI)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "only scsi host devices have 'sgio'");
    if (hostdev->rawio && hostdev->source.type != HOSTDEV_SCSI)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "only scsi host devices have 'rawio'");
    if (hostdev->source.type == HOSTDEV_MDEV && !hostdev->model)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<hostdev> of type mdev needs a 'model'");
    if (hostdev->source.type == HOSTDEV_MDEV && enum_from_name(mdev_model_names, hostdev->model) < 0)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "model '%s' of a mediated device is not vfio-pci, vfio-ccw or vfio-ap", hostdev->model);
    /* A target without a unit means the first. */
    if (hostdev->scsi_protocol && hostdev->scsi_name && !strchr(hostdev->scsi_name, '/')) {
        char *name = g_strdup_printf("%s/0", hostdev->scsi_name);

        g_free(hostdev->scsi_name);
        hostdev->scsi_name = name;
    }
    return check_source(parse, element, hostdev);
}

static bool
is_subsystem(const void *object, unsigned flags)
{
    const H *hostdev = object;

    return hostdev->mode == HOSTDEV_SUBSYSTEM;
}

static const XmlRow hostdev_rows[] = {
    A_ENUM("mode", H, mode, mode_names, "always subsystem for machines"),
    A_ENUM("type", H, source.type, hostdev_type_names, "kind of device", .flags = XR_REQUIRED | XR_ABI),
    A_YESNO("managed", H, managed, "bound by us", .shown = is_subsystem),
    A_STR("sgio", H, sgio, "whether SCSI commands are filtered"),
    A_YESNO("rawio", H, rawio, "raw SCSI commands"),
    A_STR("model", H, model, "variant", TYPE_IS(HOSTDEV_MDEV, HOSTDEV_SCSI_HOST), .flags = XR_ABI),
    A_ONOFF("display", H, display, "the device draws", TYPE_IS(HOSTDEV_MDEV)),
    A_ONOFF("ramfb", H, ramfb, "early display", TYPE_IS(HOSTDEV_MDEV)),
    GROUP("driver", driver_schema, "driver"),
    GROUP("source", source_schema, "the device on the host", .flags = XR_ALWAYS),
    GROUP("teaming", teaming_schema, "pair of cards"),
    FLAG("readonly", H, readonly, "the guest cannot write"),
    FLAG("shareable", H, shareable, "several guests use it"),
    INLINE_AT(H, base.info, device_info_rom_schema),
    ROWS_END,
};
static SCHEMA(hostdev_schema, "hostdev", H, hostdev_rows, "device of the host", .check = hostdev_check);

const DeviceKindOps hostdev_ops = {
    .kind = DEVICE_HOSTDEV, .element = "hostdev", .schema = &hostdev_schema, .alias_prefix = "hostdev", .has_info = true,
};
