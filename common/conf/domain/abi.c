/* Whether two definitions are the same machine to the guest. */
#include "common/conf/domain/domain.h"

#include <string.h>

static int
abi_differs(Error *err, const char *path)
{
    return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                      "unsupported configuration: the guest would see a different machine: %s differs", path);
}

int
domain_def_check_abi(const DomainDef *from, const DomainDef *to, Error *err)
{
    g_autofree char *path = xml_compare(&domain_schema, from, to, XR_ABI);

    if (path)
        return abi_differs(err, path);
    if (from->devices.list.n != to->devices.list.n)
        return abi_differs(err, "the number of devices");
    for (DeviceKind kind = DEVICE_NONE + 1; kind < DEVICE_KIND_MAX; kind++) {
        for (unsigned i = 0;; i++) {
            Device *a = domain_def_device(from, kind, i), *b = domain_def_device(to, kind, i);
            g_autofree char *inside = NULL, *full = NULL, *wa = NULL, *wb = NULL;

            if (!a && !b)
                break;
            if (!a || !b)
                return abi_differs(err, device_ops(kind)->element);
            inside = xml_compare(device_ops(kind)->schema, a, b, XR_ABI);
            if (!inside && device_ops(kind)->has_info) {
                wa = xml_to_text("address", &address_schema, &a->info.address, XML_INACTIVE);
                wb = xml_to_text("address", &address_schema, &b->info.address, XML_INACTIVE);
                if (strcmp(wa, wb) != 0)
                    inside = g_strdup("address");
            }
            full = inside ? g_strdup_printf("devices/%s[%u]/%s", device_ops(kind)->element, i + 1, inside) : NULL;
            if (full)
                return abi_differs(err, full);
        }
    }
    return 0;
}
