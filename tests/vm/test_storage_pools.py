"""Pools that need a kernel with LVM, SCSI, iSCSI, multipath and NFS, each by the stock virsh: made, used, taken over after a kill -9 of
the daemon, and gone without a trace. Under the installed unit, whose sandbox must let all this reach the host."""
import os
import re
import subprocess
from pathlib import Path

import host
import pytest
import storage
from host import virsh
from pools import (MIB, boots_from, content_goes_both_ways, define, disk_pool, fails, kill, names, path_of, pid, sha256, sizes,
                   storage_volumes, volumes, wiped)

LIMIT = 5400
pytestmark = pytest.mark.usefixtures('pools_gone')


def test_the_daemon_mounts_for_the_host():
    virsh('pool-list')
    assert os.readlink(f'/proc/{pid()}/ns/mnt') == os.readlink('/proc/1/ns/mnt')
    assert os.readlink(f'/proc/{pid()}/ns/net') == os.readlink('/proc/1/ns/net')


# --- file systems ---

@pytest.mark.parametrize('kind', ['ext4', 'xfs'])
def test_fs(spare_disks, kind):
    define(f"<pool type='fs'><name>p</name><source><device path='{spare_disks[0]}'/><format type='{kind}'/></source>"
           '<target><path>/srv/pool</path></target></pool>')
    virsh('pool-build', 'p', '--no-overwrite')
    virsh('pool-start', 'p')
    assert host.run('findmnt', '/srv/pool', '-o', 'FSTYPE', '-n').stdout.strip() == kind
    virsh('vol-create-as', 'p', 'v', '8M')
    content_goes_both_ways('v')
    kill()
    assert 'v' in volumes()
    virsh('pool-destroy', 'p')
    assert host.run('findmnt', '/srv/pool', check=False).returncode != 0
    assert 'is not empty' in fails('pool-build', 'p', '--no-overwrite')


# --- volume groups ---

def test_logical(group):
    assert '/dev/vg0' in virsh('pool-dumpxml', 'p') and re.search(r'Capacity: +1\.99 GiB', virsh('pool-info', 'p'))
    virsh('vol-create-as', 'p', 'v', '10M')
    uuid = host.output('lvs', '--noheadings', '-o', 'lv_uuid', 'vg0/v').strip()
    assert virsh('vol-key', 'v', '--pool', 'p').strip() == uuid and path_of('v') == Path('/dev/vg0/v')
    assert sizes('v') == (12 * MIB, 12 * MIB)  # extents are 4 MiB
    assert virsh('vol-name', uuid).strip() == 'v' and virsh('vol-pool', '/dev/vg0/v').strip() == 'p'
    virsh('pool-refresh', 'p')
    xml = virsh('vol-dumpxml', 'v', '--pool', 'p')
    assert re.search(r"<device path='/dev/vd.'>\s*<extent start='0' end='12582912'/>", xml) and "<volume type='block'>" in xml
    digest = content_goes_both_ways('v')
    host.run('dd', 'if=/dev/urandom', 'of=/dev/vg0/v', 'bs=1M', 'seek=4', 'count=8', 'conv=notrunc')
    virsh('vol-resize', 'v', '20M', '--pool', 'p')
    assert sizes('v') == (20 * MIB, 20 * MIB)
    virsh('vol-clone', 'v', 'w', '--pool', 'p')
    assert sha256('/dev/vg0/w', 20 * MIB) == sha256('/dev/vg0/v', 20 * MIB) and sha256('/dev/vg0/w', 4 * MIB) == digest
    assert virsh('vol-key', 'w', '--pool', 'p').strip() != uuid
    assert wiped('w')
    kill()
    assert volumes() == ['v', 'w'] and virsh('vol-key', 'v', '--pool', 'p').strip() == uuid
    assert boots_from('v')
    virsh('vol-delete', 'w', '--pool', 'p')
    assert volumes() == ['v'] and storage_volumes() == {'v'}
    virsh('pool-destroy', 'p')
    assert not Path('/dev/vg0/v').exists()
    virsh('pool-start', 'p')
    assert volumes() == ['v']
    virsh('pool-destroy', 'p')
    virsh('pool-delete', 'p')
    assert host.output('vgs', '--noheadings').strip() == '' and host.output('pvs', '--noheadings').strip() == ''


