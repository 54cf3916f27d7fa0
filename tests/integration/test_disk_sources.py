"""What the source of a disk really is: volumes of pools, asked for over the wire when a guest starts, and chains of backing files,
read from the images' headers and told to QEMU layer by layer."""
import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ET

import pytest

import harness

UUID = '5d0a2b4e-3c1f-4f7a-9a57-0c2f1f6a7b01'  # of guests that are defined again


NOBODY = 65534


@pytest.fixture(scope='module', autouse=True)
def other_user(host):
    """QEMU runs as a user to whom nothing belongs: files must be given to it, and come back."""
    path = host.root / 'etc/libvirt/qemu.conf'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'user = "+{NOBODY}"\ngroup = "+{NOBODY}"\n')
    if host.daemon_pid():
        os.kill(host.daemon_pid(), signal.SIGKILL)


@pytest.fixture
def pool(host):
    """A pool p of type dir, not started; its directory."""
    directory = host.root / 'pool'
    directory.mkdir(exist_ok=True)
    host.virsh('pool-define-as', 'p', 'dir', '--target', str(directory))
    yield directory
    host.virsh('pool-destroy', 'p', check=False)
    host.virsh('pool-undefine', 'p')
    for path in directory.iterdir():
        path.unlink()


def put_volume(pool, source, name, *options):
    """A copy of an image in the pool, as root's own: only its owner may read it."""
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', *(options or ('-O', 'raw')), source, pool / name], check=True)
    (pool / name).chmod(0o600)


def replace_disk(guest, disk):
    guest.path.write_text(re.sub(r"<disk type='file' device='disk'>.*?</disk>", disk, guest.xml, count=1, flags=re.S))
    return guest


def volume_disk(volume, fmt='raw', pool='p'):
    return (f"<disk type='volume' device='disk'><driver name='qemu' type='{fmt}'/><source pool='{pool}' volume='{volume}'/>"
            "<target dev='hda' bus='ide'/></disk>")


def file_disk(path, fmt='qcow2', extra=''):
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{fmt}'/><source file='{path}'/>{extra}"
            "<target dev='hda' bus='ide'/></disk>")


def live_disk(host, guest, *options):
    return ET.fromstring(host.virsh('dumpxml', guest.name, *options)).find('devices/disk')


def owner(path):
    return os.stat(path).st_uid


# --- volumes ---

@pytest.mark.parametrize('fmt', ['raw', 'qcow2'])
def test_a_guest_boots_from_a_volume(host, guest, pool, fmt):
    """The pool is started for it; the definition stays as it was; and a restart of the daemon changes nothing."""
    g = guest('volume-' + fmt)
    put_volume(pool, host.root / 'images' / f'{g.name}.img', 'boot', '-O', fmt)
    replace_disk(g, volume_disk('boot', fmt)).define()
    before = host.virsh('dumpxml', g.name, '--inactive')
    g.start().wait_up()
    assert os.stat(f'/proc/{host.qemu_pid(g.name)}').st_uid == NOBODY == owner(pool / 'boot')
    assert 'running' in host.virsh('pool-info', 'p')
    for _ in range(2):
        disk = live_disk(host, g)
        assert disk.get('type') == 'volume' and disk.find('source').attrib == {'pool': 'p', 'volume': 'boot', 'index': '1'}
        assert host.virsh('dumpxml', g.name, '--inactive') == before
        assert 'resolved' not in host.virsh('dumpxml', g.name)
        os.kill(host.daemon_pid(), signal.SIGKILL)
    host.virsh('destroy', g.name)
    assert owner(pool / 'boot') == 0


def test_volumes_that_cannot_be_used(host, guest, pool):
    g = guest('novolume', uuid=UUID)
    replace_disk(g, volume_disk('boot')).define()
    error = host.virsh('start', g.name, check=False).stderr
    assert "disk 'hda': cannot use volume 'boot' of pool 'p'" in error and 'no storage vol' in error, error
    replace_disk(g, volume_disk('boot', pool='nopool')).define()
    error = host.virsh('start', g.name, check=False).stderr
    assert "cannot use volume 'boot' of pool 'nopool'" in error and 'no storage pool' in error, error
    host.virsh('pool-destroy', 'p')
    pool.rename(pool.with_name('away'))
    replace_disk(g, volume_disk('boot')).define()
    error = host.virsh('start', g.name, check=False).stderr
    pool.with_name('away').rename(pool)
    assert 'the pool is not active and cannot be started' in error, error
    put_volume(pool, host.root / 'images' / f'{g.name}.img', 'boot')
    replace_disk(g, volume_disk('boot').replace("volume='boot'", "volume='boot' mode='direct'")).define()
    assert "mode='direct' is for pools of type 'iscsi'" in host.virsh('start', g.name, check=False).stderr
    assert g.state() == 'shut off'


