/* Definitions: completion of plain machines, stability of what is written, addresses, aliases, rules and bad input. */
#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/interface.h"
#include "tests/conf/fakecaps.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *fixtures;

static DomainDef *
parse(const char *text, unsigned flags, Error *err)
{
    DomainDef *def = NULL;

    return domain_def_parse(text, flags, &fake_caps, &def, err) < 0 ? NULL : def;
}

/* A domain around devices and parts. */
static char *
machine(const char *type, const char *parts, const char *devices)
{
    return g_strdup_printf("<domain type='qemu'><name>t</name><uuid>6a2bd5b4-0d9e-4f0e-8f5f-0c1f2f1b7d02</uuid><memory>262144</memory>"
                           "<os><type arch='x86_64' machine='%s'>hvm</type></os>%s<devices>%s</devices></domain>", type, parts,
                           devices);
}

static const char plain_pc[] =
    "<domain type='qemu'>\n"
    "  <name>t</name>\n"
    "  <uuid>6a2bd5b4-0d9e-4f0e-8f5f-0c1f2f1b7d02</uuid>\n"
    "  <memory unit='KiB'>262144</memory>\n"
    "  <currentMemory unit='KiB'>262144</currentMemory>\n"
    "  <vcpu placement='static'>1</vcpu>\n"
    "  <os>\n"
    "    <type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>\n"
    "    <boot dev='hd'/>\n"
    "  </os>\n"
    "  <cpu mode='custom' match='exact' check='none'>\n"
    "    <model fallback='forbid'>qemu64</model>\n"
    "  </cpu>\n"
    "  <clock offset='utc'/>\n"
    "  <on_poweroff>destroy</on_poweroff>\n"
    "  <on_reboot>restart</on_reboot>\n"
    "  <on_crash>destroy</on_crash>\n"
    "  <devices>\n"
    "    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n"
    "    <controller type='usb' index='0' model='piix3-uhci'>\n"
    "      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x2'/>\n"
    "    </controller>\n"
    "    <controller type='pci' index='0' model='pci-root'/>\n"
    "    <input type='mouse' bus='ps2'/>\n"
    "    <input type='keyboard' bus='ps2'/>\n"
    "    <audio id='1' type='none'/>\n"
    "    <memballoon model='virtio'>\n"
    "      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>\n"
    "    </memballoon>\n"
    "  </devices>\n"
    "</domain>\n";

static void
plain_machine_to_the_byte(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *text = machine("pc", "", ""), *out = NULL;
    g_autoptr(DomainDef) def = parse(text, XML_INACTIVE, &err);

    assert_non_null(def);
    out = domain_def_format(def, XML_INACTIVE);
    assert_string_equal(out, plain_pc);
}

static void
written_definitions_are_stable(void **state)
{
    static const char *const files[] = { "linux-q35.xml", "linux-pc.xml" };

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *path = g_build_filename(fixtures, files[i], NULL), *text = NULL, *first = NULL, *second = NULL;
        g_autoptr(DomainDef) def = NULL, again = NULL, copy = NULL;

        assert_true(g_file_get_contents(path, &text, NULL, NULL));
        def = parse(text, XML_INACTIVE, &err);
        if (!def)
            fail_msg("%s: %s", files[i], err.message);
        first = domain_def_format(def, XML_INACTIVE | XML_SECURE);
        again = parse(first, XML_INACTIVE, &err);
        assert_non_null(again);
        copy = domain_def_copy(again);
        assert_int_equal(domain_def_check_abi(def, copy, &err), 0);
        second = domain_def_format(copy, XML_INACTIVE | XML_SECURE);
        assert_string_equal(first, second);
    }
}

static const char *
address_of(const DomainDef *def, DeviceKind kind, unsigned n, char **ret_text)
{
    const Device *device = domain_def_device(def, kind, n);

    assert_non_null(device);
    assert_int_equal(device->info.address.type, ADDRESS_PCI);
    return *ret_text = pci_address_text(&device->info.address.pci);
}

