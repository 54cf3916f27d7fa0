"""Storage pools and volumes by the stock virsh: definitions, a directory's life, volumes of every format that is made, what a kill
leaves, names that are no names, and who may not trick the daemon."""
import json
import os
import re
import struct
import subprocess

import pytest
from harness import wait_until
from storagelab import digest, info, kill, names, remove_pools, volumes, write

GIB = 1 << 30


def pool_xml(host, name='p', extra=''):
    return f"<pool type='dir'><name>{name}</name><target><path>{host.root}/pools/{name}</path>{extra}</target></pool>"


def define(host, name='p', extra=''):
    host.virsh('pool-define', write(host, 'pool.xml', pool_xml(host, name, extra)))
    return host.root / 'pools' / name


@pytest.fixture(autouse=True)
def none_left(host):
    yield
    remove_pools(host)
    subprocess.run(['rm', '-rf', host.root / 'pools'], check=True)


@pytest.fixture
def pool(host):
    path = define(host)
    host.virsh('pool-build', 'p')
    host.virsh('pool-start', 'p')
    return path


def test_a_pool_outlives_the_daemon(host):
    path = define(host)
    assert f'cannot open directory \'{path}\'' in host.virsh('pool-start', 'p', check=False).stderr
    host.virsh('pool-build', 'p')
    host.virsh('pool-start', 'p')
    host.virsh('pool-autostart', 'p')
    host.virsh('vol-create-as', 'p', 'one', '1M')
    before = host.virsh('pool-dumpxml', 'p')
    kill(host)
    assert volumes(host) == ['one']
    assert re.findall('<(?:uuid|path)>.*', host.virsh('pool-dumpxml', 'p')) == re.findall('<(?:uuid|path)>.*', before)
    assert re.search(r'State: +running', host.virsh('pool-info', 'p')) and re.search(r'Autostart: +yes', host.virsh('pool-info', 'p'))
    host.virsh('vol-delete', 'one', '--pool', 'p')
    host.virsh('pool-destroy', 'p')
    kill(host)
    assert re.search(r'State: +inactive', host.virsh('pool-info', 'p'))
    host.virsh('pool-delete', 'p')
    assert not path.exists()
    host.virsh('pool-undefine', 'p')
    assert not (host.root / 'etc/libvirt/storage/p.xml').exists() and not list((host.root / 'etc/libvirt/storage/autostart').iterdir())


def test_filters_and_lookups(host, pool):
    define(host, 'q')
    (host.root / 'pools/t').mkdir()
    host.virsh('pool-create', write(host, 'pool.xml', pool_xml(host, 't')))
    host.virsh('pool-autostart', 'q')

    def listed(*options):
        return names(host.virsh('pool-list', *options))
    assert listed() == ['p', 't'] and listed('--inactive') == ['q'] and listed('--all', '--transient') == ['t']
    assert listed('--all', '--autostart') == ['q'] and listed('--all', '--type', 'dir') == ['p', 'q', 't']
    assert listed('--all', '--type', 'fs') == []
    uuid = host.virsh('pool-uuid', 'p').strip()
    assert host.virsh('pool-name', uuid).strip() == 'p'
    host.virsh('vol-create-as', 'p', 'v', '1M')
    assert host.virsh('vol-pool', f'{pool}/v').strip() == 'p' and host.virsh('vol-name', f'{pool}//v').strip() == 'v'
    assert host.virsh('vol-key', 'v', '--pool', 'p').strip() == host.virsh('vol-path', 'v', '--pool', 'p').strip() == f'{pool}/v'
    code = f"import libvirt; print(libvirt.open().storagePoolLookupByTargetPath('{pool}/').name())"
    assert host.run('/usr/bin/python3', '-c', code).stdout.strip() == 'p'
    host.virsh('pool-destroy', 't')
    assert listed('--all') == ['p', 'q']


