"""kill -9 of virtstoraged at every step of building and deleting volume groups and partition tables. What was asked for is there or it
is not, nothing half of it is started; asked for again, it is done; and what others have on the host is not touched. Their volumes
need a kernel with device-mapper and devices for partitions: tests/vm."""
import shutil
import subprocess
from pathlib import Path

import pytest

from storagelab import at_every_point, digest, remove_pools, write

HOST = {'faults': True}
MIB = 1 << 20


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def done(*command):
    finished = run(*command)
    assert finished.returncode == 0, f'{command}: {finished.stdout}{finished.stderr}'
    return finished.stdout


def signatures(device):
    """What blkid finds on it; '' for nothing."""
    return run('blkid', '--probe', '--output', 'export', device).stdout


class Disk:
    """A loop device."""

    def __init__(self, image, size):
        self.image = image
        with open(image, 'wb') as file:
            file.truncate(size)
        finished = run('losetup', '--find', '--show', image)
        if finished.returncode:
            pytest.skip(f'this machine has no loop devices: {finished.stderr.strip()}')
        self.device = finished.stdout.strip()

    def clear(self):
        for group in run('pvs', '--noheadings', '-o', 'vg_name', self.device).stdout.split():
            done('vgremove', '--force', '--yes', group)
        done('wipefs', '--all', '--force', self.device)

    def digest(self):
        done('blockdev', '--flushbufs', self.device)
        return digest(self.image)

    def remove(self):
        self.clear()
        done('losetup', '--detach', self.device)
        self.image.unlink()


@pytest.fixture
def disks(host, group):
    made = [Disk(host.root / f'disk{number}.img', 32 * MIB) for number in range(2)]
    yield made
    remove_pools(host)
    for one in made:
        one.remove()


@pytest.fixture
def group(host):
    """The name of a group of ours: LVM sees all that is on the machine, and keeps copies of what it knows of them."""
    if not shutil.which('vgcreate', path='/usr/sbin:/sbin'):
        pytest.skip('there is no vgcreate here: tools/install-packages test')
    name = f'g{host.root.name.replace(".", "-")}'
    yield name
    for copy in Path('/etc/lvm').glob(f'*/{name}*'):
        copy.unlink()


@pytest.fixture
def untouched(host, group):
    """Others have a volume group, a physical volume in no group, and a file system. A call asserts that they have them still."""
    others = [Disk(host.root / f'others{number}.img', 8 * MIB) for number in range(3)]
    done('vgcreate', f'{group}-others', others[0].device)
    done('pvcreate', others[1].device)
    done('mkfs.ext4', '-q', others[2].device)
    before = [one.digest() for one in others]

    def check():
        assert [one.digest() for one in others] == before, 'something of others was changed'
    yield check
    check()
    for one in others:
        one.remove()


def logical(host, group, disks, uuid=''):
    devices = ''.join(f"<device path='{one.device}'/>" for one in disks)
    xml = f"<pool type='logical'><name>p</name>{uuid}<source><name>{group}</name>{devices}</source></pool>"
    host.virsh('pool-define', write(host, 'pool.xml', xml))


def disk(host, one, label):
    host.virsh('pool-define', write(host, 'pool.xml', f"<pool type='disk'><name>p</name><source><device path='{one.device}'/><format type='{label}'/>"
                                                      '</source><target><path>/dev</path></target></pool>'))


def start(host):
    """'' when the pool has started, and was stopped again; else what virsh said."""
    finished = host.virsh('pool-start', 'p', check=False)
    if finished.returncode:
        return finished.stderr
    host.virsh('pool-destroy', 'p')
    return ''


def records(host):
    """Of what is unfinished."""
    return [path.name for path in host.root.glob('**/storage-unfinished/[!.]*')]


def fails(host, *command):
    finished = host.virsh(*command, check=False)
    assert finished.returncode, f'{command} did not fail'
    return finished.stderr


def building(host, untouched, options, prepare, is_new, must):
    """pool-build p at every point, after prepare() each time: then the pool is as before, or its start is refused, or it is built; asked
    for again, it is built. It is killed at the steps of must, and others."""
    refused = []

    def check(got_through):
        untouched()
        interrupted, new = records(host), is_new()
        why = start(host)
        refused.append('was interrupted' in why)
        assert ('was interrupted' in why) == bool(interrupted) and new >= got_through and not (got_through and why), why
        if new and not interrupted and not options:  # nothing tells what is there from what others made: it is complete, and kept
            assert why == '' and 'is not empty' in fails(host, 'pool-build', 'p')
        else:
            host.virsh('pool-build', 'p', *options)
        assert start(host) == '' and is_new() and records(host) == []
        untouched()
    at_every_point(host, lambda: host.virsh('pool-build', 'p', *options, check=False), check, prepare=prepare, must=must)
    assert any(refused)


def is_group(group, disks):
    return run('pvs', '--noheadings', '-o', 'vg_name', *[one.device for one in disks]).stdout.split() == [group] * len(disks)


def clear(disks):
    for one in disks:
        one.clear()


