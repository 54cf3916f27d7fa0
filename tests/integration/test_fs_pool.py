"""Pools that are the file system of a block device: made only where nothing is lost, mounted while active, taken over after a kill,
and not left mounted by what failed."""
import os
import re
import subprocess

import pytest

from harness import wait_until
from storagelab import at_every_point, digest, info, kill, names, remove_pools, volumes, write


HOST = {'faults': True}


def mounts(host):
    """{mount point: (source, type, options)} as the daemon sees them."""
    pid = host.daemon_pid('virtstoraged')
    table = host.run('cat', '/proc/mounts').stdout if pid is None else open(f'/proc/{pid}/mounts').read()
    return {line.split()[1]: (line.split()[0], line.split()[2], line.split()[3]) for line in table.splitlines()}


@pytest.fixture
def device(host):
    """A loop device of 64 MiB, empty."""
    image = host.root / 'disk.img'
    with open(image, 'wb') as file:
        file.truncate(64 << 20)
    done = subprocess.run(['losetup', '--find', '--show', image], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'this machine has no loop devices: {done.stderr.strip()}')
    yield done.stdout.strip()
    subprocess.run(['losetup', '--detach', done.stdout.strip()], check=True)
    image.unlink()


@pytest.fixture(autouse=True)
def none_left(host, device):
    yield
    remove_pools(host)
    assert not [target for target in mounts(host) if target.startswith(f'{host.root}/pools')]
    subprocess.run(['rm', '-rf', host.root / 'pools'], check=True)


def xml(host, device, kind='ext4', extra=''):
    return f'''<pool type='fs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><name>f</name>
<source><device path='{device}'/><format type='{kind}'/></source><target><path>{host.root}/pools/f</path></target>{extra}</pool>'''


def define(host, device, **options):
    host.virsh('pool-define', write(host, 'pool.xml', xml(host, device, **options)))
    return host.root / 'pools/f'


@pytest.fixture
def pool(host, device):
    path = define(host, device)
    host.virsh('pool-build', 'f', '--no-overwrite')
    host.virsh('pool-start', 'f')
    return path


def test_life(host, device):
    path = define(host, device, extra="<fs:mount_opts><fs:option name='noatime'/></fs:mount_opts>")
    host.virsh('pool-build', 'f', '--no-overwrite')
    host.virsh('pool-start', 'f')
    source, kind, options = mounts(host)[str(path)]
    assert (source, kind) == (device, 'ext4') and {'nodev', 'nosuid', 'noexec', 'noatime'} <= set(options.split(','))
    host.virsh('vol-create-as', 'f', 'one', '1M')
    host.virsh('vol-create-as', 'f', 'image', '10M', '--format', 'qcow2')
    assert volumes(host, 'f') == ['image', 'lost+found', 'one'] and info(host, 'one', 'f') == [0, 1 << 20, 1 << 20]
    inside = host.virsh('pool-info', 'f')
    assert re.search(r'Capacity: +5\d\.\d+ MiB', inside), inside
    host.virsh('pool-destroy', 'f')
    assert str(path) not in mounts(host)
    host.virsh('pool-start', 'f')
    assert volumes(host, 'f') == ['image', 'lost+found', 'one']
    host.virsh('pool-destroy', 'f')
    host.virsh('pool-delete', 'f')
    assert subprocess.run(['blkid', '-o', 'value', '-s', 'TYPE', device], capture_output=True, text=True).stdout.strip() == 'ext4'


def test_volumes(host, pool):
    """All that is done with files works through the mount."""
    source, back = host.root / 'source', host.root / 'back'
    source.write_bytes(os.urandom(3 << 20))
    source.chmod(0o644)
    host.virsh('vol-create-as', 'f', 'v', '3M', '--allocation', '0')
    host.virsh('vol-upload', 'v', str(source), '--pool', 'f')
    host.virsh('vol-clone', 'v', 'w', '--pool', 'f')
    host.virsh('vol-download', 'w', str(back), '--pool', 'f')
    assert digest(back) == digest(source)
    host.virsh('vol-resize', 'w', '4M', '--pool', 'f')
    assert info(host, 'w', 'f')[1] == 4 << 20
    host.virsh('vol-wipe', 'w', '--pool', 'f')
    assert (host.virsh('vol-delete', 'w', '--pool', 'f'), volumes(host, 'f')) and volumes(host, 'f') == ['lost+found', 'v']


