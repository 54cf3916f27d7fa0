"""Pools of images in Ceph, against a real cluster of one node with cephx: every command of virsh that makes sense there, what a
kill leaves, clones and snapshots, and a cluster that is dead."""
import base64
import os
import re
import subprocess

import pytest

import ceph
import storagelab as lab
from harness import wait_until

HOST = {'netns': True}
MIB = 1 << 20
SOON = 'rados_mon_op_timeout', 'rados_osd_op_timeout', 'client_mount_timeout'  # options that end what a dead cluster does not


def options(seconds):
    rows = ''.join(f"<rbd:option name='{name}' value='{seconds}'/>" for name in SOON)
    return f'<rbd:config_opts>{rows}</rbd:config_opts>'


def pool_xml(secret, name='r', extra='', monitor=f"<host name='127.0.0.1' port='{ceph.MONITOR}'/>", source=ceph.POOL):
    return f"""<pool type='rbd' xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'><name>{name}</name>
<source>{monitor}<name>{source}</name><auth type='ceph' username='{ceph.USER}'><secret {secret}/></auth></source>{extra}</pool>"""


@pytest.fixture(scope='module')
def cluster(host):
    started = ceph.Ceph(host)
    yield started
    started.end()


@pytest.fixture(scope='module')
def secret(host, cluster):
    return f"uuid='{lab.make_secret(host, 'ceph', 'client.virt secret', base64.b64decode(cluster.key))}'"


@pytest.fixture
def pool(host, cluster, secret):
    host.virsh('pool-define', lab.write(host, 'pool.xml', pool_xml(secret)))
    host.virsh('pool-start', 'r')
    yield
    lab.remove_pools(host)
    cluster.empty()


def images(cluster):
    return sorted(cluster.rbd('ls', '-p', ceph.POOL).split())


def content(host, cluster, image):
    path = host.root / 'exported'
    path.unlink(missing_ok=True)
    cluster.rbd('export', f'rbd/{image}', str(path), '--no-progress')
    return path.read_bytes()


def test_a_pool_outlives_the_daemon(host, cluster, pool):
    cluster.rbd('create', 'rbd/outside', '--size', '64M')
    assert lab.volumes(host, 'r') == []
    host.virsh('pool-refresh', 'r')
    assert lab.volumes(host, 'r') == ['outside']
    assert host.virsh('vol-key', 'outside', '--pool', 'r').strip() == host.virsh('vol-path', 'outside', '--pool', 'r').strip() == 'rbd/outside'
    assert host.virsh('vol-pool', 'rbd/outside').strip() == 'r'
    host.virsh('pool-autostart', 'r')
    before = host.virsh('pool-dumpxml', 'r')
    sizes = [int(size) for size in re.findall(r'<(?:capacity|available)[^>]*>(\d+)', before)]
    assert len(sizes) == 2 and all(512 * MIB < size <= 1024 * MIB for size in sizes), before
    lab.kill(host)
    assert lab.volumes(host, 'r') == ['outside']
    assert re.search(r'State: +running', host.virsh('pool-info', 'r'))
    host.virsh('pool-destroy', 'r')
    lab.kill(host)
    assert re.search(r'State: +inactive', host.virsh('pool-info', 'r'))


def test_volumes_made_looked_at_resized_deleted(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'v', '64M')
    assert 'size 64 MiB' in cluster.rbd('info', 'rbd/v')
    assert lab.info(host, 'v', 'r') == [3, 64 * MIB, 0]
    xml = host.virsh('vol-dumpxml', 'v', '--pool', 'r')
    assert "<volume type='network'>" in xml and "<format type='raw'/>" in xml and '<path>rbd/v</path>' in xml
    host.virsh('vol-resize', 'v', '96M', '--pool', 'r')
    assert 'size 96 MiB' in cluster.rbd('info', 'rbd/v')
    assert "Can't shrink" in host.virsh('vol-resize', 'v', '32M', '--pool', 'r', check=False).stderr
    host.virsh('vol-resize', 'v', '32M', '--pool', 'r', '--shrink')
    assert lab.info(host, 'v', 'r')[1] == 32 * MIB
    assert "can't be allocated" in host.virsh('vol-resize', 'v', '64M', '--pool', 'r', '--allocate', check=False).stderr
    assert 'exists already' in host.virsh('vol-create-as', 'r', 'v', '1M', check=False).stderr
    cluster.rbd('create', 'rbd/unseen', '--size', '1M')
    assert 'exists already' in host.virsh('vol-create-as', 'r', 'unseen', '1M', check=False).stderr
    host.virsh('vol-delete', 'v', '--pool', 'r')
    assert images(cluster) == ['unseen']


