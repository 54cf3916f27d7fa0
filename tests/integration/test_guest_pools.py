"""Guests with volumes of pools on servers, started and plugged in: iSCSI units without the kernel, with CHAP; images in Ceph, with
cephx. The values of the secrets are shown nowhere, and the guest boots from what the server holds."""
import base64
import xml.etree.ElementTree as ET

import pytest

import ceph
import iscsi
from harness import BOOTSECTOR_UP, install_guests, wait_until
from storagelab import make_secret, remove_pools, remove_secrets, write

HOST = {'netns': True}


class Iscsi:
    """A pool of iSCSI units that are there already."""

    def __init__(self, host):
        self.host, self.server = host, iscsi.Target(host)
        self.password = iscsi.PASSWORD
        uuid = make_secret(host, 'iscsi', 'units', iscsi.PASSWORD.encode())
        host.virsh('pool-define', write(host, 'pool.xml', f"""<pool type='iscsi-direct'><name>p</name><source>
            <host name='127.0.0.1' port='{iscsi.PORT}'/><device path='{iscsi.IQN}'/><initiator><iqn name='{iscsi.INITIATOR}'/></initiator>
            <auth type='chap' username='{iscsi.USER}'><secret uuid='{uuid}'/></auth></source></pool>"""))
        host.virsh('pool-start', 'p')
        self.boot, self.other = 'unit:0:0:1', 'unit:0:0:2'
        self.direct = (f"<source protocol='iscsi' name='{iscsi.IQN}/1'><host name='127.0.0.1' port='{iscsi.PORT}'/>"
                       f"<initiator><iqn name='{iscsi.INITIATOR}'/></initiator>"
                       f"<auth username='{iscsi.USER}'><secret type='iscsi' uuid='{uuid}'/></auth></source>")


class Rbd:
    """A pool of images in Ceph."""

    def __init__(self, host):
        self.host, self.server = host, ceph.Ceph(host)
        self.password = self.server.key
        uuid = make_secret(host, 'ceph', 'client.virt secret', base64.b64decode(self.server.key))
        host.virsh('pool-define', write(host, 'pool.xml', f"""<pool type='rbd'><name>p</name><source>
            <host name='127.0.0.1' port='{ceph.MONITOR}'/><name>{ceph.POOL}</name>
            <auth type='ceph' username='{ceph.USER}'><secret uuid='{uuid}'/></auth></source></pool>"""))
        host.virsh('pool-start', 'p')
        self.boot, self.other = 'boot', 'other'
        host.virsh('vol-create-as', 'p', 'boot', '4M')
        host.virsh('vol-create-as', 'p', 'other', '4M')
        self.direct = (f"<source protocol='rbd' name='{ceph.POOL}/boot'><host name='127.0.0.1' port='{ceph.MONITOR}'/>"
                       f"<auth username='{ceph.USER}'><secret type='ceph' uuid='{uuid}'/></auth></source>")


@pytest.fixture(scope='module', params=[Iscsi, Rbd], ids=['iscsi', 'rbd'])
def backend(host, request):
    host.run('ip', 'link', 'set', 'lo', 'up')
    made = request.param(host)
    host.virsh('vol-upload', made.boot, str(install_guests(host) / 'bootsector.img'), '--pool', 'p')
    yield made
    remove_pools(host)
    remove_secrets(host)
    made.server.end()


def definition(host, name, source, disk_type):
    console = host.root / 'images' / f'{name}.console'
    console.unlink(missing_ok=True)
    return console, write(host, name + '.xml', f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>
        <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>
        <controller type='usb' model='qemu-xhci'/>
        <disk type='{disk_type}' device='disk'><driver name='qemu' type='raw'/>{source}<target dev='hda' bus='ide'/></disk>
        <serial type='file'><source path='{console}'/></serial></devices></domain>""")


@pytest.fixture
def name(host):
    yield 'pooled'
    host.virsh('destroy', 'pooled', check=False)
    host.virsh('undefine', 'pooled', check=False)


def boot(host, name, source, disk_type):
    console, path = definition(host, name, source, disk_type)
    host.virsh('define', path)
    host.virsh('start', name)
    wait_until(lambda: console.exists() and BOOTSECTOR_UP in console.read_text(errors='replace'), f'{name} boots')


def assert_secret(host, name, password):
    pid = host.qemu_pid(name)
    forms = password, base64.b64encode(password.encode()).decode()
    texts = [open(f'/proc/{pid}/cmdline').read(), open(f'/proc/{pid}/environ').read(), host.virsh('dumpxml', name)]
    texts += [path.read_text(errors='replace') for path in (host.root / 'var/log').rglob('*') if path.is_file()]
    assert not [form for form in forms for text in texts if form in text]


def test_a_guest_boots_from_a_volume(host, backend, name):
    host.virsh('pool-destroy', 'p')
    boot(host, name, f"<source pool='p' volume='{backend.boot}'/>", 'volume')
    disk = ET.fromstring(host.virsh('dumpxml', name)).find('devices/disk')
    assert disk.get('type') == 'volume' and disk.find('source').get('volume') == backend.boot and disk.find('source/auth') is None
    assert_secret(host, name, backend.password)


def test_a_guest_boots_from_the_server_itself(host, backend, name):
    boot(host, name, backend.direct, 'network')
    assert_secret(host, name, backend.password)


def test_a_volume_is_plugged_in(host, backend, name):
    boot(host, name, f"<source pool='p' volume='{backend.boot}'/>", 'volume')
    path = write(host, 'disk.xml', f"<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='p' "
                                         f"volume='{backend.other}'/><target dev='sdb' bus='usb'/></disk>")
    host.virsh('attach-device', name, path)
    assert 'sdb' in host.virsh('domblklist', name)
    size = int(host.virsh('vol-info', backend.other, '--pool', 'p', '--bytes').split('Capacity:')[1].split()[0])
    assert f'Capacity:       {size}' in host.virsh('domblkinfo', name, 'sdb')
    assert_secret(host, name, backend.password)
    host.virsh('detach-device', name, path)
    assert 'sdb' not in host.virsh('domblklist', name)
