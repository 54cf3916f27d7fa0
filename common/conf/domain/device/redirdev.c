#include "common/conf/domain/device/simple.h"

#include <string.h>

static const char *const bus_names[] = { NULL, "usb", NULL };

static int
redir_check(XmlParse *parse, xmlNode *element, void *object)
{
    RedirDef *redir = object;

    if (!redir->bus)
        redir->bus = REDIR_USB;
    if (!redir->source.type)
        return xml_problem(parse, element, FROM_XML, ERR_XML_ERROR, "element <redirdev> needs an attribute 'type'");
    return char_source_check(parse, element, &redir->source, false);
}

static const XmlRow redir_rows[] = {
    A_ENUM("bus", RedirDef, bus, bus_names, "always usb", .flags = XR_ABI),
    INLINE_AT(RedirDef, source, char_type_schema),
    INLINE_AT(RedirDef, source, char_source_schema),
    INLINE_AT(RedirDef, base.info, device_info_boot_schema),
    ROWS_END,
};
static SCHEMA(redir_schema, "redirdev", RedirDef, redir_rows, "USB device of a remote client", .check = redir_check);

const DeviceKindOps redirdev_ops = {
    .kind = DEVICE_REDIRDEV, .element = "redirdev", .schema = &redir_schema, .alias_prefix = "redir", .has_info = true,
};

/* Vendor, product and class are hexadecimal, -1 is any; the version is a number with up to two digits each side. */
static int
rule_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    g_autofree char *text = xml_attr(element, row->name);
    OptInt *field = (OptInt *)(void *)((char *)object + row->offset);
    unsigned long long value;

    if (!text || strcmp(text, "-1") == 0)
        return 0;
    if (!parse_u64(text, 16, &value) || value > row->max)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "attribute '%s' of <usbdev> is '%s': must be hexadecimal up to 0x%llx, or -1", row->name, text,
                           row->max);
    *field = (OptInt)OPT(value);
    return 0;
}

static void
rule_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const OptInt *field = (const OptInt *)(const void *)((const char *)object + row->offset);

    if (!field->set)
        return;
    xml_writer_attrf(writer, row->name, row->max == 0xff ? "0x%02X" : "0x%04X", field->v);
}

static const XmlCustom rule_row = { .parse = rule_parse, .format = rule_format, .attribute_phase = true,
    .attributes = (const char *const[]){ "class", "vendor", "product", NULL } };

static int
rule_check(XmlParse *parse, xmlNode *element, void *object)
{
    RedirRule *rule = object;
    unsigned major, minor = 0;
    const char *dot;
    int used = 0;

    if (rule->version && strcmp(rule->version, "-1") == 0)
        g_clear_pointer(&rule->version, g_free);
    if (!rule->version)
        return 0;
    if (strspn(rule->version, "0123456789.") != strlen(rule->version) || /* sscanf would take a sign */
        ((sscanf(rule->version, "%2u.%2u%n", &major, &minor, &used) != 2 || rule->version[used]) &&
         (used = 0, sscanf(rule->version, "%2u%n", &major, &used) != 1 || rule->version[used])))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "USB version '%s' is not like 1.10",
                           rule->version);
    dot = strchr(rule->version, '.');
    if (dot && strlen(dot + 1) == 1)
        minor *= 10;
    g_free(rule->version);
    rule->version = g_strdup_printf("%u.%02u", major, minor);
    return 0;
}

#define RULE(n, f, m, d) CUSTOM(n, rule_row, d, .offset = offsetof(RedirRule, f), .max = m), INTERNAL(RedirRule, f, OptInt, xt_int)
static const XmlRow rule_rows[] = {
    RULE("class", usb_class, 0xff, "USB class"),
    RULE("vendor", vendor, 0xffff, "vendor"),
    RULE("product", product, 0xffff, "product"),
    A_STR("version", RedirRule, version, "USB version"),
    A_YESNO("allow", RedirRule, allow, "whether it may be redirected", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(rule_schema, "redirRule", RedirRule, rule_rows, "rule about USB devices", .check = rule_check);
static const XmlRow filter_rows[] = {
    ITEMS("usbdev", RedirFilterDef, rules, rule_schema, "a rule; the first that fits decides"),
    ROWS_END,
};
static SCHEMA(filter_schema, "redirfilter", RedirFilterDef, filter_rows, "which USB devices may be redirected");

const DeviceKindOps redirfilter_ops = { .kind = DEVICE_REDIRFILTER, .element = "redirfilter", .schema = &filter_schema };
