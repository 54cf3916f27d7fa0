/* Changing one part of a definition: find the element meant, change a copy, check the whole. */
#include "common/conf/network/update.h"

#include "common/conf/network/elements.h"

int
network_def_update(const NetworkDef *def, unsigned command, unsigned section, int parent, const char *xml,
                   NetworkDef **ret_def, Error *err)
{
    return error_setf(err, FROM_NETWORK, ERR_NO_SUPPORT, "changing section %u of network '%s' is not supported", section,
                      def->name);
}