static void
express_devices_get_ports(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *text = machine("q35", "", "<interface type='user'><model type='virtio'/></interface>"
                                               "<disk type='file'><source file='/a'/><target dev='vda'/></disk>");
    g_autofree char *net = NULL, *disk = NULL;
    g_autoptr(DomainDef) def = parse(text, XML_INACTIVE, &err);

    assert_non_null(def);
    assert_string_equal(address_of(def, DEVICE_INTERFACE, 0, &net), "0000:01:00.0");
    assert_string_equal(address_of(def, DEVICE_DISK, 0, &disk), "0000:03:00.0"); /* after the USB controller */
    /* root, SATA, USB, four ports in use and a spare one */
    assert_int_equal(domain_def_count(def, DEVICE_CONTROLLER), 8);
}

static void
full_pci_bus_gets_a_bridge(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    GString *devices = g_string_new(NULL);
    g_autofree char *text = NULL;
    g_autoptr(DomainDef) def = NULL;
    bool bridge = false;

    for (int i = 0; i < 40; i++)
        g_string_append(devices, "<interface type='user'/>");
    text = machine("pc", "", devices->str);
    g_string_free(devices, TRUE);
    def = parse(text, XML_INACTIVE, &err);
    assert_non_null(def);
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        bridge |= CONTROLLER(device)->type == CONTROLLER_PCI && CONTROLLER(device)->pci_model == PCI_BRIDGE;
    assert_true(bridge);
}

static void
aliases(void **state)
{
    static const struct { DeviceKind kind; unsigned n; const char *alias; } wanted[] = {
        { DEVICE_DISK, 0, "ide0-0-0" }, { DEVICE_DISK, 1, "virtio-disk0" }, { DEVICE_INTERFACE, 0, "net0" },
        { DEVICE_INTERFACE, 1, "ua-mine" }, { DEVICE_INTERFACE, 2, "net1" }, { DEVICE_SERIAL, 0, "serial0" },
        { DEVICE_CONSOLE, 0, "serial0" }, { DEVICE_MEMBALLOON, 0, "balloon0" }, { DEVICE_INPUT, 1, "input1" },
        { DEVICE_CHANNEL, 0, "channel0" },
    };
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *text = machine("pc", "", "<disk type='file'><source file='/a'/><target dev='hda'/></disk>"
        "<disk type='file'><source file='/b'/><target dev='vda'/></disk><interface type='user'/>"
        "<interface type='user'><alias name='ua-mine'/></interface><interface type='user'><alias name='net7'/></interface>"
        "<serial type='pty'/><channel type='unix'><target type='virtio' name='x'/></channel>");
    g_autofree char *live = NULL, *inactive = NULL;
    g_autoptr(DomainDef) def = parse(text, XML_INACTIVE, &err);

    assert_non_null(def);
    domain_assign_aliases(def);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        assert_string_equal(domain_def_device(def, wanted[i].kind, wanted[i].n)->info.alias, wanted[i].alias);
    assert_non_null(domain_def_find_alias(def, "usb"));
    assert_non_null(domain_def_find_alias(def, "pci.0"));
    assert_non_null(domain_def_find_alias(def, "ide"));
    live = domain_def_format(def, 0);
    inactive = domain_def_format(def, XML_INACTIVE);
    assert_non_null(strstr(live, "<alias name='net0'/>"));
    assert_null(strstr(inactive, "<alias name='net0'/>"));
    assert_non_null(strstr(inactive, "<alias name='ua-mine'/>"));
}

static void
passwords_only_on_request(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *text = machine("pc", "", "<graphics type='vnc' passwd='secret'/>"), *open = NULL, *secure = NULL;
    g_autoptr(DomainDef) def = parse(text, XML_INACTIVE, &err);

    open = domain_def_format(def, XML_INACTIVE);
    secure = domain_def_format(def, XML_INACTIVE | XML_SECURE);
    assert_null(strstr(open, "secret"));
    assert_non_null(strstr(secure, "passwd='secret'"));
}

