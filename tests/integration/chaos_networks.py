"""Networks and their ports at random."""
import libvirt

NETWORKS = {'na': "<forward mode='nat'/>", 'nb': '', 'nc': "<forward mode='route'/>"}


def prefix(name):
    return f'10.91.{sorted(NETWORKS).index(name) + 1}'


def network_xml(name, extra=''):
    net = prefix(name)
    return (f"<network><name>{name}</name><uuid>77777777-0000-0000-0000-{sorted(NETWORKS).index(name):012}</uuid>{NETWORKS[name]}"
            f"<bridge name='virbr-{name}'/>{extra}<ip address='{net}.1' netmask='255.255.255.0'><dhcp><range start='{net}.2' end='{net}.200'/></dhcp></ip></network>")


def some_xml(client):
    return network_xml(client.pick(*NETWORKS), client.pick('', "<bandwidth><inbound average='1000'/></bandwidth>",
                                                           "<dns><host ip='10.1.1.1'><hostname>h</hostname></host></dns>",
                                                           "<portgroup name='g' default='yes'/>"))


def network(client):
    return client.connection.networkLookupByName(client.pick(*NETWORKS))


def change(client):
    name, number = client.pick(*NETWORKS), client.random.randrange(210, 213)
    section, xml = client.pick(
        (libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, f"<host mac='52:54:00:91:00:{number - 200}' name='h{number}' ip='{prefix(name)}.{number}'/>"),
        (libvirt.VIR_NETWORK_SECTION_DNS_HOST, f"<host ip='10.2.2.{number}'><hostname>n{number}</hostname></host>"),
        (libvirt.VIR_NETWORK_SECTION_DNS_TXT, f"<txt name='t{number}' value='v'/>"),
        (libvirt.VIR_NETWORK_SECTION_PORTGROUP, f"<portgroup name='p{number}'/>"))
    command = client.pick(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_FIRST,
                          libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY)
    client.connection.networkLookupByName(name).update(command, section, -1, xml, client.flags(libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE,
                                                                                              libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG))


def make_port(client):
    number = client.random.randrange(4)
    network(client).portCreateXML(f"<networkport><uuid>11111111-2222-3333-4444-{number:012}</uuid><owner><name>o</name>"
                                  f"<uuid>55555555-2222-3333-4444-{number:012}</uuid></owner><mac address='52:54:00:92:00:0{number}'/></networkport>")


def delete_port(client):
    """Of those made here: a guest's is its own."""
    for port in network(client).listAllPorts():
        if port.UUIDString().startswith('11111111'):
            port.delete()
            return


def look(client):
    for one in client.connection.listAllNetworks():
        one.XMLDesc(client.flags(libvirt.VIR_NETWORK_XML_INACTIVE))
        for port in one.listAllPorts():
            port.XMLDesc()
        one.DHCPLeases()


OPERATIONS = [
    (6, 'net-define', lambda c: c.connection.networkDefineXML(some_xml(c))),
    (3, 'net-create', lambda c: c.connection.networkCreateXML(some_xml(c))),
    (8, 'net-start', lambda c: network(c).create()),
    (4, 'net-destroy', lambda c: network(c).destroy()),
    (2, 'net-undefine', lambda c: network(c).undefine()),
    (8, 'net-update', change),
    (3, 'net-port-create', make_port),
    (3, 'net-port-delete', delete_port),
    (1, 'net-autostart', lambda c: network(c).setAutostart(c.pick(0, 1))),
    (4, 'look at networks', look),
]