@pytest.mark.parametrize('arguments, message', [
    (('v', '1M', '--format', 'qcow2'), 'only RAW volumes'),
    (('v', '0'), 'capacity required'),
    (('a@b', '1M'), "must not have a '@'"),
    (('a/b', '1M'), "must not have a '/'"),
    (('--', '-v', '1M'), 'take for an option'),
    (('v', '1M', '--prealloc-metadata'), 'not supported'),
])
def test_volumes_that_cannot_be_made(host, cluster, pool, arguments, message):
    assert message in host.virsh('vol-create-as', 'r', *arguments, check=False).stderr
    assert images(cluster) == []


def test_upload_and_download(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'v', '48M')
    data = lab.random_file(host, 'data', 5 * MIB + 12345)
    host.virsh('vol-upload', 'v', str(data), '--pool', 'r', '--offset', str(9 * MIB + 7))
    host.virsh('vol-download', 'v', f'{host.root}/back', '--pool', 'r', '--offset', str(9 * MIB + 7), '--length', str(data.stat().st_size))
    assert (host.root / 'back').read_bytes() == data.read_bytes()
    exported = content(host, cluster, 'v')
    assert exported[9 * MIB + 7:][:data.stat().st_size] == data.read_bytes()
    assert exported[:9 * MIB + 7].count(0) == 9 * MIB + 7
    assert lab.info(host, 'v', 'r')[2] == 8 * MIB  # two objects of 4 MiB
    assert host.virsh('vol-upload', 'v', str(data), '--pool', 'r', '--offset', str(45 * MIB), check=False).returncode != 0


def test_holes_stay_holes_both_ways(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'v', '64M')
    data = host.root / 'sparse'
    with open(data, 'wb') as file:
        file.write(os.urandom(MIB))
        file.seek(40 * MIB)
        file.write(os.urandom(MIB))
        file.truncate(64 * MIB)
    host.virsh('vol-upload', 'v', str(data), '--pool', 'r', '--sparse')
    assert lab.info(host, 'v', 'r') == [3, 64 * MIB, 8 * MIB]
    host.virsh('vol-download', 'v', f'{host.root}/sparse.back', '--pool', 'r', '--sparse')
    back = host.root / 'sparse.back'
    subprocess.run(['cmp', data, back], check=True)
    assert back.stat().st_blocks * 512 <= 9 * MIB


def test_wiping(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'v', '16M')
    host.virsh('vol-upload', 'v', str(lab.random_file(host, 'data', 16 * MIB)), '--pool', 'r')
    host.virsh('vol-wipe', 'v', '--pool', 'r')
    assert content(host, cluster, 'v').count(0) == 16 * MIB
    host.virsh('vol-wipe', 'v', '--pool', 'r', '--algorithm', 'random')
    host.virsh('vol-download', 'v', f'{host.root}/back', '--pool', 'r')
    assert (host.root / 'back').read_bytes().count(0) < MIB
    host.virsh('vol-wipe', 'v', '--pool', 'r', '--algorithm', 'trim')
    assert lab.info(host, 'v', 'r') == [3, 16 * MIB, 0]


def test_clones(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'origin', '32M')
    data = lab.random_file(host, 'data', 6 * MIB)
    host.virsh('vol-upload', 'origin', str(data), '--pool', 'r')
    host.virsh('vol-clone', 'origin', 'one', '--pool', 'r')
    host.virsh('vol-clone', 'origin', 'two', '--pool', 'r')
    assert 'parent: rbd/origin@virtd-clone-' in cluster.rbd('info', 'rbd/one')
    assert len(cluster.rbd('snap', 'ls', 'rbd/origin').splitlines()) == 2, 'the second clone needs no snapshot of its own'
    host.virsh('vol-download', 'one', f'{host.root}/back', '--pool', 'r', '--length', str(6 * MIB))
    assert (host.root / 'back').read_bytes() == data.read_bytes()
    host.virsh('vol-download', 'two', f'{host.root}/sparse.back', '--pool', 'r', '--sparse')
    assert (host.root / 'sparse.back').read_bytes()[:6 * MIB] == data.read_bytes()
    done = host.virsh('vol-delete', 'origin', '--pool', 'r', '--delete-snapshots', check=False)
    assert re.search(r'has the clone|2 images', done.stderr), done.stderr
    host.virsh('vol-upload', 'origin', str(lab.random_file(host, 'other', MIB)), '--pool', 'r')
    larger = "<volume><name>three</name><capacity unit='M'>48</capacity></volume>"
    host.virsh('vol-create-from', 'r', lab.write(host, 'vol.xml', larger), 'origin', '--inputpool', 'r')
    assert 'size 48 MiB' in cluster.rbd('info', 'rbd/three')
    assert len(cluster.rbd('snap', 'ls', 'rbd/origin').splitlines()) == 3
    for name in 'one', 'two', 'three', 'origin':
        host.virsh('vol-delete', name, '--pool', 'r')
    assert images(cluster) == []