def test_one_place_one_pool(host, pool):
    done = host.virsh('pool-define', write(host, 'pool.xml', pool_xml(host, 'p').replace('<name>p', '<name>other')), check=False)
    assert "Storage source conflict with pool: 'p'" in done.stderr
    assert 'is still active' in host.virsh('pool-undefine', 'p', check=False).stderr
    assert 'is still active' in host.virsh('pool-delete', 'p', check=False).stderr
    assert 'already active' in host.virsh('pool-start', 'p', check=False).stderr


def test_types_that_cannot_be_started(host):
    xml = "<pool type='zfs'><name>i</name><source><name>tank</name></source></pool>"
    host.virsh('pool-define', write(host, 'pool.xml', xml))
    assert 'not supported' in host.virsh('pool-start', 'i', check=False).stderr
    xml = "<pool type='sheepdog'><name>s</name><source><host name='h' port='1'/><name>n</name></source></pool>"
    assert 'missing backend for pool type' in host.virsh('pool-define', write(host, 'pool.xml', xml), check=False).stderr


def test_volumes_that_are_made(host, pool):
    host.virsh('vol-create-as', 'p', 'sparse', '1G', '--allocation', '0')
    host.virsh('vol-create-as', 'p', 'full', '1M')
    assert info(host, 'sparse') == [0, GIB, 0] and info(host, 'full') == [0, 1 << 20, 1 << 20]
    assert oct((pool / 'full').stat().st_mode & 0o777) == '0o600'
    host.virsh('vol-create-as', 'p', 'base', '1G', '--format', 'qcow2')
    host.virsh('vol-create-as', 'p', 'top', '2G', '--format', 'qcow2', '--backing-vol', 'base', '--backing-vol-format', 'qcow2')
    for path in pool.iterdir():
        assert not path.name.startswith('.'), 'a part is left'
    made = json.loads(subprocess.run(['qemu-img', 'info', '--output=json', pool / 'top'], check=True, capture_output=True).stdout)
    assert made['virtual-size'] == 2 * GIB and made['backing-filename-format'] == 'qcow2' and made['full-backing-filename'] == f'{pool}/base'
    host.virsh('pool-refresh', 'p')
    xml = host.virsh('vol-dumpxml', 'top', '--pool', 'p')
    assert "<format type='qcow2'/>" in xml and f'<path>{pool}/base</path>' in xml and info(host, 'top')[1] == 2 * GIB
    features = "<volume><name>new</name><capacity>1048576</capacity><target><format type='qcow2'/><compat>1.1</compat><clusterSize unit='KiB'>128</clusterSize><features><lazy_refcounts/></features><permissions><mode>0640</mode><owner>12</owner><group>13</group></permissions></target></volume>"
    host.virsh('vol-create', 'p', write(host, 'vol.xml', features))
    host.virsh('pool-refresh', 'p')
    xml = host.virsh('vol-dumpxml', 'new', '--pool', 'p')
    assert '<lazy_refcounts/>' in xml and '<compat>1.1</compat>' in xml and '131072' in xml
    assert ((pool / 'new').stat().st_uid, (pool / 'new').stat().st_gid, (pool / 'new').stat().st_mode & 0o777) == (12, 13, 0o640)
    for name in ('vdi', 'vmdk', 'vpc', 'qed'):
        host.virsh('vol-create-as', 'p', name, '8M', '--format', name)
    host.virsh('pool-refresh', 'p')
    for name in ('vdi', 'vmdk', 'vpc', 'qed'):
        assert f"<format type='{name}'/>" in host.virsh('vol-dumpxml', name, '--pool', 'p')
    host.virsh('vol-create-as', 'p', 'd', '0', '--format', 'dir')
    assert (pool / 'd').is_dir()
    for name in volumes(host):
        host.virsh('vol-delete', name, '--pool', 'p')
    assert list(pool.iterdir()) == []