def test_a_storage_daemon_that_does_not_answer(host, guest, pool):
    """Who waits for it is the guest that wants a volume, and nobody else; when it dies that guest hears so."""
    g, other = guest('waits'), guest('other')
    put_volume(pool, host.root / 'images' / f'{g.name}.img', 'boot')
    host.virsh('pool-list')
    replace_disk(g, volume_disk('boot')).define()
    pid = host.daemon_pid('virtstoraged')
    os.kill(pid, signal.SIGSTOP)
    start = host.spawn('virsh', 'start', g.name)
    try:
        other.define().start().wait_up()
        assert start.process.poll() is None
        assert g.name in host.virsh('list', '--all')
    finally:
        os.kill(pid, signal.SIGKILL)
    start.expect("cannot use volume 'boot' of pool 'p'")
    assert g.state() == 'shut off'
    g.start().wait_up()


# --- size and bytes ---

def test_sizes_and_bytes(host, guest, pool):
    """By target or path, of an image in a volume; what the guest sees of a running one grows."""
    g = guest('blocks')
    put_volume(pool, host.root / 'images' / f'{g.name}.img', 'boot', '-O', 'qcow2')
    replace_disk(g, volume_disk('boot', 'qcow2')).define()
    assert 'the pool is not active' in host.virsh('domblkinfo', g.name, 'hda', check=False).stderr
    host.virsh('pool-start', 'p')
    assert 'Capacity:       1048576\n' in host.virsh('domblkinfo', g.name, 'hda')
    g.start().wait_up()

    def capacity():
        return int(re.search(r'Capacity: +(\d+)', host.virsh('domblkinfo', g.name, 'hda')).group(1))
    host.virsh('blockresize', g.name, 'hda', '8M')
    assert capacity() == 8 << 20
    host.virsh('blockresize', g.name, str(pool / 'boot'), '9000001B')
    assert capacity() == 9000448
    assert 'no disk' in host.virsh('blockresize', g.name, 'vdq', '8M', check=False).stderr
    refused, head = harness.python_inside(host, f"""
import json, libvirt
domain = libvirt.open(None).lookupByName('{g.name}')
try:
    domain.blockResize('hda', 0, 2)  # VIR_DOMAIN_BLOCK_RESIZE_CAPACITY
    refused = 'resized'
except libvirt.libvirtError as error:
    refused = str(error)
print(json.dumps([refused, domain.blockPeek('hda', 0, 4).hex()]))
""")
    assert 'no raw block device' in refused
    assert head == b'QFI\xfb'.hex()


def test_the_size_of_an_image_nobody_runs(host, guest):
    g = guest('idle', extra="<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>")
    top = overlay(host, 'idle.qcow2', f'{g.name}.img', 'raw')
    replace_disk(g, file_disk(top)).define()
    info = host.virsh('domblkinfo', g.name, 'hda')
    assert f'Capacity:       {1 << 20}' in info and f'Physical:       {top.stat().st_size}' in info, info
    assert re.search(r'hdc +- +- +-', host.virsh('domblkinfo', g.name, '--all'))
    top.unlink()
    assert 'idle.qcow2' in host.virsh('domblkinfo', g.name, 'hda', check=False).stderr


# --- what may be missing ---

