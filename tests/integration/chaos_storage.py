"""Pools, volumes and secrets at random. Two pools and few names, so that clients (and guests) meet."""
import os

import libvirt

POOLS = ('p', 'q')
VOLUMES = ('a', 'b', 'c', 'd.qcow2', 'e.qcow2', 'f.qcow2', 'cd.iso')
KINDS_OF_WIPE = (libvirt.VIR_STORAGE_VOL_WIPE_ALG_ZERO, libvirt.VIR_STORAGE_VOL_WIPE_ALG_NNSA, libvirt.VIR_STORAGE_VOL_WIPE_ALG_RANDOM)
USAGES = ('one', 'two', 'three')
MIB = 1 << 20


def pool_xml(root, name):
    return (f"<pool type='dir'><name>{name}</name><uuid>88888888-0000-0000-0000-{POOLS.index(name):012}</uuid>"
            f"<target><path>{root}/pools/{name}</path></target></pool>")


def pool(client, names=POOLS):
    return client.connection.storagePoolLookupByName(client.pick(*names))


def volume(client):
    return pool(client).storageVolLookupByName(client.pick(*VOLUMES))


def volume_xml(client):
    name, capacity = client.pick(*VOLUMES), client.pick(1, 3, 8) * MIB
    fmt = 'qcow2' if name.endswith('qcow2') else 'raw'
    allocation = client.pick(0, capacity) if fmt == 'raw' else 0
    backing = ''
    if fmt == 'qcow2' and client.chance(0.3):
        base = client.pick(*VOLUMES)
        backing = (f"<backingStore><path>{client.root}/pools/{client.pick(*POOLS)}/{base}</path>"
                   f"<format type='{'qcow2' if base.endswith('qcow2') else 'raw'}'/></backingStore>")
    return (f"<volume><name>{name}</name><capacity>{capacity}</capacity><allocation>{allocation}</allocation>"
            f"<target><format type='{fmt}'/></target>{backing}</volume>")


def upload(client, ends=('finish', 'abort', 'drop')):
    stream = client.connection.newStream()
    volume(client).upload(stream, 0, MIB, client.flags(libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM))
    end = client.pick(*ends)
    for _ in range(16 if end == 'finish' else client.random.randrange(16)):
        stream.send(os.urandom(65536))
    if end != 'drop':
        getattr(stream, end)()


def download(client, ends=('finish', 'abort', 'drop')):
    stream = client.connection.newStream()
    volume(client).download(stream, 0, 0, 0)
    end = client.pick(*ends)
    while stream.recv(65536) and end == 'finish':
        pass
    if end != 'drop':
        getattr(stream, end)()


def look(client):
    one = pool(client)
    one.XMLDesc(client.flags(libvirt.VIR_STORAGE_XML_INACTIVE))
    one.info()
    for found in one.listAllVolumes():
        found.info()
        found.XMLDesc()
        client.connection.storageVolLookupByPath(found.path()).storagePoolLookupByVolume()


def cycle(client):
    """Ended and started, now and then as a new one in between: the volumes stay."""
    one = pool(client)
    one.destroy()
    if client.chance(0.3):
        one.undefine()
        client.connection.storagePoolDefineXML(pool_xml(client.root, one.name()))
    client.connection.storagePoolLookupByName(one.name()).create()


def secret(client):
    return client.connection.secretLookupByUsage(libvirt.VIR_SECRET_USAGE_TYPE_VOLUME, client.pick(*USAGES))


def define_secret(client):
    client.connection.secretDefineXML(f"<secret private='{client.pick('yes', 'no')}' ephemeral='{client.pick('yes', 'no')}'>"
                                      f"<usage type='volume'><volume>{client.pick(*USAGES)}</volume></usage></secret>")


OPERATIONS = [
    (16, 'vol-create', lambda c: pool(c).createXML(volume_xml(c), c.flags(libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA))),
    (12, 'vol-clone', lambda c: pool(c).createXMLFrom(volume_xml(c), volume(c), c.flags(libvirt.VIR_STORAGE_VOL_CREATE_REFLINK))),
    (10, 'vol-delete', lambda c: volume(c).delete()),
    (8, 'vol-resize', lambda c: volume(c).resize(c.pick(1, 4, 16) * MIB, c.flags(libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE,
                                                                                libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK))),
    (4, 'vol-wipe', lambda c: volume(c).wipePattern(c.pick(*KINDS_OF_WIPE))),
    (8, 'vol-upload', upload),
    (8, 'vol-download', download),
    (4, 'vol-upload, killed', lambda c: c.in_a_child(lambda child: upload(child, ['drop']))),
    (4, 'vol-download, killed', lambda c: c.in_a_child(lambda child: download(child, ['drop']))),
    (6, 'pool-refresh', lambda c: pool(c).refresh()),
    (6, 'pool-cycle', cycle),
    (1, 'pool-destroy', lambda c: pool(c).destroy()),
    (4, 'pool-start', lambda c: pool(c).create(c.flags(libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD))),
    (1, 'pool-undefine', lambda c: pool(c).undefine()),
    (3, 'pool-define', lambda c: c.connection.storagePoolDefineXML(pool_xml(c.root, c.pick(*POOLS)))),
    (2, 'pool-create', lambda c: c.connection.storagePoolCreateXML(pool_xml(c.root, c.pick(*POOLS)), libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD)),
    (1, 'pool-build', lambda c: pool(c).build()),
    (1, 'pool-delete', lambda c: pool(c, ['q']).delete()),
    (1, 'pool-autostart', lambda c: pool(c).setAutostart(c.pick(0, 1))),
    (10, 'look at storage', look),
    (2, 'secret-define', define_secret),
    (2, 'secret-set-value', lambda c: secret(c).setValue(os.urandom(32))),
    (1, 'secret-get-value', lambda c: secret(c).value()),
    (1, 'secret-undefine', lambda c: secret(c).undefine()),
    (1, 'look at secrets', lambda c: [s.XMLDesc() for s in c.connection.listAllSecrets()]),
]