def test_logical_snapshots_and_thin_ones(group):
    virsh('vol-create-as', 'p', 'base', '16M')
    host.run('dd', 'if=/dev/urandom', 'of=/dev/vg0/base', 'bs=1M', 'count=16', 'oflag=direct')
    virsh('vol-create-as', 'p', 'snap', '8M', '--backing-vol', 'base')
    assert sha256('/dev/vg0/snap', 16 * MIB) == sha256('/dev/vg0/base', 16 * MIB)
    virsh('pool-refresh', 'p')
    assert '<path>/dev/vg0/base</path>' in virsh('vol-dumpxml', 'snap', '--pool', 'p') and sizes('snap')[0] == 16 * MIB
    assert "has a snapshot, 'snap'" in fails('vol-delete', 'base', '--pool', 'p')
    virsh('vol-delete', 'base', '--pool', 'p', '--delete-snapshots')
    virsh('pool-refresh', 'p')
    assert volumes() == [] and storage_volumes() == set()
    virsh('vol-create-as', 'p', 'sparse', '1G', '--allocation', '16M')
    capacity, allocation = sizes('sparse')
    assert capacity == 1 << 30 and allocation < 16 * MIB
    host.run('lvcreate', '--yes', '--type', 'thin-pool', '--name', 'pool', '--size', '64M', 'vg0')
    host.run('lvcreate', '--yes', '--virtualsize', '256M', '--thin', 'vg0/pool', '--name', 'thin')
    virsh('pool-refresh', 'p')
    assert volumes() == ['sparse', 'thin']
    assert sizes('thin') == (256 * MIB, 0)
    host.run('dd', 'if=/dev/urandom', 'of=/dev/vg0/thin', 'bs=1M', 'count=8', 'oflag=direct')
    assert 7 * MIB < sizes('thin')[1] < 10 * MIB  # LVM tells it in hundredths of a percent
    virsh('vol-delete', 'thin', '--pool', 'p')
    assert volumes() == ['sparse']


def test_logical_is_careful(group):
    assert 'exists already' in [virsh('vol-create-as', 'p', 'v', '4M'), fails('vol-create-as', 'p', 'v', '4M')][1]
    host.run('lvcreate', '--yes', '--name', 'hidden', '--size', '4M', 'vg0')
    assert 'exists already' in fails('vol-create-as', 'p', 'hidden', '4M')
    for name in '-n', 'a b', '../x', 'snapshot1', 'x_tdata', '.virtd-part-0/..':
        fails('vol-create-as', 'p', '--name', name, '--capacity', '4M')
    assert 'insufficient free space' in fails('vol-create-as', 'p', 'huge', '1T')
    assert 'is not empty' in fails_building(Path(group[0]).resolve())
    host.run('lvcreate', '--yes', '--name', '.virtd-part-0123456789abcdef', '--size', '4M', 'vg0')
    virsh('pool-refresh', 'p')
    assert volumes() == ['hidden', 'v']
    kill()
    assert volumes() == ['hidden', 'v'] and storage_volumes() == {'hidden', 'v'}


def fails_building(disk):
    define(f"<pool type='logical'><name>q</name><source><name>vg1</name><device path='{disk}'/></source></pool>", 'q')
    return fails('pool-build', 'q')


def test_logical_sources(group):
    found = virsh('find-storage-pool-sources', 'logical')
    assert '<name>vg0</name>' in found and "<format type='lvm2'/>" in found and found.count('<device ') == 2


