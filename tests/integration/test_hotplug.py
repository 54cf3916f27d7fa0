"""Disks that come to a running guest and go again, in its definition as well: seen by the guest, by clients, and by QEMU, in which
nothing stays behind; and what fails leaves everything as it was."""
import base64
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

import harness

NOBODY = 65534
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}')
ROOT_PORTS = ''.join("<controller type='pci' model='pcie-root-port'/>" for _ in range(6))


@pytest.fixture(scope='module', autouse=True)
def other_user(host):
    """QEMU runs as a user to whom nothing belongs: files must be given to it, and come back."""
    path = host.root / 'etc/libvirt/qemu.conf'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'user = "+{NOBODY}"\ngroup = "+{NOBODY}"\n')


class Shell:
    """The shell on the guest's console; reached anew each time, as the daemon in between may be another one."""

    def __init__(self, host, name):
        self.host, self.name = host, name

    def wait(self, condition):
        """Until the guest's shell finds the condition true."""
        terminal = self.host.terminal('virsh', '-c', self.host.uri, 'console', '--force', self.name)
        try:
            terminal.expect(b'Escape character')
            terminal.ask(b'\r', b'guest# ')
            terminal.type(b'until ' + condition.encode() + b' 2>/dev/null; do sleep 0.1; done; echo found-$((6*7))\r')
            terminal.expect(b'found-42')
        finally:
            terminal.end()


def linux(host, guest, name, machine='pc', extra=''):
    """A running guest with a shell."""
    g = guest(name, kind='kernel', machine=machine, extra=extra,
              serial=f"<serial type='pty'><log file='{host.root}/images/{name}.console'/></serial>")
    return g.define().start().wait_up()


def image(host, name, *options, size='8M'):
    """A new image that belongs to root alone."""
    path = host.root / 'images' / name
    path.unlink(missing_ok=True)
    subprocess.run(['qemu-img', 'create', '-q', *(options or ('-f', 'raw')), path, size], check=True)
    path.chmod(0o600)
    return path


def write(host, text):
    path = host.root / 'images' / 'device.xml'
    path.write_text(text)
    return str(path)


def disk_xml(path, target='vdb', bus='virtio', fmt='raw', extra=''):
    return write(host_of(path), f"<disk type='file' device='disk'><driver name='qemu' type='{fmt}'/><source file='{path}'/>"
                                f"<target dev='{target}' bus='{bus}'/>{extra}</disk>")


class host_of:  # noqa: N801 - a place beside an image
    def __init__(self, path):
        self.root = path.parent.parent


def qmp(host, guest, command, **arguments):
    answer = json.loads(host.virsh('qemu-monitor-command', guest.name, json.dumps({'execute': command, 'arguments': arguments})))
    assert 'return' in answer, answer
    return answer['return']


def inside(host, guest):
    """What QEMU has that plugging could leave behind."""
    nodes = {node['node-name'] for node in qmp(host, guest, 'query-named-block-nodes', flat=True)}
    return nodes | {entry['name'] for where in ('/objects', '/machine/peripheral') for entry in qmp(host, guest, 'qom-list', path=where)}


def disks(host, guest, *options):
    return {disk.find('target').get('dev'): disk for disk in ET.fromstring(host.virsh('dumpxml', guest.name, *options)).findall('devices/disk')}


@pytest.mark.parametrize('machine,bus,target', [('pc', 'virtio', 'vdb'), ('pc', 'scsi', 'sdb'), ('q35', 'virtio', 'vdb'), ('q35', 'usb', 'sdb')])
def test_a_disk_comes_and_goes(host, guest, machine, bus, target):
    extra = ("<controller type='usb' model='qemu-xhci'/>" if bus == 'usb' else '') + (ROOT_PORTS if machine == 'q35' else '')
    g = linux(host, guest, f'plug-{machine}-{bus}', machine=machine, extra=extra)
    console, before = Shell(host, g.name), inside(host, g)
    if bus == 'scsi':
        host.virsh('attach-device', g.name, write(host, "<controller type='scsi' model='virtio-scsi'/>"))
    base = image(host, 'base.img')
    top = image(host, 'top.qcow2', '-f', 'qcow2', '-b', str(base), '-F', 'raw')
    events = host.events()
    try:
        host.virsh('attach-device', g.name, disk_xml(top, target, bus, 'qcow2'))
        disk = disks(host, g)[target]
        alias = disk.find('alias').get('name')
        events.expect(f"'device-added' for domain '{g.name}': {alias}")
        assert disk.find('backingStore/source').get('file') == str(base)
        guest_name = 'vda' if bus == 'virtio' else 'sda'
        drives = bus != 'usb'  # the guest's kernel knows no USB
        if drives:
            console.wait(f'[ "$(cat /sys/block/{guest_name}/size)" = 16384 ]')
            console.wait(f'dd if=/init of=/dev/{guest_name} bs=4k count=1 conv=fsync 2>/dev/null')
        assert os.stat(top).st_uid == NOBODY
        os.kill(host.daemon_pid(), signal.SIGKILL)
        assert target in disks(host, g) and target not in disks(host, g, '--inactive')
        events = host.events()
        host.virsh('detach-disk', g.name, target)
        events.expect(f"'device-removed' for domain '{g.name}': {alias}")
        assert target not in disks(host, g)
        console.wait(f'[ ! -e /sys/block/{guest_name} ]')
        assert os.stat(top).st_uid == 0
        after = inside(host, g)
        assert after - before == ({'scsi0'} if bus == 'scsi' else set()), 'only the controller stays'
        # And again, under the same name.
        host.virsh('attach-device', g.name, disk_xml(top, target, bus, 'qcow2'))
        assert not drives or console.wait(f'[ "$(cat /sys/block/{guest_name}/size)" = 16384 ]') is None
    finally:
        events.end()


