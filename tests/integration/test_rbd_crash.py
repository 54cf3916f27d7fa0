"""Every durable step of what changes images in Ceph, with virtstoraged killed (SIGKILL) right there: afterwards there is the old state
or the new one, nothing half-made is listed, the same change can be made again, and what is left in Ceph goes."""
import base64

import pytest

import ceph
import storagelab as lab
from harness import wait_until
from test_rbd import pool_xml

HOST = {'netns': True, 'faults': True}
MIB = 1 << 20


@pytest.fixture(scope='module')
def cluster(host):
    started = ceph.Ceph(host)
    key = lab.make_secret(host, 'ceph', 'key', base64.b64decode(started.key))
    host.virsh('pool-define', lab.write(host, 'pool.xml', pool_xml(f"uuid='{key}'")))
    host.virsh('pool-start', 'r')
    yield started
    host.kill_at(0)
    lab.remove_pools(host)
    started.end()


def hidden(cluster):
    return [name for name in cluster.rbd('ls', '-p', ceph.POOL).split() if name.startswith('.')]


def nothing_is_left(host, cluster):
    """Ceph notices after some seconds that whoever watched an image is dead."""
    def swept():
        host.virsh('pool-refresh', 'r')
        return hidden(cluster) == []
    wait_until(swept, 'what was half-made is swept')
    assert sorted(lab.volumes(host, 'r')) == sorted(cluster.rbd('ls', '-p', ceph.POOL).split())


def making(host, cluster, arguments, right):
    def check(got_through):
        there = 'v' in lab.volumes(host, 'r')
        assert there or not got_through
        assert ('v' in cluster.rbd('ls', '-p', ceph.POOL).split()) == there
        if there:
            assert right()
            wait_until(lambda: host.virsh('vol-delete', 'v', '--pool', 'r', check=False).returncode == 0, 'it is deleted')
    assert len(lab.at_every_point(host, lambda: host.virsh(*arguments, check=False), check)) >= 4
    nothing_is_left(host, cluster)


def test_creating(host, cluster):
    making(host, cluster, ('vol-create-as', 'r', 'v', '8M'), lambda: lab.info(host, 'v', 'r') == [3, 8 * MIB, 0])


def test_cloning(host, cluster):
    host.virsh('vol-create-as', 'r', 'source', '8M')
    data = lab.random_file(host, 'data', MIB)
    host.virsh('vol-upload', 'source', str(data), '--pool', 'r')

    def right():
        host.virsh('vol-download', 'v', f'{host.root}/back', '--pool', 'r', '--length', str(MIB))
        return (host.root / 'back').read_bytes() == data.read_bytes() and lab.info(host, 'v', 'r')[1] == 16 * MIB
    xml = lab.write(host, 'vol.xml', "<volume><name>v</name><capacity unit='M'>16</capacity></volume>")
    making(host, cluster, ('vol-create-from', 'r', xml, 'source', '--inputpool', 'r'), right)
    wait_until(lambda: host.virsh('vol-delete', 'source', '--pool', 'r', check=False).returncode == 0, 'nothing lies upon it')


def test_copying(host, cluster):
    path = lab.start_dir_pool(host, 'd')
    (path / 'f').write_bytes(lab.random_file(host, 'data', 5 * MIB).read_bytes())
    host.virsh('pool-refresh', 'd')

    def right():
        host.virsh('vol-download', 'v', f'{host.root}/back', '--pool', 'r')
        return lab.digest(host.root / 'back') == lab.digest(path / 'f')
    xml = lab.write(host, 'vol.xml', '<volume><name>v</name></volume>')
    making(host, cluster, ('vol-create-from', 'r', xml, 'f', '--inputpool', 'd'), right)


def test_resizing(host, cluster):
    host.virsh('vol-create-as', 'r', 'v', '8M')

    def check(got_through):
        capacity = lab.info(host, 'v', 'r')[1]
        assert capacity == 12 * MIB or (capacity == 8 * MIB and not got_through)
        if capacity == 12 * MIB:
            host.virsh('vol-resize', 'v', '8M', '--pool', 'r', '--shrink')
    lab.at_every_point(host, lambda: host.virsh('vol-resize', 'v', '12M', '--pool', 'r', check=False), check)
    wait_until(lambda: host.virsh('vol-delete', 'v', '--pool', 'r', check=False).returncode == 0, 'it is deleted')


def test_deleting(host, cluster):
    def make():
        host.virsh('vol-create-as', 'r', 'v', '8M')
        cluster.rbd('snap', 'create', 'rbd/v@s', '--no-progress')
    make()

    def check(got_through):
        there = 'v' in lab.volumes(host, 'r')
        assert ('v' in cluster.rbd('ls', '-p', ceph.POOL).split()) == there and not (there and got_through)
        if not there:
            make()
        elif '@s' not in cluster.rbd('ls', '-l', '-p', ceph.POOL):
            cluster.rbd('snap', 'create', 'rbd/v@s', '--no-progress')

    def delete():
        wait_until(lambda: 'Watchers: none' in cluster.rbd('status', 'rbd/v'), 'Ceph notices that who had it open is dead')
        return host.virsh('vol-delete', 'v', '--pool', 'r', '--delete-snapshots', check=False)
    assert len(lab.at_every_point(host, delete, check)) >= 3