def test_copies_to_and_from_other_pools(host, cluster, pool):
    (host.root / 'files').mkdir()
    host.virsh('pool-create-as', 'd', 'dir', '--target', f'{host.root}/files')
    data = lab.random_file(host, 'files/f', 7 * MIB)
    os.truncate(data, 40 * MIB)
    host.virsh('pool-refresh', 'd')
    volume = "<volume><name>{}</name></volume>"
    host.virsh('vol-create-from', 'r', lab.write(host, 'vol.xml', volume.format('v')), 'f', '--inputpool', 'd')
    assert lab.info(host, 'v', 'r') == [3, 40 * MIB, 8 * MIB]
    host.virsh('vol-create-from', 'd', lab.write(host, 'vol.xml', volume.format('g')), 'v', '--inputpool', 'r')
    subprocess.run(['cmp', host.root / 'files/f', host.root / 'files/g'], check=True)
    assert (host.root / 'files/g').stat().st_blocks * 512 <= 9 * MIB
    host.virsh('pool-destroy', 'd')


def test_snapshots_of_others_are_kept(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'v', '8M')
    cluster.rbd('snap', 'create', 'rbd/v@theirs', '--no-progress')
    cluster.rbd('snap', 'protect', 'rbd/v@theirs')
    assert 'has 1 snapshots' in host.virsh('vol-delete', 'v', '--pool', 'r', check=False).stderr
    assert 'theirs' in cluster.rbd('snap', 'ls', 'rbd/v')
    host.virsh('vol-delete', 'v', '--pool', 'r', '--delete-snapshots')
    assert images(cluster) == []


def test_allocation(host, cluster, secret):
    """By the map of objects where there is one, else the capacity; or the capacity because the pool says so."""
    cluster.rbd('create', 'rbd/mapped', '--size', '30M')
    cluster.rbd('create', 'rbd/plain', '--size', '30M', '--image-feature', 'layering')
    cluster.rbd('bench', 'rbd/mapped', '--io-type', 'write', '--io-total', '5M', '--io-size', '1M')
    used = re.search(r'mapped +30 MiB +(\d+) MiB', cluster.rbd('du', 'rbd/mapped')).group(1)
    host.virsh('pool-create', lab.write(host, 'pool.xml', pool_xml(secret)))
    assert lab.info(host, 'mapped', 'r') == [3, 30 * MIB, int(used) * MIB]
    assert re.search(f'<allocation[^>]*>{int(used) * MIB}<', host.virsh('vol-dumpxml', 'mapped', '--pool', 'r'))
    assert lab.info(host, 'plain', 'r') == [3, 30 * MIB, 30 * MIB]
    host.virsh('pool-destroy', 'r')
    host.virsh('pool-create', lab.write(host, 'pool.xml', pool_xml(secret, extra="<refresh><volume allocation='capacity'/></refresh>")))
    assert lab.info(host, 'mapped', 'r') == [3, 30 * MIB, 30 * MIB]
    host.virsh('pool-destroy', 'r')
    for name in 'mapped', 'plain':
        cluster.rbd('rm', f'rbd/{name}', '--no-progress')


def test_what_was_left_half_made(host, cluster, pool):
    """What others are making is left alone and not shown; a name without an image is free."""
    host.virsh('vol-create-as', 'r', 'v', '8M')
    part = 'rbd/.virtd-part-00000000-00000000-00000000'
    cluster.rbd('rename', 'rbd/v', part)
    host.virsh('pool-refresh', 'r')
    assert lab.volumes(host, 'r') == [] and len(images(cluster)) == 1
    cluster.rbd('rename', part, 'rbd/v')
    cluster.rados('rm', 'rbd_header.' + re.search(r'rbd_data\.(\w+)', cluster.rbd('info', 'rbd/v')).group(1))
    host.virsh('pool-refresh', 'r')
    assert lab.volumes(host, 'r') == [] and images(cluster) == ['v']
    host.virsh('vol-create-as', 'r', 'v', '16M')
    assert 'size 16 MiB' in cluster.rbd('info', 'rbd/v')
    # of a rename that was killed: an id that nothing else knows
    host.virsh('vol-delete', 'v', '--pool', 'r')
    (host.root / 'id').write_bytes(b'\x0c\0\0\0' + b'0123456789ab')
    cluster.rados('put', 'rbd_id.v', f'{host.root}/id')
    host.virsh('vol-create-as', 'r', 'v', '16M')
    assert images(cluster) == ['v'] and lab.info(host, 'v', 'r')[1] == 16 * MIB


