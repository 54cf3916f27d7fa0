#include "common/conf/pci.h"

#define P PciFunction
static int
pci_check(XmlParse *parse, xmlNode *element, void *object)
{
    const P *pci = object;

    if (!pci->domain && !pci->bus && !pci->slot && !pci->function)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<address> is 0000:00:00.0, the host's bridge: give the one of a device");
    return 0;
}
static const XmlRow pci_rows[] = {
    A_PHEX("domain", P, domain, "PCI segment", .digits = 4, .def = "0", .max = 0xffff),
    A_PHEX("bus", P, bus, "bus", .digits = 2, .def = "0", .max = 0xff),
    A_PHEX("slot", P, slot, "slot on that bus", .digits = 2, .def = "0", .max = 0x1f),
    A_PHEX("function", P, function, "function in the slot", .digits = 1, .def = "0", .max = 7),
    ROWS_END,
};
SCHEMA(pci_function_schema, "pciFunction", P, pci_rows, "PCI function of the host", .check = pci_check);