def test_a_volume_with_a_passphrase(host, guest):
    """The value is encrypted for this QEMU on its way, also after a restart of the daemon."""
    g = linux(host, guest, 'plug-volume')
    console, before = Shell(host, g.name), inside(host, g)
    pool = host.root / 'plug-pool'
    pool.mkdir(exist_ok=True)
    host.virsh('pool-define-as', 'plug', 'dir', '--target', str(pool))
    key = host.root / 'images' / 'key'
    key.write_text('open sesame')
    path = image(host, 'luks.img', '-f', 'luks', '--object', f'secret,id=s,file={key}', '-o', 'key-secret=s,iter-time=10')
    path.rename(pool / 'luks.img')
    definition = write(host, f'<secret><usage type="volume"><volume>{pool}/luks.img</volume></usage></secret>')
    uuid = UUID.search(host.virsh('secret-define', definition)).group(0)
    disk = (f"<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='plug' volume='luks.img'>"
            f"<encryption format='luks'><secret type='passphrase' uuid='{uuid}'/></encryption></source><target dev='vdb' bus='virtio'/></disk>")
    try:
        host.virsh('secret-set-value', uuid, '--base64', base64.b64encode(b'wrong').decode())
        failed = host.virsh('attach-device', g.name, write(host, disk), check=False)
        assert 'Invalid password' in failed.stderr, failed.stderr
        assert inside(host, g) == before and os.stat(pool / 'luks.img').st_uid == 0 and 'vdb' not in disks(host, g)
        host.virsh('secret-set-value', uuid, '--base64', base64.b64encode(b'open sesame').decode())
        os.kill(host.daemon_pid(), signal.SIGKILL)
        host.virsh('attach-device', g.name, write(host, disk))
        console.wait('[ "$(cat /sys/block/vda/size)" = 16384 ]')
        os.kill(host.daemon_pid(), signal.SIGKILL)
        assert disks(host, g)['vdb'].get('type') == 'volume'
        host.virsh('detach-disk', g.name, 'vdb')
        assert inside(host, g) == before and os.stat(pool / 'luks.img').st_uid == 0
    finally:
        host.virsh('pool-destroy', 'plug', check=False)
        host.virsh('pool-undefine', 'plug')
        host.virsh('secret-undefine', uuid)


def test_definition_and_guest_together(host, guest):
    g = linux(host, guest, 'plug-both')
    path = image(host, 'both.img')
    before = host.virsh('dumpxml', g.name, '--inactive')
    host.virsh('attach-disk', g.name, str(path), 'vdb', '--persistent', '--subdriver', 'raw')
    assert 'vdb' in disks(host, g) and 'vdb' in disks(host, g, '--inactive')
    host.virsh('detach-disk', g.name, 'vdb', '--persistent')
    assert 'vdb' not in disks(host, g) and host.virsh('dumpxml', g.name, '--inactive') == before
    host.virsh('attach-disk', g.name, str(path), 'vdc', '--config', '--subdriver', 'raw')
    assert 'vdc' not in disks(host, g) and 'vdc' in disks(host, g, '--inactive')
    # What fails in the guest is not in the definition either.
    path.unlink()
    failed = host.virsh('attach-disk', g.name, str(path), 'vdd', '--persistent', '--subdriver', 'raw', check=False)
    assert str(path) in failed.stderr and 'vdd' not in disks(host, g, '--inactive')
    host.virsh('detach-disk', g.name, 'vdc', '--config')
    assert host.virsh('dumpxml', g.name, '--inactive') == before


