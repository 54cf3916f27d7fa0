"""Guests at random: two of them (GUESTS), that use the volumes and networks the other tables make and remove."""
import libvirt
import libvirt_qemu

import chaos_networks
import chaos_storage

GUESTS = ('ga', 'gb')
LIVE, CONFIG, FORCE = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE
PAUSED, RUNNING, BYPASS = libvirt.VIR_DOMAIN_SAVE_PAUSED, libvirt.VIR_DOMAIN_SAVE_RUNNING, libvirt.VIR_DOMAIN_SAVE_BYPASS_CACHE
TARGETS = {'vdb': 'virtio', 'vdc': 'virtio', 'sda': 'scsi', 'sdb': 'scsi', 'sdc': 'usb'}
DRIVES = {'hdc': ('cdrom', 'ide'), 'fda': ('floppy', 'fdc')}
PARTS = ("<shareable/>", "<readonly/>", "<transient/>", "<serial>s1</serial>", "<alias name='ua-mine'/>",
         "<iotune><total_bytes_sec>1000000</total_bytes_sec></iotune>", "<boot order='2'/>")
COMMANDS = ('query-status', 'query-block', 'query-named-block-nodes', 'stop', 'cont', 'no-such-command')


def uuid(name):
    return f'99999999-0000-0000-0000-{GUESTS.index(name):012}'


def guest(client):
    """By UUID, since it may have its other name."""
    return client.connection.lookupByUUIDString(uuid(client.pick(*GUESTS)))


def affect(client):
    return client.flags(LIVE, CONFIG)


def domain_xml(client):
    """The definition the test wrote, with a network's card or a disk more now and then."""
    with open(f'{client.images}/{client.pick(*GUESTS)}.xml', encoding='ascii') as file:
        xml = file.read()
    network = f"<interface type='network'><source network='{client.pick(*chaos_networks.NETWORKS)}'/><model type='virtio'/></interface>"
    extra = client.pick('', '', network, disk(client)[0])
    return xml.replace('</devices>', extra + '</devices>')


def source(client, medium=False):
    """A file, a volume, nothing, something that is not there; and its format."""
    pool, name = client.pick(*chaos_storage.POOLS), client.pick(*chaos_storage.VOLUMES)
    kind = client.pick('file', 'file', 'volume', 'volume', 'network', 'block', *(['none'] * 3 if medium else []))
    text = {'file': f"<source file='{client.root}/pools/{pool}/{name}'/>", 'volume': f"<source pool='{pool}' volume='{name}'/>", 'none': '',
            'network': "<source protocol='nbd' name='x'><host transport='unix' socket='/nowhere/socket'/></source>",
            'block': "<source dev='/nowhere/device'/>"}[kind]
    return ('file' if kind == 'none' else kind), text, ('qcow2' if name.endswith('qcow2') and client.chance(0.9) else 'raw')


def disk(client):
    """A disk at one of TARGETS, and the target."""
    target = client.pick(*TARGETS)
    kind, text, fmt = source(client)
    parts = client.pick('', '', '', client.pick(*PARTS))
    device = 'cdrom' if TARGETS[target] == 'scsi' and client.chance(0.2) else 'disk'
    return (f"<disk type='{kind}' device='{device}'><driver name='qemu' type='{fmt}'/>{text}<target dev='{target}' bus='{TARGETS[target]}'/>"
            f"{parts}</disk>"), target


def medium_xml(client):
    target = client.pick(*DRIVES, 'hdc')
    device, bus = DRIVES[target]
    kind, text, fmt = source(client, medium=True)
    return (f"<disk type='{kind}' device='{device}'><driver name='qemu' type='{fmt}'/>{text}<target dev='{target}' bus='{bus}'/>"
            f"{'<readonly/>' if device == 'cdrom' else ''}</disk>")


def detach(client):
    """As virsh detach-disk does: with the definition that stands in the guest's."""
    one, target = guest(client), client.pick(*TARGETS)
    for part in one.XMLDesc(client.flags(libvirt.VIR_DOMAIN_XML_INACTIVE)).split('<disk ')[1:]:
        if f"dev='{target}'" in part:
            one.detachDeviceFlags('<disk ' + part.split('</disk>')[0] + '</disk>', affect(client))
            return


def save(client):
    """To its own file: two that save to one would spoil it."""
    name = client.pick(*GUESTS)
    client.connection.lookupByUUIDString(uuid(name)).saveFlags(save_file(client, name), None, client.flags(client.pick(PAUSED, RUNNING), BYPASS))


def save_file(client, name=None):
    return f'{client.images}/{name or client.pick(*GUESTS)}.save'


