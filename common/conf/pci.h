/* PCI functions of the host, in networks and pools. */
#pragma once

#include "common/xml/schema.h"

/* A PCI function of the host, as attributes. */
typedef struct PciFunction { unsigned domain, bus, slot, function; } PciFunction;
extern const XmlSchema pci_function_schema;
/* The table for four members of S from d on, which stand as in PciFunction. */
#define PCI_FUNCTION_AT(S, d, f) \
    { .kind = ROW_INLINE, .schema = &pci_function_schema, \
      .offset = offsetof(S, d) + 0 * sizeof(char[offsetof(S, f) - offsetof(S, d) == offsetof(PciFunction, function) ? 1 : -1]) }