def test_a_group(host, group, disks, untouched):
    logical(host, group, disks)
    building(host, untouched, [], lambda: clear(disks), lambda: is_group(group, disks), {'vg-create', 'vg-created', 'unlink'})


def test_a_group_over_something_else(host, group, disks, untouched):
    logical(host, group, disks)

    def prepare():
        clear(disks)
        done('vgcreate', f'{group}-old', disks[0].device)
        done('mkfs.ext4', '-q', '-F', disks[1].device)
    building(host, untouched, ['--overwrite'], prepare, lambda: is_group(group, disks),
             {'signatures-wipe', 'signatures-wiped', 'vg-create', 'vg-created', 'unlink'})


@pytest.mark.parametrize('label', ['gpt', 'dos'])
def test_a_disk(host, group, disks, untouched, label):
    disk(host, disks[0], label)
    building(host, untouched, [], disks[0].clear, lambda: f'PTTYPE={label}' in signatures(disks[0].device),
             {'disk-label', 'disk-labelled', 'unlink'})
    assert 'does not support pool deletion' in fails(host, 'pool-delete', 'p')


@pytest.mark.parametrize('label', ['gpt', 'dos'])
def test_a_disk_over_something_else(host, group, disks, untouched, label):
    disk(host, disks[0], label)

    def prepare():
        disks[0].clear()
        done('vgcreate', f'{group}-old', disks[0].device)
    building(host, untouched, ['--overwrite'], prepare, lambda: f'PTTYPE={label}' in signatures(disks[0].device),
             {'disk-label', 'disk-labelled', 'unlink'})


def interrupt(host, step, command, prepare):
    """virsh command, killed at the first step of that name, after prepare()."""
    if (step, *command) not in interrupt.points:
        prepare()
        host.kill_at(1000)
        host.virsh(*command)
        interrupt.points[step, *command] = [passed.split()[0] for passed in host.points_passed()].index(step) + 1
        host.kill_at(0)
    prepare()
    host.kill_at(interrupt.points[step, *command])
    assert host.virsh(*command, check=False).returncode
    host.kill_at(0)


interrupt.points = {}


def building_again(host, untouched, step, define, disks, is_new, must):
    """pool-build p where it was killed at that step before: takes away what that left, and is killed at every point of it too."""
    def prepare():
        host.virsh('pool-undefine', 'p', check=False)
        define()
        clear(disks)
    building(host, untouched, [], lambda: interrupt(host, step, ['pool-build', 'p'], prepare), is_new, must)


def test_a_group_again(host, group, disks, untouched):
    building_again(host, untouched, 'vg-created', lambda: logical(host, group, disks), disks, lambda: is_group(group, disks),
                   {'vg-unmade', 'pv-remove', 'pv-removed', 'vg-create', 'vg-created'})


def test_a_disk_again(host, disks, untouched):
    building_again(host, untouched, 'disk-labelled', lambda: disk(host, disks[0], 'gpt'), disks,
                            lambda: 'PTTYPE=gpt' in signatures(disks[0].device), {'disk-unlabelled', 'disk-label', 'disk-labelled'})


def test_what_is_not_ours_is_not_built_over(host, group, disks, untouched):
    """What a refused building finds is neither noted as lost nor lost later, whatever was interrupted before."""
    done('pvcreate', disks[1].device)
    before = disks[1].digest()
    logical(host, group, disks)
    for _ in range(2):
        assert 'is not empty' in fails(host, 'pool-build', 'p')
    assert records(host) == []

    def prepare():
        host.virsh('pool-undefine', 'p')
        logical(host, group, disks[:1])
        disks[0].clear()
    interrupt(host, 'vg-create', ['pool-build', 'p'], prepare)
    assert len(records(host)) == 1
    uuid = f"<uuid>{host.virsh('pool-uuid', 'p').strip()}</uuid>"
    logical(host, group, disks[1:], uuid)
    assert 'is not empty' in fails(host, 'pool-build', 'p')
    assert disks[1].digest() == before
    done('vgcreate', group, disks[1].device)
    before = disks[1].digest()
    logical(host, group, disks[:1], uuid)
    assert 'on devices that are not of pool' in fails(host, 'pool-build', 'p', '--overwrite')
    assert signatures(disks[0].device) == '' and disks[1].digest() == before


@pytest.mark.parametrize('looked', [False, True])
def test_deleting_a_group(host, group, disks, untouched, looked):
    """Also when it was tried to start the pool in between."""
    logical(host, group, disks)

    def prepare():
        if not is_group(group, disks):
            host.virsh('pool-build', 'p')

    def check(got_through):
        untouched()
        whole = is_group(group, disks)
        assert not (whole and got_through)
        if looked:
            why = start(host)
            assert (why == '') == whole and (whole or 'not found' in why), why
        if whole or records(host):
            host.virsh('pool-delete', 'p')
        assert [signatures(one.device) for one in disks] == ['', ''] and records(host) == []
        untouched()
    at_every_point(host, lambda: host.virsh('pool-delete', 'p', check=False), check, prepare=prepare,
                   must={'vg-remove', 'vg-removed', 'pv-remove', 'pv-removed', 'unlink'})
    assert f"cannot remove volume group '{group}'" in fails(host, 'pool-delete', 'p')