def make_precious(host, device):
    """A pool that is not active, with a volume that must stay."""
    define(host, device)
    host.virsh('pool-build', 'f', '--no-overwrite')
    host.virsh('pool-start', 'f')
    host.virsh('vol-create-as', 'f', 'precious', '1M')
    host.virsh('pool-destroy', 'f')


def test_nothing_is_written_over(host, device):
    make_precious(host, device)
    done = host.virsh('pool-build', 'f', '--no-overwrite', check=False)
    assert f"device '{device}' is not empty: a 'ext4' was found on it" in done.stderr
    host.virsh('pool-build', 'f')
    host.virsh('pool-start', 'f')
    assert volumes(host, 'f') == ['lost+found', 'precious']
    host.virsh('pool-destroy', 'f')
    host.virsh('pool-build', 'f', '--overwrite')
    host.virsh('pool-start', 'f')
    assert volumes(host, 'f') == ['lost+found']


@pytest.mark.parametrize('kind', ['ext2', 'ext3', 'ext4', 'vfat'])
def test_formats(host, device, kind):
    """Of those that are made, the ones every kernel has; what was made is mounted as found out, too."""
    path = define(host, device, kind=kind)
    host.virsh('pool-build', 'f', '--no-overwrite')
    done = host.virsh('pool-start', 'f', check=False)
    if done.returncode and 'unknown filesystem type' in done.stderr:
        pytest.skip(f'this kernel has no {kind}')
    assert done.returncode == 0, done.stderr
    assert mounts(host)[str(path)][1] in (kind, 'ext4')
    host.virsh('pool-destroy', 'f')
    host.virsh('pool-undefine', 'f')
    define(host, device, kind='auto')
    host.virsh('pool-start', 'f')
    assert str(path) in mounts(host)


def test_what_cannot_be_made(host, device):
    define(host, device, kind='auto')
    assert "cannot make a file system of format 'auto'" in host.virsh('pool-build', 'f', '--overwrite', check=False).stderr
    host.virsh('pool-undefine', 'f')
    define(host, device, kind='ocfs2')
    done = host.virsh('pool-build', 'f', '--overwrite', check=False)
    assert "there is no program 'mkfs.ocfs2' on this host; Debian has it in the package 'ocfs2-tools'" in done.stderr
    host.virsh('pool-undefine', 'f')
    define(host, '/dev/null')
    assert "'/dev/null' is no block device" in host.virsh('pool-build', 'f', '--overwrite', check=False).stderr
    assert "'/dev/null' is no block device" in host.virsh('pool-start', 'f', check=False).stderr
    host.virsh('pool-undefine', 'f')
    done = host.virsh('pool-define', write(host, 'pool.xml', xml(host, '-h/dev/null')), check=False)
    assert "begins with '-', which tools take for an option" in done.stderr


def test_a_start_that_fails_leaves_nothing(host, device):
    path = define(host, device)
    done = host.virsh('pool-start', 'f', check=False)
    assert f"cannot mount '{device}' at '{path}'" in done.stderr
    host.virsh('pool-build', 'f')
    done = host.virsh('pool-start', 'f', check=False)
    assert f"cannot mount '{device}' at '{path}'" in done.stderr  # there is nothing on the device
    assert str(path) not in mounts(host) and names(host.virsh('pool-list')) == []


def test_taken_over_after_a_kill(host, device, pool):
    host.virsh('vol-create-as', 'f', 'one', '1M')
    kill(host)
    assert volumes(host, 'f') == ['lost+found', 'one'] and mounts(host)[str(pool)][0] == device
    kill(host)
    host.run('umount', str(pool))
    wait_until(lambda: re.search(r'State: +inactive', host.virsh('pool-info', 'f')), 'the pool is given up')
    host.virsh('pool-start', 'f')
    assert volumes(host, 'f') == ['lost+found', 'one']