def rename(client):
    """To its other name, or back: with the first one only it is defined again."""
    one = guest(client)
    one.rename(one.name()[:2] if len(one.name()) > 2 else one.name() + '-other')


def screenshot(client):
    stream = client.connection.newStream()
    guest(client).screenshot(stream, 0)
    while stream.recv(1 << 16):
        pass
    stream.finish()


def look(client):
    one = guest(client)
    one.XMLDesc(client.flags(libvirt.VIR_DOMAIN_XML_INACTIVE, libvirt.VIR_DOMAIN_XML_SECURE))
    one.info()
    one.state()
    one.hasManagedSaveImage()
    client.connection.listAllDomains()


def block_targets(client):
    return client.pick('hda', 'hdc', 'fda', *TARGETS)


OPERATIONS = [
    (8, 'define', lambda c: c.connection.defineXML(domain_xml(c))),
    (2, 'create', lambda c: c.connection.createXML(domain_xml(c), c.flags(libvirt.VIR_DOMAIN_START_PAUSED, libvirt.VIR_DOMAIN_START_AUTODESTROY))),
    (12, 'start', lambda c: guest(c).createWithFlags(c.flags(libvirt.VIR_DOMAIN_START_PAUSED))),
    (1, 'start --force-boot', lambda c: guest(c).createWithFlags(libvirt.VIR_DOMAIN_START_FORCE_BOOT)),
    (5, 'destroy', lambda c: guest(c).destroyFlags(c.flags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL))),
    (2, 'shutdown', lambda c: guest(c).shutdown()),
    (1, 'reboot', lambda c: guest(c).reboot()),
    (2, 'reset', lambda c: guest(c).reset()),
    (4, 'suspend', lambda c: guest(c).suspend()),
    (5, 'resume', lambda c: guest(c).resume()),
    (1, 'inject-nmi', lambda c: guest(c).injectNMI()),
    (3, 'save', save),
    (4, 'restore', lambda c: c.connection.restoreFlags(save_file(c), None, c.flags(c.pick(PAUSED, RUNNING)))),
    (1, 'save-image-dumpxml', lambda c: c.connection.saveImageGetXMLDesc(save_file(c))),
    (3, 'managedsave', lambda c: guest(c).managedSave(c.flags(c.pick(PAUSED, RUNNING)))),
    (1, 'managedsave-remove', lambda c: guest(c).managedSaveRemove()),
    (1, 'managedsave-dumpxml', lambda c: guest(c).managedSaveGetXMLDesc()),
    (2, 'undefine', lambda c: guest(c).undefineFlags(c.flags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE))),
    (3, 'rename', rename),
    (2, 'domjobabort', lambda c: guest(c).abortJob()),
    (2, 'domjobinfo', lambda c: guest(c).jobStats()),
    (12, 'attach-disk', lambda c: guest(c).attachDeviceFlags(disk(c)[0], affect(c))),
    (8, 'detach-disk', detach),
    (3, 'detach by target', lambda c: guest(c).detachDeviceFlags(disk(c)[0], affect(c))),
    (1, 'detach by alias', lambda c: guest(c).detachDeviceAlias('ua-mine', affect(c))),
    (8, 'change-media', lambda c: guest(c).updateDeviceFlags(medium_xml(c), affect(c) | c.flags(FORCE))),
    (2, 'update-disk', lambda c: guest(c).updateDeviceFlags(disk(c)[0], affect(c))),
    (4, 'blockresize', lambda c: guest(c).blockResize(block_targets(c), c.pick(4096, 8192, 16384))),
    (3, 'domblkinfo', lambda c: guest(c).blockInfo(block_targets(c))),
    (2, 'domblkstat', lambda c: guest(c).blockStats(block_targets(c))),
    (2, 'dommemstat', lambda c: guest(c).memoryStats()),
    (3, 'domstats', lambda c: c.connection.getAllDomainStats()),
    (3, 'block peek', lambda c: guest(c).blockPeek(block_targets(c), 0, 65536)),
    (2, 'screenshot', screenshot),
    (3, 'qemu-monitor-command', lambda c: libvirt_qemu.qemuMonitorCommand(guest(c), '{"execute": "%s"}' % c.pick(*COMMANDS), 0)),
    (1, 'domxml-to-native', lambda c: c.connection.domainXMLToNative('qemu-argv', domain_xml(c))),
    (1, 'autostart', lambda c: guest(c).setAutostart(c.pick(0, 1))),
    (2, 'metadata', lambda c: guest(c).setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, c.pick('d', None), None, None, affect(c))),
    (6, 'look at guests', look),
]