static void
abi_changes_are_found(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *a = machine("pc", "", "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>");
    g_autofree char *b = machine("pc", "", "<interface type='user'><mac address='52:54:00:00:00:02'/></interface>");
    g_autofree char *c = machine("pc", "", "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>");
    g_autoptr(DomainDef) x = parse(a, XML_INACTIVE, &err), y = parse(b, XML_INACTIVE, &err), z = parse(c, XML_INACTIVE, &err);

    assert_int_equal(domain_def_check_abi(x, y, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG_UNSUPPORTED);
    assert_non_null(strstr(err.message, "interface[1]"));
    error_done(&err);
    assert_int_equal(domain_def_check_abi(x, z, &err), 0); /* where the cable leads is not the guest's business */
}

static void
bad_definitions(void **state)
{
    static const struct { const char *type, *parts, *devices; int code; ErrorDomain domain; const char *says; } cases[] = {
        { "pc", "", "<disk type='file'><source file='/a'/></disk>", ERR_XML_ERROR, FROM_DOMAIN, "target" },
        { "pc", "", "<disk type='nonsense'><target dev='hda'/></disk>", ERR_XML_ERROR, FROM_XML, "allowed: file" },
        { "pc", "", "<disk type='file'><target dev='hda'/></disk><disk type='file'><target dev='hda'/></disk>", ERR_XML_ERROR,
          FROM_DOMAIN, "hda" },
        { "nosuch", "", "", ERR_CONFIG_UNSUPPORTED, FROM_QEMU, "nosuch" },
        { "pc", "<vcpu>0</vcpu>", "", ERR_XML_ERROR, FROM_DOMAIN, "processors" },
        { "pc", "<vcpu>99999999999</vcpu>", "", ERR_XML_ERROR, FROM_DOMAIN, "whole number" },
        { "pc", "", "<interface type='user'><mac address='01:00:00:00:00:00'/></interface>", ERR_XML_ERROR, FROM_DOMAIN, "multicast" },
        { "pc", "", "<controller type='pci' index='0' model='pcie-root'/>", ERR_XML_ERROR, FROM_QEMU, "pci-root" },
        { "pc", "", "<memballoon model='virtio'><address type='pci' slot='0x20'/></memballoon>", ERR_XML_ERROR, FROM_NONE, "0x1f" },
        { "pc", "", "<rng model='virtio'><backend model='random'/><address type='pci' slot='0x01'/></rng>"
                    "<memballoon model='virtio'><address type='pci' slot='0x01'/></memballoon>", ERR_XML_ERROR, FROM_DOMAIN, "0000:00:01.0" },
        { "pc", "", "<hub type='usb'><address type='usb' bus='0' port='9'/></hub>", ERR_XML_ERROR, FROM_DOMAIN, "port 9" },
        { "pc", "", "<serial type='tcp'/>", ERR_INTERNAL_ERROR, FROM_DOMAIN, "host" },
        { "pc", "", "<disk type='file' device='cdrom'><target dev='vda' bus='virtio'/></disk>", ERR_CONFIG_UNSUPPORTED, FROM_QEMU, "eject" },
        { "q35", "", "<disk type='file'><source file='/a'/><target dev='hda' bus='ide'/></disk>", ERR_CONFIG_UNSUPPORTED, FROM_QEMU,
          "no IDE" },
        { "pc", "", "<memballoon model='virtio'/><memballoon model='none'/>", ERR_XML_ERROR, FROM_DOMAIN, "at most one" },
        { "pc", "", "<graphics type='vnc'/><graphics type='vnc'/>", ERR_CONFIG_UNSUPPORTED, FROM_QEMU, "at most one" },
        { "pc", "<vcpu>4</vcpu><cpu><topology sockets='1' cores='3' threads='1'/></cpu>", "", ERR_CONFIG_UNSUPPORTED, FROM_QEMU,
          "topology" },
        { "pc", "<vcpu>256</vcpu>", "", ERR_CONFIG_UNSUPPORTED, FROM_QEMU, "255" },
        { "pc", "<iothreads>2</iothreads><iothreadids><iothread id='1'/><iothread id='1'/></iothreadids>", "", ERR_XML_ERROR,
          FROM_DOMAIN, "id 1" },
        { "pc", "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>", "", ERR_XML_ERROR, FROM_DOMAIN, "cell 0" },
        { "pc", "<memory>1</memory>", "", ERR_XML_ERROR, FROM_DOMAIN, "twice" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *text = machine(cases[i].type, cases[i].parts, cases[i].devices);
        DomainDef *def = parse(text, XML_INACTIVE, &err);

        if (def || err.code != cases[i].code || err.domain != cases[i].domain || !strstr(err.message, cases[i].says))
            fail_msg("case %zu: code %d domain %d: %s", i, err.code, err.domain, err.message);
    }
}

static void
what_a_run_chose_is_dropped(void **state)
{
    static const char *const generated[] = {
        "/var/lib/libvirt/qemu/channel/target/domain-1-t/org.qemu.guest_agent.0",
        "/var/lib/libvirt/qemu/channel/target/t.org.qemu.guest_agent.0", "/run/libvirt/qemu/channel/1-t/org.qemu.guest_agent.0",
    };
    static const char *const chosen[] = { "/run/agent/org.qemu.guest_agent.0", "/var/lib/libvirt/qemu/channel/mine" };

    for (size_t i = 0; i < G_N_ELEMENTS(generated) + G_N_ELEMENTS(chosen); i++) {
        bool drop = i < G_N_ELEMENTS(generated);
        const char *path = drop ? generated[i] : chosen[i - G_N_ELEMENTS(generated)];
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *device = g_strdup_printf("<channel type='unix'><source mode='bind' path='%s'/><target type='virtio' "
                                                  "name='org.qemu.guest_agent.0'/></channel>", path);
        g_autofree char *text = machine("pc", "", device), *out = NULL;
        g_autoptr(DomainDef) def = parse(text, XML_INACTIVE, &err);

        assert_non_null(def);
        out = domain_def_format(def, XML_INACTIVE);
        assert_int_equal(strstr(out, path) == NULL, drop);
    }
}

static void
pins_of_missing_processors_are_dropped(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *text = machine("pc", "<vcpu>2</vcpu><cputune><vcpupin vcpu='7' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/>"
                                          "<vcpupin vcpu='0' cpuset='0'/></cputune>", "");
    g_autoptr(DomainDef) def = parse(text, XML_INACTIVE, &err);

    assert_non_null(def);
    assert_int_equal(def->cputune.vcpupins.n, 2);
    assert_int_equal(def->cputune.vcpupins.items[0]->vcpu.v, 0);
}

static void
names_of_disks(void **state)
{
    static const struct { const char *name; int index; } cases[] = {
        { "vda", 0 }, { "sdz", 25 }, { "vdaa", 26 }, { "hdb1", 1 }, { "xvdc", 2 }, { "sd", -1 }, { "foo", -1 }, { "vda!", -1 },
        { "vdaaaaaaaaaaaaaa", -1 },
    };
    g_autofree char *name = disk_index_to_name("vd", 26), *last = disk_index_to_name("sd", 25);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(disk_name_to_index(cases[i].name), cases[i].index);
    assert_string_equal(name, "vdaa");
    assert_string_equal(last, "sdz");
}

static void
single_devices(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    g_autoptr(Device) device = NULL;
    g_autofree char *text = NULL;

    assert_int_equal(device_parse("<interface type='bridge'><source bridge='br0'/></interface>", XML_INACTIVE, &device, &err), 0);
    assert_int_equal(NET(device)->type, NET_BRIDGE);
    text = device_format(device, XML_INACTIVE);
    assert_string_equal(text, "<interface type='bridge'>\n  <source bridge='br0'/>\n</interface>\n");
    assert_int_equal(device_parse("<nothing/>", 0, &device, &err), -1);
    assert_int_equal(err.code, ERR_XML_ERROR);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_machine_to_the_byte),
        cmocka_unit_test(written_definitions_are_stable),
        cmocka_unit_test(express_devices_get_ports),
        cmocka_unit_test(full_pci_bus_gets_a_bridge),
        cmocka_unit_test(aliases),
        cmocka_unit_test(passwords_only_on_request),
        cmocka_unit_test(abi_changes_are_found),
        cmocka_unit_test(bad_definitions),
        cmocka_unit_test(what_a_run_chose_is_dropped),
        cmocka_unit_test(pins_of_missing_processors_are_dropped),
        cmocka_unit_test(names_of_disks),
        cmocka_unit_test(single_devices),
    };

    if (argc != 2)
        return 2;
    fixtures = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