def test_what_is_changed_in_a_definition_stays_in_its_place(host, guest):
    """A disk on the USB, whose place is more than numbers, and the same again."""
    g = guest('plug-place').define()
    first, second = image(host, 'first.img'), image(host, 'second.img')
    host.virsh('attach-device', g.name, disk_xml(first, 'sdb', 'usb'), '--config')
    place = disks(host, g)['sdb'].find('address').attrib
    for path in second, first:
        host.virsh('update-device', g.name, disk_xml(path, 'sdb', 'usb'), '--config')
        disk = disks(host, g)['sdb']
        assert disk.find('address').attrib == place and place['type'] == 'usb' and disk.find('source').get('file') == str(path)
    host.virsh('detach-device', g.name, disk_xml(first, 'sdb', 'usb'), '--config')
    assert 'sdb' not in disks(host, g)


def test_a_name_of_the_users_own(host, guest):
    """It is QEMU's and the events' name of the device, too, and two devices have not the same."""
    g = linux(host, guest, 'plug-alias')
    console, before = Shell(host, g.name), inside(host, g)
    first, second = image(host, 'named.img'), image(host, 'named-too.img')
    host.virsh('attach-device', g.name, disk_xml(first, extra="<alias name='ua-mine'/>"))
    console.wait('[ -e /sys/block/vda ]')
    assert disks(host, g)['vdb'].find('alias').get('name') == 'ua-mine' and 'ua-mine' in inside(host, g)
    failed = host.virsh('attach-device', g.name, disk_xml(second, 'vdc', extra="<alias name='ua-mine'/>"), check=False)
    assert 'ua-mine' in failed.stderr and list(disks(host, g)) == ['vdb']
    os.kill(host.daemon_pid(), signal.SIGKILL)
    host.virsh('detach-device-alias', g.name, 'ua-mine')
    harness.wait_until(lambda: disks(host, g) == {}, 'it is gone')
    assert inside(host, g) == before


def test_what_is_refused(host, guest):
    g = guest('plug-refused').define().start()
    path = image(host, 'refused.img')

    def refused(xml, *words, command='attach-device', options=()):
        error = host.virsh(command, g.name, write(host, xml), *options, check=False).stderr
        assert all(word in error for word in words), error
    disk = f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/><target dev='%s' bus='%s'/></disk>"
    refused(disk % ('hda', 'ide'), 'bus', 'ide')
    refused(disk % ('hdb', 'ide'), 'bus', 'ide')
    refused(disk % ('hda', 'ide'), "target 'hda' already exists", options=('--config',))
    refused(disk % ('vdz', 'virtio'), 'vdz', command='detach-device')
    refused("<interface type='user'><model type='virtio'/></interface>", '<interface>', 'cannot come to or leave a running guest')
    refused("<disk type='file' device='disk'>", 'disk')
    refused(disk % ('hda', 'ide'), 'hda', 'cannot be changed', command='update-device')
    assert list(disks(host, g)) == ['hda']


def test_a_guest_that_does_not_let_go(host, guest):
    """No operating system answers: the call succeeds with the disk still there, as clients of libvirt know it; a restart of the
    daemon and the end of the guest find everything in order."""
    g = guest('plug-stubborn').define().start().wait_up()
    path = image(host, 'stubborn.img')
    host.virsh('attach-device', g.name, disk_xml(path))
    host.virsh('detach-disk', g.name, 'vdb')
    assert 'vdb' in disks(host, g)
    os.kill(host.daemon_pid(), signal.SIGKILL)
    assert 'vdb' in disks(host, g)
    host.virsh('reset', g.name)  # at a reset QEMU takes out what was asked for
    harness.wait_until(lambda: 'vdb' not in disks(host, g), 'the disk is gone')
    assert os.stat(path).st_uid == 0
    assert 'libvirt-2-format' not in inside(host, g)


def test_what_leaves_while_no_daemon_watches(host, guest):
    g = guest('plug-alone', extra="<controller type='usb' model='qemu-xhci'/>").define().start().wait_up()
    path = image(host, 'alone.img')
    host.virsh('attach-device', g.name, disk_xml(path, 'sdb', 'usb'))
    alias = disks(host, g)['sdb'].find('alias').get('name')
    os.kill(host.daemon_pid(), signal.SIGKILL)
    monitor = next((host.root / 'var/lib/libvirt/qemu').glob('domain-*plug-alone/monitor.sock'))
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile('rw') as stream:
        connection.connect(str(monitor))
        for command in ({'execute': 'qmp_capabilities'}, {'execute': 'device_del', 'arguments': {'id': alias}}):
            stream.write(json.dumps(command) + '\n')
            stream.flush()
        while 'DEVICE_DELETED' not in (line := stream.readline()):
            assert line
    harness.wait_until(lambda: 'sdb' not in disks(host, g), 'the disk is gone')
    assert os.stat(path).st_uid == 0