def test_optional_images_may_be_missing(host, guest, pool):
    """The drive is empty, the disk is not there, clients hear of both; what is not optional is an error."""
    def disk(target, policy, device='disk', source=f"file='{host.root}/gone.img'", kind='file'):
        return (f"<disk type='{kind}' device='{device}'><driver name='qemu' type='raw'/><source {source} startupPolicy='{policy}'/>"
                f"<target dev='{target}' bus='ide'/></disk>")
    g = guest('optional', uuid=UUID, extra=disk('hdb', 'optional') + disk('hdc', 'optional', 'cdrom') +
              disk('hdd', 'optional', source="pool='p' volume='gone'", kind='volume'))
    g.define()
    before = host.virsh('dumpxml', g.name, '--inactive')
    events = host.events()
    try:
        g.start().wait_up()
        for alias in ('hdb', 'hdc', 'hdd'):
            events.expect(f"'disk-change' for domain '{g.name}'")
    finally:
        events.end()
    disks = {d.find('target').get('dev'): d for d in ET.fromstring(host.virsh('dumpxml', g.name)).findall('devices/disk')}
    assert sorted(disks) == ['hda', 'hdc'] and disks['hdc'].find('source') is None
    assert host.virsh('dumpxml', g.name, '--inactive') == before
    host.virsh('destroy', g.name)
    g.path.write_text(g.xml.replace("startupPolicy='optional'", "startupPolicy='mandatory'"))
    host.virsh('define', str(g.path))
    assert 'gone' in host.virsh('start', g.name, check=False).stderr


# --- chains ---

def chain_of(disk):
    """The layers of a disk in the XML: (file, format, index), and what the last one says about its backing."""
    layers, at, fmt = [], disk, disk.find('driver').get('type')
    while at is not None and at.get('type'):
        layers.append((os.path.basename(at.find('source').get('file', '')), fmt, at.find('source').get('index') or at.get('index')))
        at = at.find('backingStore')
        fmt = at.find('format').get('type') if at is not None and at.get('type') else None
    return layers, 'end' if at is not None else 'unknown'


def overlay(host, name, backing, fmt=None, directory=None):
    path = (directory or host.root / 'images') / name
    subprocess.run(['qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', backing, *(['-F', fmt] if fmt else []), path, '1M'], check=True)
    path.chmod(0o666)
    return path


def block_nodes(host, guest):
    answer = json.loads(host.virsh('qemu-monitor-command', guest.name, '{"execute": "query-named-block-nodes", "arguments": {"flat": true}}'))
    return {node['node-name']: node for node in answer['return']}


def test_a_chain_is_shown_and_told(host, guest):
    """A relative name counts from where the image is; what only root may read the guest can read."""
    g = guest('chain')
    overlay(host, 'mid.qcow2', f'{g.name}.img', 'raw')
    top = overlay(host, 'top.qcow2', 'mid.qcow2', 'qcow2')
    for name in ('mid.qcow2', f'{g.name}.img'):
        os.chown(host.root / 'images' / name, 0, 0)
        (host.root / 'images' / name).chmod(0o600)
    replace_disk(g, file_disk(top)).define().start().wait_up()
    assert chain_of(live_disk(host, g)) == ([('top.qcow2', 'qcow2', '1'), ('mid.qcow2', 'qcow2', '2'), (f'{g.name}.img', 'raw', '3')], 'end')
    assert live_disk(host, g, '--inactive').find('backingStore') is None
    nodes = block_nodes(host, g)
    assert {f'libvirt-{n}-{what}' for n in (1, 2, 3) for what in ('format', 'storage')} <= set(nodes)
    assert nodes['libvirt-2-format']['ro'] and nodes['libvirt-3-format']['ro'] and not nodes['libvirt-1-format']['ro']
    assert not [name for name in nodes if name.startswith('#block')], 'QEMU opened nothing by itself'


def test_formats_are_not_guessed(host, guest):
    """A raw image with the header of a qcow2 image in it is raw; a header that names no format leads to none that was guessed."""
    g = guest('guess', uuid=UUID)
    raw = overlay(host, 'looks.qcow2', '/etc/passwd', 'raw')
    replace_disk(g, file_disk(raw, 'raw')).define()
    host.virsh('start', g.name, '--paused')
    assert chain_of(live_disk(host, g)) == ([('looks.qcow2', 'raw', '1')], 'end')
    assert not [n for n in block_nodes(host, g).values() if n['drv'] == 'qcow2']
    host.virsh('destroy', g.name)
    subprocess.run(['cp', '--sparse=always', host.root / 'images/bootsector.img', host.root / 'images/plain.img'], check=True)
    os.chmod(host.root / 'images/plain.img', 0o666)
    for backing, fmt in (('plain.img', None), ('looks.qcow2', None)):
        top = overlay(host, 'unnamed.qcow2', backing, 'raw')
        content = top.read_bytes()
        assert content.count(b'\xe2\x79\x2a\xca') == 1
        top.write_bytes(content.replace(b'\xe2\x79\x2a\xca', b'\x00\x00\x00\x01'))  # the header extension with the format
        replace_disk(g, file_disk(top)).define()
        started = host.virsh('start', g.name, '--paused', check=False)
        if backing == 'plain.img':
            assert started.returncode == 0, started.stderr
            assert chain_of(live_disk(host, g)) == ([('unnamed.qcow2', 'qcow2', '1'), ('plain.img', 'raw', '2')], 'end')
            host.virsh('destroy', g.name)
        else:
            assert 'looks.qcow2' in started.stderr and 'qemu-img rebase' in started.stderr, started.stderr