def test_volumes_that_are_not_made(host, pool):
    host.virsh('vol-create-as', 'p', 'v', '1M')
    assert 'exists already' in host.virsh('vol-create-as', 'p', 'v', '1M', check=False).stderr
    (pool / 'hidden').symlink_to('/etc/passwd')
    assert 'exists already' in host.virsh('vol-create-as', 'p', 'hidden', '1M', check=False).stderr
    for name in ('..', 'a/b', '../x', '.', '/etc/x', 'a\tb'):
        done = host.virsh('vol-create-as', 'p', name, '1M', check=False)
        assert done.returncode != 0, name
    done = host.virsh('vol-create-as', 'p', 't', '1M', '--format', 'qcow2', '--backing-vol', f'{pool}/no', '--backing-vol-format', 'qcow2', check=False)
    assert done.returncode != 0
    done = host.virsh('vol-create-as', 'p', 't', '1M', '--format', 'qcow2', '--backing-vol', 'v', '--backing-vol-format', 'raw', '--prealloc-metadata', check=False)
    assert 'extended_l2' in done.stderr
    assert sorted(p.name for p in pool.iterdir()) == ['hidden', 'v']


def test_what_lies_in_a_directory(host, pool):
    """Links that dangle, pipes and sockets are no volumes, and nobody waits for their other end; headers name what they like."""
    os.mkfifo(pool / 'pipe')
    (pool / 'dangling').symlink_to('/nowhere')
    (pool / 'dir').mkdir()
    (pool / '.virtd-part-0123456789abcdef').write_text('left by a kill')
    evil = struct.pack('>4sIQIIQQI', b'QFI\xfb', 2, 0xffffffffffffff00, 0xffffffff, 16, 1 << 40, 0, 0)
    (pool / 'evil').write_bytes(evil + bytes(4096))
    (pool / 'json').write_bytes(struct.pack('>4sIQIIQ', b'QFI\xfb', 2, 200, 26, 16, 1 << 20) + bytes(168) + b'json:{"file":"/etc/passwd"}')
    host.virsh('pool-refresh', 'p')
    assert volumes(host) == ['dir', 'evil', 'json']
    assert info(host, 'evil')[1] == 1 << 40 and 'backingStore' not in host.virsh('vol-dumpxml', 'evil', '--pool', 'p')
    host.virsh('pool-destroy', 'p')
    host.virsh('pool-start', 'p')
    assert not (pool / '.virtd-part-0123456789abcdef').exists()


def test_events(host, pool):
    code = '''
import json, libvirt
libvirt.virEventRegisterDefaultImpl()
conn, seen = libvirt.open(), []
conn.storagePoolEventRegisterAny(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, lambda c, p, e, d, x: seen.append(e), None)
conn.storagePoolEventRegisterAny(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, lambda c, p, x: seen.append('refresh'), None)
pool = conn.storagePoolLookupByName('p')
pool.refresh(); pool.destroy(); pool.delete(0); pool.build(0); pool.create(0); pool.destroy(); pool.undefine()
while len(seen) < 7:
    libvirt.virEventRunDefaultImpl()
print(json.dumps(seen))
'''
    assert json.loads(host.run('/usr/bin/python3', '-c', code).stdout) == ['refresh', 3, 5, 4, 2, 3, 1]


def test_capabilities(host):
    own = host.run('virsh', '-c', 'storage:///system', 'capabilities').stdout
    assert '<value>rbd</value>' in own and 'zfs' not in own
    xml = host.virsh('pool-capabilities')
    assert re.search(r"<pool type='dir' supported='yes'>", xml) and re.search(r"<pool type='zfs' supported='no'", xml)


