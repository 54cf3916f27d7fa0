/* <forward>: how a network is connected to the world outside. */
#include "common/conf/network/elements.h"

#include <string.h>

const char *const forward_mode_names[] = {
    NULL, "nat", "route", "open", "bridge", "private", "vepa", "passthrough", "hostdev", "none", NULL,
};

/* -- the pool: interfaces by name or by address -- */

#define I ForwardInterface

static int
interface_check(XmlParse *parse, xmlNode *element, void *object)
{
    const I *interface = object;

    if (!interface->dev || !*interface->dev)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<interface> needs the name of an interface in 'dev'");
    return 0;
}

/* Both kinds of item are in one list, which this table copies and frees. */
static const XmlRow interface_rows[] = {
    A_STR("dev", I, dev, "interface of the host", .flags = XR_REQUIRED),
    A_UINT("connections", I, connections, "guests that use it", .flags = XR_LIVE),
    INTERNAL(I, pci, bool, xt_flag),
    INTERNAL(I, domain, unsigned, xt_plain_uint),
    INTERNAL(I, bus, unsigned, xt_plain_uint),
    INTERNAL(I, slot, unsigned, xt_plain_uint),
    INTERNAL(I, function, unsigned, xt_plain_uint),
    ROWS_END,
};
SCHEMA(forward_interface_schema, "forwardInterface", I, interface_rows, "one interface of the pool", .check = interface_check);

/* Only PCI addresses make sense; the type must still be written. */
static int
address_type_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    g_autofree char *type = xml_attr(element, "type");

    ((I *)object)->pci = true;
    if (type && strcmp(type, "pci") == 0)
        return 0;
    return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<address> in <forward> needs type='pci'%s%s%s",
                       type ? ", not '" : "", type ? type : "", type ? "'" : "");
}
static void
address_type_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    xml_writer_attr(writer, "type", "pci");
}
static const char *const type_attribute[] = { "type", NULL };
static const XmlCustom address_type_row = {
    .parse = address_type_parse, .format = address_type_format, .attribute_phase = true, .attributes = type_attribute,
    .rng = "<attribute name='type'><value>pci</value></attribute>",
};

static const XmlRow address_rows[] = {
    CUSTOM(NULL, address_type_row, "always `pci`"),
    PCI_FUNCTION_AT(I, domain, function),
    A_UINT("connections", I, connections, "guests that use it", .flags = XR_LIVE),
    ROWS_END,
};
static SCHEMA(address_schema, "forwardAddress", I, address_rows, "one PCI function of the pool");
#undef I

/* -- address translation -- */

#define N ForwardNat
static int
nat_check(XmlParse *parse, xmlNode *element, void *object)
{
    N *nat = object;

    if (nat->ipv6 == TRI_NO)
        nat->ipv6 = TRI_ABSENT;
    return 0;
}
static const XmlRow nat_address_rows[] = {
    A_IP("start", N, address_start, "first address", .flags = XR_REQUIRED, .code = ERR_XML_DETAIL),
    A_IP("end", N, address_end, "last address", .flags = XR_REQUIRED, .code = ERR_XML_DETAIL), ROWS_END,
};
static SCHEMA(nat_address_schema, "natAddress", N, nat_address_rows, "addresses that guests appear with");
static const XmlRow nat_port_rows[] = {
    A_UINT("start", N, port_start, "first port", .flags = XR_REQUIRED, .min = 1, .max = 65535),
    A_UINT("end", N, port_end, "last port", .flags = XR_REQUIRED, .min = 1, .max = 65535), ROWS_END,
};
static SCHEMA(nat_port_schema, "natPort", N, nat_port_rows, "ports that guests appear with");
static const XmlRow nat_rows[] = {
    A_YESNO("ipv6", N, ipv6, "translate IPv6 too"),
    GROUP("address", nat_address_schema, "addresses that guests appear with"),
    GROUP("port", nat_port_schema, "ports that guests appear with"), ROWS_END,
};
static SCHEMA(nat_schema, "forwardNat", N, nat_rows, "address translation", .check = nat_check);
#undef N

/* -- <forward> -- */

#define F ForwardDef
static const XmlRow driver_rows[] = {
    A_WORD("name", F, driver_name, WORDS("vfio", "kvm", "xen"), "kernel driver family"),
    A_STR("model", F, driver_model, "kernel driver"), ROWS_END,
};
static SCHEMA(driver_schema, "forwardDriver", F, driver_rows, "driver of the functions while a guest has them");
static const XmlRow pf_rows[] = { A_STR("dev", F, pf, "interface of the host", .flags = XR_REQUIRED), ROWS_END };
static SCHEMA(pf_schema, "forwardPf", F, pf_rows, "physical function whose virtual functions are the pool");

/* Of a pool made from a physical function, the members are state. */
static bool
interfaces_shown(const void *object, unsigned flags)
{
    const F *forward = object;

    return forward->interfaces.n && !forward->interfaces.items[0]->pci && !(forward->pf && flags & XML_INACTIVE);
}
static bool
addresses_shown(const void *object, unsigned flags)
{
    const F *forward = object;

    return forward->interfaces.n && forward->interfaces.items[0]->pci && !(forward->pf && flags & XML_INACTIVE);
}

static int
forward_check(XmlParse *parse, xmlNode *element, void *object)
{
    F *forward = object;
    xmlNode *interface = xml_child(element, "interface"), *address = xml_child(element, "address");

    if (forward->managed == TRI_NO)
        forward->managed = TRI_ABSENT;
    if (interface && address)
        return xml_problem(parse, address, parse->domain, ERR_XML_ERROR,
                           "<forward> has both <interface> and <address>; a pool has one kind of member");
    if (forward->dev && !*forward->dev)
        g_clear_pointer(&forward->dev, g_free);
    if (forward->mode != FORWARD_SAID_NONE)
        return 0;
    if (forward->dev || interface || address || forward->pf)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<forward mode='none'> has no interfaces");
    /* The same as saying nothing. */
    forward->mode = FORWARD_NONE;
    forward->present = false;
    return 0;
}

static const XmlRow forward_rows[] = {
    PRESENT(F, present),
    A_STR("dev", F, dev, "outgoing interface; the first of the pool"),
    A_ENUM("mode", F, mode, forward_mode_names, "kind of connection", .def = "nat"),
    A_YESNO("managed", F, managed, "functions are taken from their driver by us"),
    GROUP("driver", driver_schema, "driver of passed-through functions"),
    GROUP_AT("nat", F, nat, nat_schema, "address translation"),
    GROUP("pf", pf_schema, "physical function"),
    ITEMS("interface", F, interfaces, forward_interface_schema, "an interface", .shown = interfaces_shown),
    ITEMS("address", F, interfaces, address_schema, "a PCI function", .shown = addresses_shown, .flags = XR_NO_COPY),
    ROWS_END,
};
SCHEMA(forward_schema, "forward", F, forward_rows, "connection to the outside", .check = forward_check);