def test_chains_that_are_refused(host, guest):
    g = guest('badchain', uuid=UUID)
    images = host.root / 'images'
    replace_disk(g, file_disk(images / 'a.qcow2')).define()

    def refused(*words):
        error = host.virsh('start', g.name, check=False).stderr
        assert "disk 'hda'" in error and all(word in error for word in words), error
        assert host.qemu_pid(g.name) is None
    overlay(host, 'a.qcow2', 'b.qcow2', 'qcow2')
    refused('b.qcow2', 'No such file')
    overlay(host, 'b.qcow2', 'a.qcow2', 'qcow2')
    refused('comes back to', 'a.qcow2')
    for n in range(300):
        overlay(host, f'deep{n}.qcow2', f'deep{n + 1}.qcow2', 'qcow2')
    overlay(host, 'a.qcow2', 'deep0.qcow2', 'qcow2')
    refused('more than 200 images')
    overlay(host, 'a.qcow2', '/dev/null', 'raw')
    refused('/dev/null', 'neither a file nor a block device')
    overlay(host, 'a.qcow2', 'rbd:pool/image', 'raw')
    refused('rbd', '<backingStore>')
    overlay(host, 'a.qcow2', 'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd","aio":"native"}}', 'raw')
    refused('description', '<backingStore>')


def test_a_chain_the_definition_names_is_believed(host, guest):
    """And continued from where it ends."""
    g = guest('named')
    overlay(host, 'named-mid.qcow2', f'{g.name}.img', 'raw')
    top = overlay(host, 'named-top.qcow2', '/nowhere', 'qcow2')
    store = f"<backingStore type='file'><format type='qcow2'/><source file='{host.root}/images/named-mid.qcow2'/></backingStore>"
    replace_disk(g, file_disk(top, extra=store)).define().start().wait_up()
    assert [layer[0] for layer in chain_of(live_disk(host, g))[0]] == ['named-top.qcow2', 'named-mid.qcow2', f'{g.name}.img']


@pytest.mark.parametrize('form', ['nbd://localhost:{port}/disk', 'json:{{"driver":"raw","file":{{"driver":"nbd","server.type":"inet",'
                                  '"server.host":"localhost","server.port":"{port}","export":"disk"}}}}'])
def test_a_backing_image_on_a_server(host, guest, form):
    g = guest('remote')
    image = host.root / 'images' / f'{g.name}.img'
    server = subprocess.Popen(['qemu-nbd', '-r', '-t', '-f', 'raw', '-x', 'disk', '-b', '127.0.0.1', '-p', '0', image],
                              stdout=subprocess.DEVNULL)
    try:
        port = harness.wait_until(lambda: listening(server.pid), 'the NBD server listens')
        top = overlay(host, 'remote.qcow2', form.format(port=port), 'raw')
        replace_disk(g, file_disk(top)).define().start().wait_up()
        disk = live_disk(host, g)
        below = disk.find('backingStore')
        assert below.get('type') == 'network' and below.find('source').get('protocol') == 'nbd' and below.find('backingStore') is not None
    finally:
        server.kill()
        server.wait()


def listening(pid):
    """The TCP port a process listens on; None while it does not."""
    for line in subprocess.run(['ss', '-Hltnp'], capture_output=True, text=True, check=True).stdout.splitlines():
        if f'pid={pid},' in line:
            return int(line.split()[3].rsplit(':', 1)[1])
    return None