def test_mounted_by_somebody_else(host, device):
    """The same device there is as good as ours; something else there is not mounted over."""
    path = define(host, device)
    host.virsh('pool-build', 'f', '--no-overwrite')
    host.run('mount', device, str(path))
    host.virsh('pool-start', 'f')
    host.virsh('pool-destroy', 'f')
    assert str(path) not in mounts(host)
    host.run('mount', '-t', 'tmpfs', 'other', str(path))
    done = host.virsh('pool-start', 'f', check=False)
    host.run('umount', str(path))
    assert f"cannot mount '{device}' at '{path}': 'other' is mounted there" in done.stderr


def test_in_use(host, device, pool):
    """A pool whose files are in use can't be unmounted; what is not mounted any more is told by a refresh."""
    host.run('umount', str(pool))
    done = host.virsh('pool-refresh', 'f', check=False)
    assert f"'{device}' is not mounted at '{pool}'" in done.stderr


def test_a_mount_that_is_used_is_not_let_go(host, device, pool):
    user = host.spawn('sh', '-c', f'cd {pool} && echo there && exec sleep 600')
    user.expect('there')
    done = host.virsh('pool-destroy', 'f', check=False)
    assert done.returncode and 'busy' in done.stderr, done.stderr
    assert re.search(r'State: +running', host.virsh('pool-info', 'f')) and mounts(host)[str(pool)][0] == device
    host.virsh('vol-create-as', 'f', 'v', '1M')
    host.run('pkill', '-KILL', '-f', '^sleep 600$')
    wait_until(lambda: host.virsh('pool-destroy', 'f', check=False).returncode == 0, 'it is let go')
    assert str(pool) not in mounts(host)


def test_unmounted_behind_its_back(host, device, pool):
    """It is noticed at once, and nothing is written below the mount point."""
    host.virsh('vol-create-as', 'f', 'v', '1M')
    host.run('umount', str(pool))
    wait_until(lambda: re.search(r'State: +degraded', host.virsh('pool-info', 'f')), 'it is degraded')
    done = host.virsh('vol-create-as', 'f', 'w', '1M', check=False)
    assert 'is degraded since' in done.stderr and 'is not mounted' in done.stderr or 'nothing is mounted' in done.stderr, done.stderr
    assert host.run('ls', '-A', str(pool)).stdout == ''
    host.run('mount', device, str(pool))
    wait_until(lambda: re.search(r'State: +running', host.virsh('pool-info', 'f')), 'it is well again')


def test_building_killed_at_every_step(host, device):
    """What is half-built is not started, and the file system that is there in the end is whole."""
    path = define(host, device)
    refused = []

    def check(got_through):
        done = host.virsh('pool-start', 'f', check=False)
        if done.returncode:
            assert not got_through and ('was interrupted' in done.stderr or 'cannot mount' in done.stderr), done.stderr
            refused.append('was interrupted' in done.stderr)
        else:
            host.virsh('pool-destroy', 'f')
            subprocess.run(['fsck.ext4', '-n', '-f', device], check=True, capture_output=True)
        assert str(path) not in mounts(host)
    at_every_point(host, lambda: host.virsh('pool-build', 'f', '--overwrite', check=False), check, must={'fs-make', 'fs-made'})
    assert any(refused)


def test_making_the_mount_point_is_no_building_of_a_file_system(host, device):
    """Killed at any step, it keeps nobody from the file system that is there; nor does it make a half-made one whole."""
    make_precious(host, device)

    def check(got_through):
        host.virsh('pool-start', 'f')
        assert 'precious' in volumes(host, 'f')
        host.virsh('pool-destroy', 'f')
    at_every_point(host, lambda: host.virsh('pool-build', 'f', check=False), check)
    point = 1
    while not host.points_passed() or not host.points_passed()[-1].startswith('fs-make '):
        host.kill_at(point)
        host.virsh('pool-build', 'f', '--overwrite', check=False)
        point += 1
    host.kill_at(0)
    host.virsh('pool-build', 'f')
    assert 'was interrupted' in host.virsh('pool-start', 'f', check=False).stderr
    host.virsh('pool-build', 'f', '--overwrite')
    host.virsh('pool-start', 'f')
