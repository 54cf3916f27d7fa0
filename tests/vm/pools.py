"""What the tests of pools do with the stock virsh, and the pools they begin with. A pool is called p where nothing else is said."""
import hashlib
import os
import re
import subprocess
from pathlib import Path

import host
import pytest
from host import virsh

MIB = 1 << 20


def names(text):
    return [line.split()[0] for line in text.splitlines()[2:] if line.strip()]


def volumes(pool='p'):
    return names(virsh('vol-list', pool))


def path_of(volume, pool='p'):
    return Path(virsh('vol-path', volume, '--pool', pool).strip())


def sizes(volume, pool='p'):
    said = virsh('vol-info', '--bytes', volume, '--pool', pool)
    return tuple(int(re.search(rf'{what}: +(\d+)', said)[1]) for what in ('Capacity', 'Allocation'))


def define(xml, name='p'):
    path = host.root / f'{name}.xml'
    path.write_text(xml)
    virsh('pool-define', str(path))


def fails(*command):
    done = host.run('virsh', '-c', 'qemu:///system', *command, check=False)
    assert done.returncode != 0, f'{command} did not fail: {done.stdout}'
    return done.stderr


def pid():
    return int(host.service('virtstoraged.service', 'MainPID'))


def kill():
    """The next call finds a new daemon, which takes over what was active."""
    before = pid()
    host.run('kill', '-KILL', str(before))
    host.wait_until(lambda: pid() not in (0, before), 'the daemon is there again')


def sha256(path, size):
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read(size)).hexdigest()


def content_goes_both_ways(volume, size=4 * MIB):
    """Uploaded and downloaded whole and sparse, the same bytes."""
    source, back = host.root / 'source', host.root / 'back'
    with open(source, 'wb') as file:
        file.write(os.urandom(MIB))
        file.truncate(size)
    for options in [], ['--sparse']:
        virsh('vol-upload', volume, str(source), '--pool', 'p', *options)
        assert sha256(path_of(volume), size) == sha256(source, size)
        virsh('vol-download', volume, str(back), '--pool', 'p', '--length', str(size), *options)
        assert sha256(back, size) == sha256(source, size)
    return sha256(source, size)


def wiped(volume, size=4 * MIB):
    virsh('vol-wipe', volume, '--pool', 'p')
    with open(path_of(volume), 'rb') as file:
        return file.read(size) == bytes(size)


def boots_from(volume):
    """A guest whose disk that volume of pool p is."""
    subprocess.run(['dd', f'if={host.GUESTS}/bootsector.img', f'of={path_of(volume)}', 'conv=notrunc,fsync', 'status=none'], check=True)
    console = host.root / 'pool-guest.console'
    console.unlink(missing_ok=True)
    xml = host.root / 'guest.xml'
    xml.write_text(f"""<domain type='kvm'><name>pool-guest</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='p' volume='{volume}'/><target dev='hda' bus='ide'/></disk>
<serial type='file'><source path='{console}'/></serial></devices></domain>""")
    virsh('create', str(xml))
    try:
        host.wait_until(lambda: console.exists() and b'virtd-bootsector: up' in console.read_bytes(), 'the guest runs from the volume')
    finally:
        virsh('destroy', 'pool-guest')
    return True


@pytest.fixture
def pools_gone(installed):
    yield
    for name in names(virsh('pool-list', '--all')):
        host.run('virsh', '-c', 'qemu:///system', 'pool-destroy', name, check=False)
        virsh('pool-undefine', name)
    host.run('journalctl', '--rotate', check=False)


@pytest.fixture
def group(spare_disks):
    define("<pool type='logical'><name>p</name><source><name>vg0</name>"
           + ''.join(f"<device path='{disk}'/>" for disk in spare_disks) + '</source></pool>')
    virsh('pool-build', 'p')
    virsh('pool-start', 'p')
    return spare_disks


def storage_volumes():
    return set(host.output('lvs', '--noheadings', '-o', 'lv_name', 'vg0').split())


def disk_pool(disk, label):
    define(f"<pool type='disk'><name>p</name><source><device path='{disk}'/><format type='{label}'/></source><target><path>/dev</path></target></pool>")
    virsh('pool-build', 'p')
    virsh('pool-start', 'p')
    return Path(disk).resolve().name


class Faults:
    """A daemon that dies at a step of what it is told to do."""
    folder, drop_in = Path('/run/virtd-faults'), Path('/run/systemd/system/virtstoraged.service.d/faults.conf')

    def __init__(self):
        self.passed = []

    def kill_at(self, number, *command):
        """Whether the daemon died in command before it had passed that many steps; the next one is there. What it passed: self.passed."""
        virsh('pool-list')
        before = pid()
        (self.folder / 'passed').unlink(missing_ok=True)
        (self.folder / 'armed').write_text(f'{number} virtstoraged')
        done = host.run('virsh', '-c', 'qemu:///system', *command, check=False)
        (self.folder / 'armed').unlink()
        self.passed = (self.folder / 'passed').read_text().splitlines() if (self.folder / 'passed').exists() else []
        died = len(self.passed) >= number
        if died:
            host.wait_until(lambda: pid() not in (0, before), 'the daemon is there again')
        assert died or done.returncode == 0, f'{command}: {done.stderr}'
        return died

    def at_every_point(self, command, prepare, check, most=60):
        """command after prepare(), killed at its first, second, ... step until it gets through, each time followed by check(got through).
        The steps at which it was killed."""
        killed = []
        for number in range(1, most):
            prepare()
            died = self.kill_at(number, *command)
            step = self.passed[number - 1] if died else 'none'
            print(f'{" ".join(command)}: killed at {number}: {step}')
            check(not died)
            if not died:
                return killed
            killed.append(step.split()[0])
        raise AssertionError(f'{command} is still killed at step {most}')


@pytest.fixture
def faults():
    Faults.folder.mkdir(exist_ok=True)
    Faults.drop_in.parent.mkdir(parents=True, exist_ok=True)
    Faults.drop_in.write_text(f'[Service]\nEnvironment=VIRTD_FAULTS={Faults.folder}\n')
    host.run('systemctl', 'daemon-reload')
    host.run('systemctl', 'restart', 'virtstoraged.service')
    yield Faults()
    Faults.drop_in.unlink()
    host.run('systemctl', 'daemon-reload')
    host.run('systemctl', 'restart', 'virtstoraged.service')