def test_what_is_wrong_with_a_pool(host, cluster, secret):
    def fails(xml):
        return host.virsh('pool-create', lab.write(host, 'pool.xml', xml), check=False).stderr

    assert "Does the pool 'nothing' exist?" in fails(pool_xml(secret, source='nothing'))
    bad = "<rbd:config_opts><rbd:option name='no_such_option' value='1'/></rbd:config_opts>"
    assert 'failed to set RADOS option: no_such_option' in fails(pool_xml(secret, extra=bad))
    assert 'failed to connect to the RADOS monitor on: 127.0.0.1:1' in fails(pool_xml(secret, extra=options(2), monitor="<host name='127.0.0.1' port='1'/>"))
    wrong = lab.make_secret(host, 'ceph', 'wrong', b'\1\0' + bytes(8) + b'\x10\0' + os.urandom(16))
    assert 'refused' in fails(pool_xml(f"uuid='{wrong}'"))
    assert 'no secret' in fails(pool_xml("usage='nobody has it'")).lower()
    assert lab.names(host.virsh('pool-list', '--all')) == []


def test_the_key_shows_nowhere(host, cluster, pool):
    host.virsh('vol-create-as', 'r', 'v', '8M')
    raw = base64.b64decode(cluster.key)
    assert cluster.key not in host.virsh('pool-dumpxml', 'r')
    found = lab.mentions(host, cluster.key) + lab.mentions(host, raw.hex())
    assert [path for path in found if not str(path).startswith(str(cluster.root))] == []


@pytest.mark.parametrize('kind', ['volume', 'network'])
def test_a_guest_boots_from_an_image(host, cluster, secret, pool, guest, kind):
    g = guest(f'rbd-{kind}')
    host.virsh('vol-create-as', 'r', 'disk', '1M')
    host.virsh('vol-upload', 'disk', str(host.root / 'images/bootsector.img'), '--pool', 'r')
    source = {'volume': "<source pool='r' volume='disk'/>",
              'network': f"<auth username='{ceph.USER}'><secret type='ceph' {secret}/></auth><source protocol='rbd' name='rbd/disk'>"
                         f"<host name='127.0.0.1' port='{ceph.MONITOR}'/></source>"}[kind]
    lab.boot_from(host, g, f"<disk type='{kind}' device='disk'><driver name='qemu' type='raw'/>{source}<target dev='hda' bus='ide'/></disk>")
    assert 'somebody has the image open' in host.virsh('vol-delete', 'disk', '--pool', 'r', check=False).stderr
    assert [path for path in lab.mentions(host, cluster.key) if not str(path).startswith(str(cluster.root))] == []
    host.virsh('destroy', g.name)
    wait_until(lambda: host.virsh('vol-delete', 'disk', '--pool', 'r', check=False).returncode == 0, 'Ceph notices that the guest is gone')


def state(host):
    return re.search(r'State: +(\w+)', host.virsh('pool-info', 'r')).group(1)


def test_a_dead_cluster_keeps_nobody_waiting(host, cluster, secret):
    """Its own calls fail when their time is over; all others are answered, by a new life of the daemon too; it comes back by itself."""
    host.virsh('pool-create', lab.write(host, 'pool.xml', pool_xml(secret, extra=options(3))))
    (host.root / 'alive').mkdir()
    host.virsh('pool-create-as', 'alive', 'dir', '--target', f'{host.root}/alive')
    host.virsh('vol-create-as', 'r', 'v', '8M')
    cluster.freeze()
    try:
        waiting = [host.spawn('virsh', 'vol-wipe', 'v', '--pool', 'r') for _ in range(12)]
        for _ in range(3):
            assert set(lab.names(host.virsh('pool-list'))) == {'alive', 'r'}
            host.virsh('vol-create-as', 'alive', 'x', '1M', timeout=10)
            host.virsh('vol-delete', 'x', '--pool', 'alive', timeout=10)
        for lines in waiting:
            lines.expect('error:')
        wait_until(lambda: state(host) == 'degraded', 'the pool is degraded')
        assert 'is degraded since' in host.virsh('vol-create-as', 'r', 'w', '1M', check=False, timeout=10).stderr
        lab.kill(host)
        assert set(lab.names(host.virsh('pool-list', timeout=10))) == {'alive', 'r'}
        host.virsh('vol-create-as', 'alive', 'y', '1M', timeout=10)
        wait_until(lambda: state(host) == 'degraded', 'the pool is degraded again')
    finally:
        cluster.thaw()
    wait_until(lambda: state(host) == 'running', 'the pool is well again')
    assert lab.info(host, 'v', 'r')[1] == 8 * MIB
    lab.remove_pools(host)
    cluster.empty()