def test_copies_between_kinds(group):
    """A qcow2 image becomes a logical volume, and that one an image."""
    Path('/srv/images').mkdir(exist_ok=True)
    define("<pool type='dir'><name>d</name><target><path>/srv/images</path></target></pool>", 'd')
    virsh('pool-start', 'd')
    image = host.root / 'image.raw'
    image.write_bytes(os.urandom(8 * MIB))
    host.run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', str(image), '/srv/images/i.qcow2')
    virsh('pool-refresh', 'd')
    vol = host.root / 'vol.xml'
    vol.write_text('<volume><name>from-image</name><capacity>0</capacity></volume>')
    virsh('vol-create-from', 'p', str(vol), 'i.qcow2', '--inputpool', 'd')
    assert sha256('/dev/vg0/from-image', 8 * MIB) == sha256(image, 8 * MIB)
    vol.write_text("<volume><name>back.qcow2</name><capacity>0</capacity><target><format type='qcow2'/></target></volume>")
    virsh('vol-create-from', 'd', str(vol), 'from-image', '--inputpool', 'p')
    host.run('qemu-img', 'compare', '/srv/images/back.qcow2', str(image))
    host.run('rm', '-r', '/srv/images')


# --- partitions ---

def free_extents():
    return [(int(start), int(end)) for start, end in re.findall(r"<freeExtent start='(\d+)' end='(\d+)'/>", virsh('pool-dumpxml', 'p'))]


def test_disk_gpt(spare_disks):
    disk = disk_pool(spare_disks[0], 'gpt')
    assert sum(end - start for start, end in free_extents()) > 1023 * MIB
    assert f"expected '{disk}1'" in fails('vol-create-as', 'p', f'{disk}7', '10M')
    virsh('vol-create-as', 'p', f'{disk}1', '10M')
    virsh('vol-create-as', 'p', f'{disk}2', '20M', '--format', 'linux-swap')
    virsh('vol-create-as', 'p', f'{disk}3', '30M', '--format', 'linux-lvm')
    virsh('pool-refresh', 'p')
    assert volumes() == [f'{disk}{n}' for n in (1, 2, 3)] and sizes(f'{disk}2')[0] == 20 * MIB
    assert "<format type='linux-lvm'/>" in virsh('vol-dumpxml', f'{disk}3', '--pool', 'p')
    xml = virsh('vol-dumpxml', f'{disk}1', '--pool', 'p')
    assert "<extent start='1048576' end='11534336'/>" in xml and f'<path>/dev/{disk}1</path>' in xml
    content_goes_both_ways(f'{disk}1')
    virsh('vol-delete', f'{disk}2', '--pool', 'p')
    virsh('pool-refresh', 'p')
    # The gap is the smallest place that is large enough.
    virsh('vol-create-as', 'p', f'{disk}2', '15M')
    virsh('pool-refresh', 'p')
    assert f"<extent start='{11 * MIB}' end='{26 * MIB}'/>" in virsh('vol-dumpxml', f'{disk}2', '--pool', 'p')
    virsh('vol-resize', f'{disk}2', '18M', '--pool', 'p')
    assert sizes(f'{disk}2')[0] == 18 * MIB
    assert 'only' in fails('vol-resize', f'{disk}2', '40M', '--pool', 'p')
    virsh('vol-clone', f'{disk}1', f'{disk}4', '--pool', 'p')
    assert sha256(f'/dev/{disk}4', 10 * MIB) == sha256(f'/dev/{disk}1', 10 * MIB)
    kill()
    assert volumes() == [f'{disk}{n}' for n in (1, 2, 3, 4)]
    assert wiped(f'{disk}1')
    assert boots_from(f'{disk}1')
    assert 'no free extent is large enough' in fails('vol-create-as', 'p', f'{disk}5', '2G')
    virsh('pool-destroy', 'p')
    assert 'is not empty' in fails('pool-build', 'p')
    virsh('pool-build', 'p', '--overwrite')
    virsh('pool-start', 'p')
    assert volumes() == []