def test_content_goes_both_ways(host, pool):
    """Whole and in part, dense and sparse: the same bytes, and holes stay holes."""
    source, back = host.root / 'source', host.root / 'back'
    with open(source, 'wb') as file:
        file.write(os.urandom(5 * 1024 * 1024 + 123))
        file.truncate(64 << 20)
        file.seek((64 << 20) - 4096)
        file.write(os.urandom(4096))
    os.chmod(source, 0o644)
    for options in ((), ('--sparse',)):
        host.virsh('vol-create-as', 'p', 'v', '64M', '--allocation', '0')
        host.virsh('vol-upload', 'v', str(source), '--pool', 'p', *options)
        assert digest(pool / 'v') == digest(source)
        host.virsh('vol-download', 'v', str(back), '--pool', 'p', *options)
        assert digest(back) == digest(source)
        if options:
            assert (pool / 'v').stat().st_blocks < 16 << 11 and back.stat().st_blocks < 16 << 11
        back.unlink()
        host.virsh('vol-delete', 'v', '--pool', 'p')
    host.virsh('vol-create-as', 'p', 'v', '1M')
    (host.root / 'part').write_bytes(b'0123456789')
    host.virsh('vol-upload', 'v', str(host.root / 'part'), '--pool', 'p', '--offset', '100', '--length', '10')
    host.virsh('vol-download', 'v', str(back), '--pool', 'p', '--offset', '98', '--length', '6')
    assert back.read_bytes() == b'\0\x000123' and (pool / 'v').stat().st_size == 1 << 20
    done = host.virsh('vol-upload', 'v', str(source), '--pool', 'p', '--length', '10', check=False)
    assert (pool / 'v').stat().st_size == 1 << 20, done.stderr


def test_an_uploaded_image_is_recognized(host, pool):
    image = host.root / 'image.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', image, '3G'], check=True)
    host.virsh('vol-create-as', 'p', 'v', '1M')
    host.virsh('vol-upload', 'v', str(image), '--pool', 'p')
    assert "<format type='qcow2'/>" in host.virsh('vol-dumpxml', 'v', '--pool', 'p') and info(host, 'v')[1] == 3 * GIB


def test_resizing(host, pool):
    host.virsh('vol-create-as', 'p', 'raw', '1M', '--allocation', '0')
    host.virsh('vol-create-as', 'p', 'img', '1G', '--format', 'qcow2')
    assert 'shrink' in host.virsh('vol-resize', 'raw', '4K', '--pool', 'p', check=False).stderr
    host.virsh('vol-resize', 'raw', '2M', '--pool', 'p')
    host.virsh('vol-resize', 'raw', '1M', '--pool', 'p', '--delta', '--allocate')
    assert info(host, 'raw') == [0, 3 << 20, 3 << 20]
    host.virsh('vol-resize', 'raw', '1M', '--pool', 'p', '--shrink')
    assert (pool / 'raw').stat().st_size == 1 << 20
    host.virsh('vol-resize', 'img', '2G', '--pool', 'p')
    assert info(host, 'img')[1] == 2 * GIB


OPEN_STREAMS = """
import signal, libvirt
c = libvirt.open(None)
p = c.storagePoolLookupByName("p")
begun, read, up = c.newStream(), c.newStream(), c.newStream()
p.storageVolLookupByName("v").download(begun, 0, 0, 0)
p.storageVolLookupByName("v").download(read, 0, 1000, 0)
p.storageVolLookupByName("w").upload(up, 0, 0, 0)
begun.recv(1000)
while read.recv(1000):
    pass
up.send(bytes(1000))
print("open", flush=True)
signal.pause()
"""


def test_the_daemon_ends_while_streams_are_open(host, pool):
    """Told to end, it closes them and leaves; the harness looks whether it did so without a mistake."""
    for name in 'v', 'w':
        host.virsh('vol-create-as', 'p', name, '16M')
    client = host.spawn('/usr/bin/python3', '-c', OPEN_STREAMS)
    client.expect('open')
    pid = host.daemon_pid('virtstoraged')
    host.run('pkill', '-TERM', '-x', 'virtstoraged')
    wait_until(lambda: host.daemon_pid('virtstoraged') != pid, 'it has ended')
    assert 'not answered' not in (host.root / 'var/log/libvirt/virtstoraged.log').read_text()
    client.end()
    assert volumes(host) == ['v', 'w']
