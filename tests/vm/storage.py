"""The servers and disks that storage is tested against: real ones, each started by the fixture that wants it and gone after it."""
import shutil
from pathlib import Path

import host
import pytest

LOOPBACK = '127.0.0.1'
IQN = 'iqn.2024-01.org.example:'
USER, PASSWORD = 'initiator', 'twelve-or-more'


def settle():
    host.run('udevadm', 'settle')


def load(module, *options):
    host.run('modprobe', module, *options)
    settle()


def unload(module):
    """Whoever looked at its disks may still hold them."""
    settle()
    host.wait_until(lambda: host.run('rmmod', module, check=False).returncode == 0 or not Path(f'/sys/module/{module}').exists(),
                    f'{module} is unloaded')


def wipe(disk):
    """Nothing of LVM, partitions or file systems is left."""
    for group in host.output('pvs', '--noheadings', '-o', 'vg_name', disk, check=False).split():
        host.run('vgremove', '--force', '--yes', group)
    host.run('pvremove', '--force', '--force', '--yes', disk, check=False)
    host.run('wipefs', '--all', '--force', disk)
    settle()


@pytest.fixture
def spare_disks():
    """Two empty disks of 1 GiB."""
    disks = [f'/dev/disk/by-id/virtio-spare{number}' for number in range(2)]
    yield disks
    for disk in disks:
        wipe(disk)


@pytest.fixture
def fc_host():
    """A Fibre Channel adapter in software (FCoE) that can have virtual ones; there is nobody at its other end. Its name."""
    for cable in 'fc-cable', 'fc-end':
        host.run('ip', 'link', 'delete', cable, check=False)
    host.run('ip', 'link', 'add', 'fc-cable', 'type', 'veth', 'peer', 'name', 'fc-end')
    for end in 'fc-cable', 'fc-end':
        host.run('ip', 'link', 'set', end, 'up')
    load('fcoe')
    Path('/sys/module/libfcoe/parameters/create').write_text('fc-cable')
    adapters = Path('/sys/class/fc_host')
    host.wait_until(lambda: adapters.exists() and list(adapters.iterdir()), 'the adapter is there')
    yield next(adapters.iterdir()).name
    Path('/sys/module/libfcoe/parameters/destroy').write_text('fc-cable')
    host.run('ip', 'link', 'delete', 'fc-cable')


def scsi_debug_disks():
    return [f'/dev/{model.parts[3]}' for model in sorted(Path('/sys/block').glob('sd*/device/model'))
            if model.read_text().strip() == 'scsi_debug']


@pytest.fixture
def scsi_disk():
    """A SCSI disk of 128 MiB, in memory, on a host adapter of its own."""
    load('scsi_debug', 'dev_size_mb=128', 'delay=0')
    disk = host.wait_until(scsi_debug_disks, 'the SCSI disk is there')[0]
    yield disk
    wipe(disk)
    unload('scsi_debug')


@pytest.fixture
def multipath_disk():
    """A disk of 64 MiB that is reached through two host adapters, as multipathd made it: its path below /dev/mapper."""
    load('scsi_debug', 'dev_size_mb=64', 'delay=0', 'add_host=2', 'vpd_use_hostno=0')
    host.wait_until(lambda: len(scsi_debug_disks()) == 2, 'both paths are there')
    conf = Path('/etc/multipath.conf')
    conf.write_text('defaults {\n find_multipaths no\n user_friendly_names yes\n}\n'
                    'blacklist {\n devnode "^vd"\n}\n'
                    'blacklist_exceptions {\n property "(SCSI_IDENT_|ID_WWN|ID_SERIAL)"\n}\n')
    host.run('systemctl', 'start', 'multipathd.service')

    def made():
        return [line.split()[0] for line in host.output('multipath', '-ll', check=False).splitlines() if 'scsi_debug' in line and 'dm-' in line]
    name = host.wait_until(made, 'the paths are one disk')[0]
    disk = Path('/dev/mapper') / name
    host.wait_until(disk.is_block_device, 'its device node is there')
    yield str(disk)
    host.run('multipath', '-f', name)
    host.run('systemctl', 'stop', 'multipathd.service', 'multipathd.socket')
    conf.unlink()
    unload('scsi_debug')


class Vanishing:
    """A server at a port."""

    def vanish(self):
        """Its packets are lost, as when the machine is switched off: whoever uses it waits for ever."""
        host.run('nft', 'add table ip vanished; add chain ip vanished input { type filter hook input priority -300; }; '
                        f'add rule ip vanished input tcp dport {self.port} drop')

    def come_back(self):
        host.run('nft', 'delete table ip vanished', check=False)


class Target(Vanishing):
    """An iSCSI target on loopback with one unit of 64 MiB."""
    port = 3260

    def __init__(self, name):
        self.iqn, self.portal = IQN + name, f'{LOOPBACK}:3260'
        self.unit = host.root / f'{name}.img'
        with open(self.unit, 'wb') as unit:
            unit.truncate(64 << 20)

    def discovered(self):
        return host.output('iscsiadm', '--mode', 'discovery', '--type', 'sendtargets', '--portal', self.portal)

    def node(self, *words):
        return host.run('iscsiadm', '--mode', 'node', '--targetname', self.iqn, '--portal', self.portal, *words)

    def log_in(self, chap=False):
        """The disk that came of it."""
        if chap:
            for name, value in ('authmethod', 'CHAP'), ('username', USER), ('password', PASSWORD):
                self.node('--op', 'update', '--name', f'node.session.auth.{name}', '--value', value)
        self.node('--login')
        path = Path(f'/dev/disk/by-path/ip-{self.portal}-iscsi-{self.iqn}-lun-{self.lun}')
        host.wait_until(path.is_block_device, 'the disk of the target is there')
        return path

    def log_out(self):
        self.node('--logout')
        self.node('--op', 'delete')