def test_disk_dos(spare_disks):
    disk = disk_pool(spare_disks[1], 'dos')
    for number in 1, 2, 3:
        virsh('vol-create-as', 'p', f'{disk}{number}', '10M')
    virsh('vol-create-as', 'p', f'{disk}4', '100M', '--format', 'extended')
    virsh('vol-create-as', 'p', f'{disk}5', '20M', '--format', 'fat32')
    virsh('vol-create-as', 'p', f'{disk}6', '20M', '--format', 'linux')
    virsh('pool-refresh', 'p')
    assert volumes() == [f'{disk}{n}' for n in range(1, 7)]
    assert "<format type='extended'/>" in virsh('vol-dumpxml', f'{disk}4', '--pool', 'p') and sizes(f'{disk}4')[0] == 100 * MIB
    assert sizes(f'{disk}5')[0] == 20 * MIB
    assert 'is an extended partition' in fails('vol-wipe', f'{disk}4', '--pool', 'p')
    assert 'has logical partitions' in fails('vol-delete', f'{disk}4', '--pool', 'p')
    assert 'no free extent' in fails('vol-create-as', 'p', f'{disk}7', '200M')
    for number in 6, 5, 4:
        virsh('vol-delete', f'{disk}{number}', '--pool', 'p')
    virsh('pool-refresh', 'p')
    assert volumes() == [f'{disk}{n}' for n in (1, 2, 3)]
    virsh('pool-destroy', 'p')
    virsh('pool-undefine', 'p')
    define(f"<pool type='disk'><name>p</name><source><device path='{spare_disks[1]}'/><format type='gpt'/></source><target><path>/dev</path></target></pool>")
    assert "of format 'dos', not 'gpt'" in fails('pool-start', 'p')


# --- SCSI, multipath, iSCSI ---

def test_scsi(scsi_disk):
    number = re.search(r'/host(\d+)/', os.path.realpath(f'/sys/block/{Path(scsi_disk).name}'))[1]
    define(f"<pool type='scsi'><name>p</name><source><adapter type='scsi_host' name='scsi_host{number}'/></source>"
           '<target><path>/dev/disk/by-id</path></target></pool>')
    virsh('pool-start', 'p')
    assert volumes() == ['unit:0:0:0'] and sizes('unit:0:0:0') == (128 * MIB, 128 * MIB)
    assert path_of('unit:0:0:0').parent == Path('/dev/disk/by-id') and path_of('unit:0:0:0').resolve() == Path(scsi_disk)
    serial = host.output('/lib/udev/scsi_id', '--replace-whitespace', '--whitelisted', f'--device={scsi_disk}').strip()
    assert virsh('vol-key', 'unit:0:0:0', '--pool', 'p').strip() == serial
    content_goes_both_ways('unit:0:0:0')
    assert boots_from('unit:0:0:0')
    kill()
    assert volumes() == ['unit:0:0:0']
    assert boots_from('unit:0:0:0')
    assert 'does not support volume creation' in fails('vol-create-as', 'p', 'x', '1M')
    virsh('pool-destroy', 'p')
    virsh('pool-undefine', 'p')
    define("<pool type='scsi'><name>p</name><source><adapter type='scsi_host' name='host99'/></source><target><path>/dev/disk/by-path</path></target></pool>")
    assert "no SCSI host adapter 'host99'" in fails('pool-start', 'p')


def virtual_adapters(wwpn):
    return [path.parent.name for path in Path('/sys/class/fc_host').glob('*/port_name') if path.read_text().strip() == f'0x{wwpn}']