@pytest.mark.parametrize('bus,target,machine', [('ide', 'hdc', 'pc'), ('sata', 'sdc', 'q35')])
def test_media_are_changed(host, guest, bus, target, machine):
    g = guest('media-' + bus, machine=machine, extra=f"<disk type='file' device='cdrom'><target dev='{target}' bus='{bus}'/><readonly/></disk>")
    g.define().start().wait_up()
    before = inside(host, g)
    one, two = image(host, 'one.iso', size='2M'), image(host, 'two.iso', size='4M')

    def inserted():
        drive = [d for d in qmp(host, g, 'query-block') if d.get('qdev', '').startswith(('ide0-1-0', 'sata0-0-2'))]
        return drive[0].get('inserted', {}).get('image', {}).get('filename')
    assert inserted() is None
    host.virsh('change-media', g.name, target, str(one), '--insert')
    assert inserted() == str(one) and disks(host, g)[target].find('source').get('file') == str(one)
    host.virsh('change-media', g.name, target, str(two), '--update', '--live', '--config')
    assert inserted() == str(two) and disks(host, g, '--inactive')[target].find('source').get('file') == str(two)
    os.kill(host.daemon_pid(), signal.SIGKILL)
    assert disks(host, g)[target].find('source').get('file') == str(two)
    failed = host.virsh('change-media', g.name, target, str(one) + '.missing', '--update', check=False)
    assert 'one.iso.missing' in failed.stderr and inserted() == str(two)
    alias = disks(host, g)[target].find('alias').get('name')
    qmp(host, g, 'blockdev-open-tray', id=alias)  # as the guest does
    harness.wait_until(lambda: disks(host, g)[target].find('target').get('tray') == 'open', 'the tray is shown open')
    qmp(host, g, 'blockdev-close-tray', id=alias)
    harness.wait_until(lambda: disks(host, g)[target].find('target').get('tray') is None, 'the tray is shown closed')
    host.virsh('change-media', g.name, target, '--eject')
    assert inserted() is None and disks(host, g)[target].find('source') is None
    assert inside(host, g) == before


KILLS = int(os.environ.get('VIRTD_TEST_KILLS', '12'))


def test_a_daemon_killed_in_the_middle(host, guest):
    """Whenever it dies, the next one finds the disk attached or not, and QEMU, definition and owner of the file agree."""
    g = guest('plug-killed', extra="<controller type='usb' model='qemu-xhci'/><disk type='file' device='cdrom'><target dev='hdc' bus='ide'/>"
              "<readonly/></disk>").define().start().wait_up()
    seed = int(os.environ.get('VIRTD_TEST_SEED', time.time()))
    print('seed', seed)
    chance = random.Random(seed)
    before = inside(host, g)
    disk, medium = image(host, 'killed.img'), image(host, 'killed.iso')
    outcomes = set()
    for _ in range(KILLS):
        attached, inserted = 'sdb' in disks(host, g), disks(host, g)['hdc'].find('source') is not None
        drive = chance.random() < 0.4
        if drive:
            command = ['change-media', g.name, 'hdc', *(['--eject'] if inserted else [str(medium), '--insert'])]
        else:
            command = ['detach-disk', g.name, 'sdb'] if attached else ['attach-device', g.name, disk_xml(disk, 'sdb', 'usb')]
        pid = host.daemon_pid()
        call = host.spawn('virsh', '-c', host.uri, *command)
        chance_to_die(pid, chance.uniform(0, 0.08))
        call.process.wait(60)
        host.virsh('desc', g.name, '--live', 'after the adoption')  # waits for the guest's queue, where that is the first
        after = disks(host, g)
        expected = set(before)
        for target, path, alias in ('sdb', disk, True), ('hdc', medium, False):
            source = after[target].find('source') if target in after else None
            if source is not None:
                index = source.get('index')
                expected |= {f'libvirt-{index}-storage', f'libvirt-{index}-format'}
                expected |= {after[target].find('alias').get('name')} if alias else set()
            outcomes.add((target, source is not None))
            if alias:
                assert os.stat(path).st_uid == (NOBODY if source is not None else 0), f'seed {seed}: {path}'
        assert inside(host, g) == expected, f'seed {seed}: after {command}'
    assert g.state() == 'running' and len(outcomes) >= 3, outcomes


def chance_to_die(pid, delay):
    """Kill the daemon some time later."""
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