class Tgt(Target):
    """Served by tgtd, a program: no kernel driver on the server's side, CHAP on demand."""
    lun = 1

    def __init__(self, name, chap):
        super().__init__(name)
        self.chap = chap
        self.start()

    def admin(self, *words):
        return host.run('tgtadm', '--lld', 'iscsi', *words)

    def start(self):
        host.run('systemctl', 'start', 'tgt.service')
        self.admin('--op', 'new', '--mode', 'target', '--tid', '1', '--targetname', self.iqn)
        self.admin('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '--backing-store', str(self.unit))
        self.admin('--op', 'bind', '--mode', 'target', '--tid', '1', '--initiator-address', 'ALL')
        if self.chap:
            self.admin('--op', 'new', '--mode', 'account', '--user', USER, '--password', PASSWORD)
            self.admin('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', USER)

    def stop(self):
        """It is gone without a word: sessions are not ended."""
        host.run('systemctl', 'kill', '--signal=KILL', 'tgt.service', check=False)
        host.run('systemctl', 'stop', 'tgt.service')  # or it would be started again
        host.run('systemctl', 'reset-failed', 'tgt.service', check=False)


@pytest.fixture
def iscsi_target(request):
    """tgtd; with `@pytest.mark.parametrize('iscsi_target', ['chap'], indirect=True)` it wants USER and PASSWORD."""
    target = Tgt('tgt', getattr(request, 'param', '') == 'chap')
    host.run('systemctl', 'start', 'iscsid.service')
    yield target
    target.come_back()
    host.run('iscsiadm', '--mode', 'node', '--logout', check=False)
    target.stop()


@pytest.fixture
def kernel_target():
    """The kernel's own target (LIO)."""
    target = Target('lio')
    target.lun = 0
    Path('/etc/target').mkdir(exist_ok=True)
    load('target_core_mod')
    tpg = f'/iscsi/{target.iqn}/tpg1'
    for words in (['/backstores/fileio', 'create', 'unit', str(target.unit)], ['/iscsi', 'create', target.iqn],
                  [f'{tpg}/luns', 'create', '/backstores/fileio/unit'],
                  [tpg, 'set', 'attribute', 'generate_node_acls=1', 'demo_mode_write_protect=0', 'authentication=0']):
        host.run('targetcli', *words)
    host.run('systemctl', 'start', 'iscsid.service')
    yield target
    host.run('iscsiadm', '--mode', 'node', '--logout', check=False)
    host.run('targetcli', 'clearconfig', 'confirm=True')


class Nfs(Vanishing):
    """The kernel's NFS server on loopback."""
    port, host, exported = 2049, LOOPBACK, Path('/srv/exported')

    def __init__(self):
        self.exported.mkdir(parents=True, exist_ok=True)
        Path('/etc/exports').write_text(f'{self.exported} {LOOPBACK}(rw,sync,no_subtree_check,no_root_squash)\n')
        host.run('systemctl', 'start', 'nfs-server.service')


@pytest.fixture
def nfs_server():
    server = Nfs()
    yield server
    server.come_back()
    for line in Path('/proc/mounts').read_text().splitlines():
        if line.startswith(f'{server.host}:'):
            host.run('umount', '--force', line.split()[1])
    host.run('systemctl', 'stop', 'nfs-server.service')
    Path('/etc/exports').unlink()
    shutil.rmtree(server.exported)


class Cifs:
    """Samba on loopback, with a share for everybody and one that wants USER and PASSWORD."""
    host, shared, closed = LOOPBACK, Path('/srv/shared'), Path('/srv/closed')

    def __init__(self):
        shares = ''
        for share, more in (self.shared, ' guest ok = yes\n force user = root\n'), (self.closed, f' guest ok = no\n valid users = {USER}\n'):
            share.mkdir(parents=True, exist_ok=True)
            share.chmod(0o777)
            shares += f'[{share.name}]\n path = {share}\n read only = no\n{more}'
        Path('/etc/samba/smb.conf').write_text('[global]\n interfaces = lo\n bind interfaces only = yes\n map to guest = bad user\n'
                                               f' disable spoolss = yes\n{shares}')
        host.run('useradd', '--no-create-home', USER, check=False)
        host.run('smbpasswd', '-a', '-s', USER, stdin=f'{PASSWORD}\n{PASSWORD}\n')
        host.run('systemctl', 'restart', 'smbd.service')
        host.wait_until(lambda: ':445 ' in host.output('ss', '--listening', '--tcp', '--numeric'), 'the CIFS server listens')

    def stop(self):
        host.run('systemctl', 'stop', 'smbd.service')


@pytest.fixture
def cifs_server():
    server = Cifs()
    yield server
    for line in Path('/proc/mounts').read_text().splitlines():
        if line.startswith(f'//{server.host}/'):
            host.run('umount', '--force', line.split()[1])
    server.stop()


def in_uninterruptible_sleep(pid):
    return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] == 'D'