@pytest.mark.parametrize('managed', ['', "managed='yes'", "managed='no'"])
def test_a_virtual_adapter(fc_host, managed):
    """Made of the parent when the pool starts; it goes with the pool, unless that is not wanted."""
    wwnn, wwpn = '2000000000000002', '1000000000000001'
    define(f"<pool type='scsi'><name>p</name><source><adapter type='fc_host' parent='{fc_host}' {managed} wwnn='{wwnn}' wwpn='{wwpn}'/></source>"
           '<target><path>/dev/disk/by-path</path></target></pool>')
    virsh('pool-start', 'p')
    assert len(virtual_adapters(wwpn)) == 1 and volumes() == []
    if managed:
        kill()
    assert volumes() == []
    virsh('pool-destroy', 'p')
    if 'no' in managed:
        adapter, = virtual_adapters(wwpn)
        virsh('pool-start', 'p')
        assert virtual_adapters(wwpn) == [adapter]
        Path(f'/sys/class/fc_host/{fc_host}/vport_delete').write_text(f'{wwpn}:{wwnn}')
    host.wait_until(lambda: not virtual_adapters(wwpn), 'the virtual adapter is gone')


def test_a_virtual_adapter_of_nobody(installed):
    define("<pool type='scsi'><name>p</name><source><adapter type='fc_host' parent='host99' wwnn='2000000000000002' wwpn='1000000000000001'/></source>"
           '<target><path>/dev/disk/by-path</path></target></pool>')
    assert 'there is no Fibre Channel adapter as asked for that can have virtual ones' in fails('pool-start', 'p')


def test_mpath(multipath_disk):
    define("<pool type='mpath'><name>p</name><target><path>/dev/mapper</path></target></pool>")
    virsh('pool-start', 'p')
    device = Path(multipath_disk).resolve().name
    assert volumes() == [device] and path_of(device) == Path(multipath_disk) and sizes(device)[0] == 64 * MIB
    content_goes_both_ways(device)
    assert boots_from(device)
    kill()
    assert volumes() == [device] and boots_from(device)


def iscsi_pool(target, extra='', device=True):
    define(f"<pool type='iscsi'><name>p</name><source><host name='{storage.LOOPBACK}'/>"
           + (f"<device path='{target.iqn}'/>" if device else '') + f'{extra}</source><target><path>/dev/disk/by-path</path></target></pool>')


def sessions():
    return sorted(path.read_text().strip() for path in Path('/sys/class/iscsi_session').glob('session*/targetname'))


def test_iscsi(iscsi_target):
    spec = host.root / 'spec.xml'
    spec.write_text(f"<source><host name='{storage.LOOPBACK}'/></source>")
    assert f"<device path='{iscsi_target.iqn}'" in virsh('find-storage-pool-sources', 'iscsi', str(spec))
    iscsi_pool(iscsi_target, "<initiator><iqn name='iqn.2024-01.org.example:us'/></initiator>")
    virsh('pool-start', 'p')
    assert sessions() == [iscsi_target.iqn]
    assert 'iqn.2024-01.org.example:us' in [p.read_text().strip() for p in Path('/sys/class/iscsi_session').glob('session*/initiatorname')]
    unit = f'unit:0:0:{iscsi_target.lun}'
    assert unit in volumes() and sizes(unit)[0] == 64 * MIB
    assert str(path_of(unit)).startswith('/dev/disk/by-path/ip-127.0.0.1:3260-iscsi-')
    content_goes_both_ways(unit)
    assert boots_from(unit)
    kill()
    assert unit in volumes() and sessions() == [iscsi_target.iqn]
    virsh('pool-destroy', 'p')
    assert sessions() == []
    assert host.run('iscsiadm', '--mode', 'node', check=False).returncode == 21, 'no record is left'


def state(pool='p'):
    return re.search(r'State: +(\w+)', virsh('pool-info', pool, timeout=50))[1]


def test_an_iscsi_target_that_vanishes(iscsi_target):
    """The pool is degraded, and well again when its target is back: nobody does anything for it."""
    iscsi_pool(iscsi_target)
    virsh('pool-start', 'p')
    before = volumes()
    iscsi_target.vanish()
    host.wait_until(lambda: state() == 'degraded', 'the pool is degraded')
    assert names(virsh('pool-list', timeout=50)) == ['p']
    kill()
    assert state() in ('degraded', 'running')
    host.wait_until(lambda: state() == 'degraded', 'the pool is degraded after a restart, too')
    iscsi_target.come_back()
    host.wait_until(lambda: state() == 'running', 'the pool is well again')
    assert volumes() == before
    virsh('pool-destroy', 'p')
    assert sessions() == []


