"""kill -9 of virtstoraged at every step of what is done to logical volumes and partitions, and of deleting a group with volumes. What was
asked for is there or it is not, nothing half of it is shown or started; and nothing of what others have on the host is touched. Building
and deleting without volumes: tests/integration/test_block_kills.py."""
import os
import subprocess
from pathlib import Path

import host
import pytest
from host import virsh
from pools import MIB, content_goes_both_ways, disk_pool, sha256, storage_volumes, volumes
from storage import settle, wipe

LIMIT = 5400
pytestmark = pytest.mark.usefixtures('pools_gone')
OTHERS_SIZE = 12 * MIB


@pytest.fixture
def untouched():
    """Others have a volume group with a volume, and a file system, on devices of their own. A call asserts that they have them still."""
    images = [host.root / f'others{number}.img' for number in range(2)]
    devices = []
    for image in images:
        with open(image, 'wb') as file:
            file.truncate(OTHERS_SIZE)
        devices.append(host.output('losetup', '--find', '--show', str(image)).strip())
    host.run('vgcreate', 'others', devices[0])
    host.run('lvcreate', '--yes', '--name', 'precious', '--size', '4M', 'others')
    settle()
    host.run('dd', 'if=/dev/urandom', 'of=/dev/others/precious', 'bs=1M', 'count=4', 'oflag=direct')
    host.run('mkfs.ext4', '-q', devices[1])

    def now():
        return [sha256(device, OTHERS_SIZE) for device in devices] + [sha256('/dev/others/precious', 4 * MIB)]
    before = now()

    def check():
        assert now() == before, 'something of others was changed'
    yield check
    check()
    host.run('vgremove', '--force', '--yes', 'others')
    for device, image in zip(devices, images):
        host.run('losetup', '--detach', device)
        image.unlink()


def signatures(disk):
    """What blkid finds on it: '' for nothing."""
    return host.output('blkid', '--probe', '--output', 'export', disk, check=False)


def records():
    """Of what is unfinished."""
    return sorted(path.name for path in Path('/var/lib/libvirt/storage-unfinished').glob('[!.]*'))


def test_deleting_a_group_with_volumes(group, untouched, faults):
    """Started again, it has all its volumes or is not there; nothing of it is left in the end."""
    virsh('pool-destroy', 'p')

    def prepare():
        if not host.output('vgs', '--noheadings', '--select', 'vg_name=vg0').strip():
            virsh('pool-build', 'p')
            host.run('lvcreate', '--yes', '--name', 'v', '--size', '4M', 'vg0')
            host.run('vgchange', '--activate', 'n', 'vg0')

    def check(got_through):
        untouched()
        done = host.run('virsh', '-c', 'qemu:///system', 'pool-start', 'p', check=False)
        if done.returncode == 0:
            assert not got_through and volumes() == ['v']
            virsh('pool-destroy', 'p')
        else:
            assert 'not found' in done.stderr, done.stderr
        if done.returncode == 0 or records():
            virsh('pool-delete', 'p')
        assert [signatures(disk) for disk in group] == ['', ''] and records() == []
    host.run('vgremove', '--yes', 'vg0')
    for device in group:
        wipe(device)
    killed = faults.at_every_point(['pool-delete', 'p'], prepare, check)
    assert {'vg-remove', 'vg-removed', 'pv-remove', 'pv-removed'} <= set(killed)


def test_volumes_of_a_group(group, untouched, faults):
    virsh('vol-create-as', 'p', 'old', '8M')
    content = content_goes_both_ways('old')

    def none():
        if 'new' in volumes():
            virsh('vol-delete', 'new', '--pool', 'p')

    def one():
        if 'new' not in volumes():
            virsh('vol-create-as', 'p', 'new', '4M')

    def check(got_through):
        there = set(volumes())
        assert there == storage_volumes() and 'old' in there and there <= {'old', 'new'}
        assert sha256('/dev/vg0/old', 4 * MIB) == content
        untouched()

    def check_clone(got_through):
        check(got_through)
        if 'new' in volumes():
            assert sha256('/dev/vg0/new', 8 * MIB) == sha256('/dev/vg0/old', 8 * MIB)
    for command, prepare, look in ((['vol-create-as', 'p', 'new', '4M'], none, check), (['vol-clone', 'old', 'new', '--pool', 'p'], none, check_clone),
                                   (['vol-resize', 'old', '4M', '--delta', '--pool', 'p'], none, check),
                                   (['vol-delete', 'new', '--pool', 'p'], one, check)):
        assert len(faults.at_every_point(command, prepare, look)) > 1, f'{command} has no steps'
    assert volumes() == ['old']


def kernel_partitions(name):
    return sorted(path.name for path in Path(f'/sys/block/{name}').glob(f'{name}*'))


@pytest.mark.parametrize('label', ['gpt', 'dos'])
def test_partitions(spare_disks, untouched, faults, label):
    name = disk_pool(spare_disks[0], label)
    old, new = f'{name}1', f'{name}2'
    virsh('vol-create-as', 'p', old, '8M')
    with open(f'/dev/{old}', 'wb') as device:
        device.write(os.urandom(8 * MIB))
    content = sha256(f'/dev/{old}', 8 * MIB)

    def none():
        if new in volumes():
            virsh('vol-delete', new, '--pool', 'p')

    def one():
        if new not in volumes():
            virsh('vol-create-as', 'p', new, '8M')

    def check(got_through):
        assert volumes() == kernel_partitions(name) and old in volumes() and set(volumes()) <= {old, new}
        assert sha256(f'/dev/{old}', 8 * MIB) == content and records() == []
        subprocess.run(['parted', '--script', spare_disks[0], 'print'], check=True, capture_output=True)
        untouched()

    def check_clone(got_through):
        check(got_through)
        if new in volumes():
            assert sha256(f'/dev/{new}', 8 * MIB) == content
    steps = {}
    for command, prepare, look in ((['vol-create-as', 'p', new, '8M'], none, check), (['vol-clone', old, new, '--pool', 'p'], none, check_clone),
                                   (['vol-delete', new, '--pool', 'p'], one, check),
                                   (['vol-resize', old, '4M', '--delta', '--pool', 'p'], none, check)):
        steps[command[0]] = set(faults.at_every_point(command, prepare, look))
    assert {'partition-make', 'partition-made'} <= steps['vol-create-as'] & steps['vol-clone']
    assert {'partition-remove', 'partition-removed'} <= steps['vol-delete'] and 'partition-resized' in steps['vol-resize']
    assert volumes() == [old]
