#include "virtnetworkd/port/pool.h"

#include <stdio.h>
#include <string.h>

static void
free_interface(void *data)
{
    ForwardInterface *interface = data;

    g_free(interface->dev);
    g_free(interface);
}

static void
add_copy(GPtrArray *pool, const ForwardInterface *from)
{
    ForwardInterface *copy = g_new0(ForwardInterface, 1);

    *copy = *from;
    copy->dev = g_strdup(from->dev);
    g_ptr_array_add(pool, copy);
}

/* The PCI address is the last part of the device's link; its network interface the one name below net/. */
static int
add_function(GPtrArray *pool, const char *device, bool pci)
{
    g_autofree char *link = g_file_read_link(device, NULL), *net = g_build_filename(device, "net", NULL);
    g_autofree char *address = link ? g_path_get_basename(link) : NULL;
    g_autoptr(GDir) dir = pci ? NULL : g_dir_open(net, 0, NULL);
    const char *name = dir ? g_dir_read_name(dir) : NULL;
    ForwardInterface function = { .pci = pci, .dev = (char *)name };

    if (pci && (!address || sscanf(address, "%x:%x:%x.%u", &function.domain, &function.bus, &function.slot, &function.function) != 4))
        return 0;
    if (!pci && !name) /* bound to another driver, so no interface of the host */
        return 0;
    add_copy(pool, &function);
    return 1;
}

static int
add_virtual_functions(GPtrArray *pool, const NetworkDef *def, Error *err)
{
    bool pci = def->forward.mode == FORWARD_HOSTDEV;
    unsigned found = 0;

    for (unsigned i = 0; i < 4096; i++) {
        g_autofree char *device = g_strdup_printf("/sys/class/net/%s/device/virtfn%u", def->forward.pf, i);

        if (!g_file_test(device, G_FILE_TEST_EXISTS))
            break;
        found += (unsigned)add_function(pool, device, pci);
    }
    if (!found)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "network '%s': the physical function '%s' has no virtual functions", def->name,
                          def->forward.pf);
    return 0;
}

int
pool_list(const NetworkDef *def, GPtrArray **ret, Error *err)
{
    g_autoptr(GPtrArray) pool = g_ptr_array_new_with_free_func(free_interface);

    if (def->forward.pf && add_virtual_functions(pool, def, err) < 0)
        return -1;
    if (!def->forward.pf)
        LIST_FOREACH(ForwardInterface, interface, &def->forward.interfaces)
            add_copy(pool, interface);
    *ret = g_steal_pointer(&pool);
    return 0;
}