def make_secret():
    """The UUID of a secret with the servers' PASSWORD."""
    secret = host.root / 'secret.xml'
    secret.write_text("<secret ephemeral='no' private='yes'><usage type='iscsi'><target>disks</target></usage></secret>")
    uuid = virsh('secret-define', str(secret)).split()[1]
    host.run('virsh', '-c', 'qemu:///system', 'secret-set-value', uuid, '--file', '/dev/stdin', '--plain', stdin=storage.PASSWORD)
    return uuid


@pytest.mark.parametrize('iscsi_target', ['chap'], indirect=True)
def test_iscsi_with_a_password(iscsi_target):
    iscsi_pool(iscsi_target)
    assert 'cannot log in to iSCSI target' in fails('pool-start', 'p')
    assert sessions() == []
    virsh('pool-undefine', 'p')
    uuid = make_secret()
    iscsi_pool(iscsi_target, f"<auth type='chap' username='{storage.USER}'><secret usage='disks'/></auth>")
    virsh('pool-start', 'p')
    assert sessions() == [iscsi_target.iqn]
    records = [path for path in Path('/etc/iscsi/nodes').rglob('*') if path.is_file()]
    assert len(records) == 1
    for record in records:
        assert storage.PASSWORD in record.read_text() and record.stat().st_mode & 0o777 == 0o600
    assert storage.PASSWORD not in virsh('pool-dumpxml', 'p') and storage.PASSWORD not in host.journal(100000)
    virsh('pool-destroy', 'p')
    assert host.run('grep', '-r', storage.PASSWORD, '/etc/iscsi', '/run/libvirt', check=False).returncode == 1
    virsh('secret-undefine', uuid)


# --- servers ---

def netfs_pool(server, version='4.2', options='', name='p'):
    define(f"<pool type='netfs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><name>{name}</name><source><host name='{server.host}'/>"
           f"<dir path='{server.exported}'/><format type='nfs'/><protocol ver='{version}'/></source>"
           f'<target><path>/srv/{name}</path></target>{options}</pool>', name)


def test_nfs(nfs_server):
    spec = host.root / 'spec.xml'
    spec.write_text(f"<source><host name='{nfs_server.host}'/></source>")
    assert f"<dir path='{nfs_server.exported}'/>" in virsh('find-storage-pool-sources', 'netfs', str(spec))
    netfs_pool(nfs_server)
    virsh('pool-build', 'p')
    virsh('pool-start', 'p')
    assert re.search(r'nfs4?\n', host.output('findmnt', '/srv/p', '-o', 'FSTYPE', '-n')) and 'vers=4.2' in host.output('findmnt', '/srv/p', '-n')
    virsh('vol-create-as', 'p', 'v', '8M')
    content_goes_both_ways('v')
    virsh('vol-create-as', 'p', 'image', '8M', '--format', 'qcow2')
    virsh('vol-clone', 'v', 'w', '--pool', 'p')
    assert (nfs_server.exported / 'w').read_bytes() == (nfs_server.exported / 'v').read_bytes()
    kill()
    assert volumes() == ['image', 'v', 'w']
    assert boots_from('v')
    for name in volumes():
        virsh('vol-delete', name, '--pool', 'p')
    virsh('pool-destroy', 'p')
    assert host.run('findmnt', '/srv/p', check=False).returncode != 0 and list(nfs_server.exported.iterdir()) == []


def cifs_pool(share, auth=''):
    define(f"<pool type='netfs'><name>p</name><source><host name='{storage.LOOPBACK}'/><dir path='{share}'/><format type='cifs'/>{auth}</source>"
           '<target><path>/srv/p</path></target></pool>')


