/* <adapter>: the host adapter whose disks are the pool (scsi). */
#include "common/conf/storage/elements.h"

#include <string.h>

#define WWN_DIGITS 16

static const char *const adapter_type_names[] = { NULL, "scsi_host", "fc_host", NULL };

#define A PoolAdapter

static const XmlRow parent_address_rows[] = { PCI_FUNCTION_AT(A, domain, function), ROWS_END };
static SCHEMA(parent_address_schema, "poolAdapterAddress", A, parent_address_rows, "PCI function of the card");
static const XmlRow parent_rows[] = {
    PRESENT(A, by_address),
    A_UINT("unique_id", A, unique_id, "the host's number on that card", .flags = XR_REQUIRED),
    GROUP("address", parent_address_schema, "PCI function of the card", .flags = XR_REQUIRED | XR_ALWAYS),
    ROWS_END,
};
static SCHEMA(parent_schema, "poolAdapterParent", A, parent_rows, "the adapter by the address of its card");

static int
check_scsi_host(XmlParse *parse, xmlNode *element, const A *adapter)
{
    if (!adapter->by_address && (!adapter->name || !*adapter->name))
        return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR,
                           "<adapter> of type 'scsi_host' needs a 'name' such as 'host0', or a <parentaddr>");
    return 0;
}

static int
check_wwn(XmlParse *parse, xmlNode *element, const char *what, const char *wwn)
{
    if (!wwn || (strlen(wwn) == WWN_DIGITS && strspn(wwn, "0123456789abcdefABCDEF") == WWN_DIGITS))
        return 0;
    return xml_problem(parse, element, FROM_NONE, ERR_INTERNAL_ERROR, "malformed wwn: '%s' of <adapter> is '%s'; it has 16 hexadecimal digits",
                       what, wwn);
}

static int
check_fc_host(XmlParse *parse, xmlNode *element, const A *adapter)
{
    if (!adapter->wwnn || !adapter->wwpn)
        return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR, "<adapter> of type 'fc_host' needs 'wwnn' and 'wwpn'");
    if (check_wwn(parse, element, "wwnn", adapter->wwnn) < 0 || check_wwn(parse, element, "wwpn", adapter->wwpn) < 0)
        return -1;
    if (!adapter->parent_wwnn != !adapter->parent_wwpn)
        return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR,
                           "<adapter> has one of 'parent_wwnn' and 'parent_wwpn'; give both or none");
    if (check_wwn(parse, element, "parent_wwnn", adapter->parent_wwnn) < 0 ||
        check_wwn(parse, element, "parent_wwpn", adapter->parent_wwpn) < 0 ||
        check_wwn(parse, element, "parent_fabric_wwn", adapter->parent_fabric_wwn) < 0)
        return -1;
    return 0;
}

/* Without a type it is a SCSI host by name, as it was before there were types. */
static int
adapter_check(XmlParse *parse, xmlNode *element, void *object)
{
    static const char *const typed[] = { "wwnn", "wwpn", "parent" };
    A *adapter = object;

    if (adapter->type)
        return adapter->type == ADAPTER_SCSI_HOST ? check_scsi_host(parse, element, adapter) : check_fc_host(parse, element, adapter);
    for (size_t i = 0; i < G_N_ELEMENTS(typed); i++)
        if (xmlHasProp(element, BAD_CAST typed[i]))
            return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR, "<adapter> with '%s' needs a 'type'", typed[i]);
    if (xml_child(element, "parentaddr"))
        return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR, "<adapter> with <parentaddr> needs a 'type'");
    if (adapter->name)
        adapter->type = ADAPTER_SCSI_HOST;
    return 0;
}

static bool
parent_shown(const void *object, unsigned flags)
{
    return ((const A *)object)->by_address;
}

#define FC WHEN(A, type, ADAPTER_FC_HOST)
static const XmlRow adapter_rows[] = {
    A_ENUM("type", A, type, adapter_type_names, "kind of adapter; scsi_host when missing"),
    A_STR("name", A, name, "the adapter by its name: `host0`", WHEN(A, type, ADAPTER_ABSENT, ADAPTER_SCSI_HOST)),
    A_STR("parent", A, parent, "the adapter that the virtual one is made on", FC),
    A_YESNO("managed", A, managed, "a virtual adapter goes with the pool", FC),
    A_STR("parent_wwnn", A, parent_wwnn, "that adapter by its node name", FC),
    A_STR("parent_wwpn", A, parent_wwpn, "and its port name", FC),
    A_STR("parent_fabric_wwn", A, parent_fabric_wwn, "that adapter by the name of its fabric", FC),
    A_STR("wwnn", A, wwnn, "node name of the virtual adapter", FC),
    A_STR("wwpn", A, wwpn, "port name of the virtual adapter", FC),
    GROUP("parentaddr", parent_schema, "the adapter by the address of its card", WHEN(A, type, ADAPTER_SCSI_HOST),
          .shown = parent_shown),
    ROWS_END,
};
SCHEMA(pool_adapter_schema, "poolAdapter", A, adapter_rows, "adapter of the host", .check = adapter_check);
