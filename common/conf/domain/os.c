#include "common/conf/domain/os.h"

#include <string.h>

const char *const os_type_names[] = { NULL, "hvm", "xen", "linux", "exe", "uml", "xenpvh", NULL };
const char *const firmware_names[] = { NULL, "bios", "efi", NULL };
const char *const boot_device_names[] = { NULL, "fd", "hd", "cdrom", "network", NULL };
const char *const smbios_mode_names[] = { NULL, "none", "emulate", "host", "sysinfo", NULL };
static const char *const loader_names[] = { NULL, "rom", "pflash", NULL };

#define O OsDef

static const XmlRow type_rows[] = {
    A_STR("arch", O, arch, "processor architecture", .flags = XR_ABI),
    A_STR("machine", O, machine, "machine type", .flags = XR_ABI),
    T_ENUM(O, type, os_type_names, "hvm: full virtualization", .flags = XR_ABI | XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(type_schema, "osType", O, type_rows, "kind of machine");

static const XmlRow feature_rows[] = {
    A_YESNO("enabled", FirmwareFeature, enabled, "wanted or unwanted", .flags = XR_REQUIRED),
    A_WORD("name", FirmwareFeature, name, WORDS("enrolled-keys", "secure-boot"), "the property", .flags = XR_REQUIRED),
    ROWS_END,
};

static SCHEMA(feature_schema, "firmwareFeature", FirmwareFeature, feature_rows, "property of the firmware");
static const XmlRow firmware_rows[] = { ITEMS("feature", O, features, feature_schema, "a property"), ROWS_END };
static SCHEMA(firmware_schema, "osFirmware", O, firmware_rows, "choice of the firmware");

static const XmlRow env_rows[] = {
    A_STR("name", OsEnv, name, "variable", .flags = XR_REQUIRED), T_STR(OsEnv, value, "its value"), ROWS_END,
};
static SCHEMA(env_schema, "initenv", OsEnv, env_rows, "environment of the first process");

static const XmlRow loader_rows[] = {
    PRESENT(Loader, present),
    A_YESNO("readonly", Loader, readonly, "the guest cannot write"),
    A_YESNO("secure", Loader, secure, "only SMM may write variables"),
    A_ENUM("type", Loader, type, loader_names, "how it is mapped"),
    A_YESNO("stateless", Loader, stateless, "keeps no variables"),
    A_WORD("format", Loader, format, WORDS("raw", "qcow2"), "format of the image"),
    T_STR(Loader, path, "image"),
    ROWS_END,
};
static SCHEMA(loader_schema, "loader", Loader, loader_rows, "firmware image");

static const XmlRow nvram_rows[] = {
    A_LSTR("template", Nvram, template_path, "what a new one is made from"),
    A_WORD("templateFormat", Nvram, template_format, WORDS("raw", "qcow2"), "format of the template"),
    A_ENUM("type", Nvram, source.type, storage_type_names, "where it is"),
    A_WORD("format", Nvram, format, WORDS("raw", "qcow2"), "format of the variables' image"),
    { .kind = ROW_GROUP, .name = "source", .offset = offsetof(Nvram, source), .schema = &storage_source_schema,
      .when = { offsetof(Nvram, source.type), ~UINT64_C(1) }, .doc = "where it is" },
    VALUE(ROW_TEXT, NULL, Nvram, path, char *, xt_lenient, "image", .when = { offsetof(Nvram, source.type), 1 }),
    ROWS_END,
};
static SCHEMA(nvram_schema, "nvram", Nvram, nvram_rows, "variables of the firmware");

static const XmlRow table_rows[] = {
    A_WORD("type", AcpiTable, type, WORDS("slic", "raw", "rawset", "msdm"), "kind of table", .flags = XR_REQUIRED),
    T_STR(AcpiTable, path, "file"),
    ROWS_END,
};
static SCHEMA(table_schema, "acpiTable", AcpiTable, table_rows, "an ACPI table");
static const XmlRow acpi_rows[] = { ITEMS("table", O, acpi_tables, table_schema, "a table"), ROWS_END };
static SCHEMA(acpi_schema, "osAcpi", O, acpi_rows, "more ACPI tables");

static const XmlRow boot_rows[] = {
    A_ENUM("dev", OsBoot, dev, boot_device_names, "kind of device", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(boot_schema, "osBoot", OsBoot, boot_rows, "what to boot from");

static int
menu_check(XmlParse *parse, xmlNode *element, void *object)
{
    O *os = object;

    if (!os->bootmenu_timeout.set)
        return 0;
    if (os->bootmenu_timeout.v > 65535)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "boot menu timeout %u is not in the range from 0 to 65535", os->bootmenu_timeout.v);
    if (os->bootmenu != TRI_YES)
        os->bootmenu_timeout.set = false;
    return 0;
}
static const XmlRow menu_rows[] = {
    A_YESNO("enable", O, bootmenu, "whether there is a menu"),
    A_UINT("timeout", O, bootmenu_timeout, "milliseconds it waits"),
    ROWS_END,
};
static SCHEMA(menu_schema, "bootmenu", O, menu_rows, "boot menu", .check = menu_check);

static int
bios_check(XmlParse *parse, xmlNode *element, void *object)
{
    const O *os = object;

    if (os->reboot_timeout.set && (os->reboot_timeout.v < -1 || os->reboot_timeout.v > 65535))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "rebootTimeout %d is not in the range from -1 to 65535",
                           os->reboot_timeout.v);
    return 0;
}
static const XmlRow bios_rows[] = {
    A_YESNO("useserial", O, use_serial, "firmware output on the serial port"),
    A_INT("rebootTimeout", O, reboot_timeout, "milliseconds before a new try"),
    ROWS_END,
};
static SCHEMA(bios_schema, "bios", O, bios_rows, "BIOS settings", .check = bios_check);
static const XmlRow smbios_rows[] = {
    A_ENUM("mode", O, smbios, smbios_mode_names, "what the tables tell", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(smbios_schema, "smbios", O, smbios_rows, "SMBIOS tables");

static const XmlRow os_rows[] = {
    A_ENUM("firmware", O, firmware, firmware_names, "firmware to choose"),
    GROUP("type", type_schema, "kind of machine"),
    GROUP("firmware", firmware_schema, "properties of the firmware"),
    E_LSTR("init", O, init, "first process of a container"),
    STRINGS("initarg", O, initargs, "its arguments"),
    ITEMS("initenv", O, initenvs, env_schema, "its environment"),
    E_LSTR("initdir", O, initdir, "its directory"),
    E_LSTR("inituser", O, inituser, "its user"),
    E_LSTR("initgroup", O, initgroup, "its group"),
    GROUP_AT("loader", O, loader, loader_schema, "firmware image"),
    PTR("nvram", O, nvram, nvram_schema, "variables of the firmware"),
    E_LSTR("kernel", O, kernel, "kernel booted directly"),
    E_LSTR("initrd", O, initrd, "its initial RAM disk"),
    E_LSTR("cmdline", O, cmdline, "its command line"),
    E_LSTR("shim", O, shim, "shim loader"),
    E_LSTR("dtb", O, dtb, "device tree"),
    E_LSTR("root", O, root, "root device"),
    GROUP("acpi", acpi_schema, "ACPI tables"),
    ITEMS("boot", O, boots, boot_schema, "what to boot from, in order"),
    GROUP("bootmenu", menu_schema, "boot menu"),
    GROUP("bios", bios_schema, "BIOS settings"),
    GROUP("smbios", smbios_schema, "SMBIOS tables"),
    ROWS_END,
};
SCHEMA(os_schema, "os", O, os_rows, "what the machine is and what it boots");