def test_cifs(cifs_server):
    cifs_pool('/shared')
    virsh('pool-build', 'p')
    virsh('pool-start', 'p')
    assert '//127.0.0.1/shared' in host.output('findmnt', '/srv/p', '-n')
    virsh('vol-create-as', 'p', 'v', '8M')
    content_goes_both_ways('v')
    kill()
    assert volumes() == ['v'] and (cifs_server.shared / 'v').stat().st_size == 8 * MIB
    virsh('vol-delete', 'v', '--pool', 'p')
    virsh('pool-destroy', 'p')
    assert host.run('findmnt', '/srv/p', check=False).returncode != 0


def test_cifs_with_a_password(cifs_server):
    cifs_pool('/closed')
    virsh('pool-build', 'p')
    assert "cannot mount '//127.0.0.1/closed'" in fails('pool-start', 'p')
    virsh('pool-undefine', 'p')
    uuid = make_secret()
    cifs_pool('/closed', f"<auth type='chap' username='{storage.USER}'><secret uuid='{uuid}'/></auth>")
    virsh('pool-start', 'p')
    virsh('vol-create-as', 'p', 'v', '4M')
    content_goes_both_ways('v')
    assert volumes() == ['v'] and (cifs_server.closed / 'v').exists()
    assert storage.PASSWORD not in Path('/proc/mounts').read_text() and storage.PASSWORD not in host.journal(100000)
    virsh('pool-destroy', 'p')
    virsh('secret-undefine', uuid)


def answers(*command):
    """Without waiting for the dead: within less than any deadline of what hangs."""
    return virsh(*command, timeout=50)


def test_an_nfs_server_that_vanishes(nfs_server):
    """Its pool hangs alone: lists, other pools, and a daemon that starts anew answer; stopping it takes the mount out of sight."""
    Path('/srv/other').mkdir(exist_ok=True)
    define("<pool type='dir'><name>other</name><target><path>/srv/other</path></target></pool>", 'other')
    virsh('pool-start', 'other')
    netfs_pool(nfs_server)
    virsh('pool-build', 'p')
    virsh('pool-start', 'p')
    virsh('vol-create-as', 'p', 'v', '1M')
    nfs_server.vanish()
    user = subprocess.Popen(['virsh', '-c', 'qemu:///system', 'pool-refresh', 'p'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert names(answers('pool-list')) == ['other', 'p']
        answers('vol-create-as', 'other', 'x', '1M')
        kill()
        assert 'other' in names(answers('pool-list'))
        assert names(answers('vol-list', 'other')) == ['x']
        answers('vol-delete', 'x', '--pool', 'other')
    finally:
        user.kill()
        user.wait()
    host.run('virsh', '-c', 'qemu:///system', 'pool-destroy', 'p', check=False, timeout=600)
    host.wait_until(lambda: '/srv/p' not in Path('/proc/mounts').read_text(), 'the dead mount is out of sight')


def test_an_nfs_server_that_comes_back(nfs_server):
    """Degraded meanwhile, and well again by itself."""
    netfs_pool(nfs_server)
    virsh('pool-build', 'p')
    virsh('pool-start', 'p')
    virsh('vol-create-as', 'p', 'again', '1M')
    nfs_server.vanish()
    host.wait_until(lambda: state() == 'degraded', 'the pool is degraded')
    nfs_server.come_back()
    host.wait_until(lambda: state() == 'running', 'the pool is well again')
    assert 'again' in volumes()
    virsh('vol-delete', 'again', '--pool', 'p')


def test_an_nfs_server_that_is_not_there(nfs_server):
    netfs_pool(nfs_server)
    virsh('pool-build', 'p')
    nfs_server.vanish()
    assert 'cannot mount' in host.run('virsh', '-c', 'qemu:///system', 'pool-start', 'p', check=False, timeout=600).stderr
    nfs_server.come_back()
    virsh('pool-start', 'p')
