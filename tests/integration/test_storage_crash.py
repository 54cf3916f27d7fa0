"""Every durable step of what changes pools and volumes, with virtstoraged killed (SIGKILL) right there: once for each point, until the
change gets through. After each kill there is the old state or the new one, complete; nothing half-made is listed or left on the disk, and
the same change can be made again."""
import os
import re
import subprocess

import pytest
import storagelab
from harness import wait_until
from storagelab import digest, info, remove_pools, start_dir_pool, volumes, write

HOST = {'faults': True}
MIB = 1 << 20
killed, ran = [], set()  # of all tests of this script


@pytest.fixture(autouse=True)
def none_left(host, request):
    yield
    ran.add(request.function.__name__)
    host.kill_at(0)
    remove_pools(host)
    subprocess.run(['rm', '-rf', host.root / 'pools'], check=True)


@pytest.fixture
def pool(host):
    return start_dir_pool(host)


def hidden(pool):
    return [p.name for p in pool.iterdir() if p.name.startswith('.')]


def at_every_point(host, change, check):
    killed.extend(storagelab.at_every_point(host, change, check))


def making(host, pool, arguments, name='v', right=lambda path: True):
    def check(got_through):
        there = name in volumes(host)
        assert there or not got_through
        assert (name in os.listdir(pool)) == there and hidden(pool) == []
        assert not there or right(pool / name)
        if there:
            host.virsh('vol-delete', name, '--pool', 'p')
    at_every_point(host, lambda: host.virsh(*arguments, check=False), check)


@pytest.mark.parametrize('options', [(), ('--allocation', '0'), ('--format', 'iso')])
def test_creating(host, pool, options):
    making(host, pool, ('vol-create-as', 'p', 'v', '1M', *options), right=lambda path: path.stat().st_size == MIB)


@pytest.mark.parametrize('format', ['qcow2', 'qed', 'vmdk', 'vdi'])
def test_creating_an_image(host, pool, format):
    making(host, pool, ('vol-create-as', 'p', 'v', '1G', '--format', format),
           right=lambda path: subprocess.run(['qemu-img', 'info', '-f', format, path], stdout=subprocess.DEVNULL).returncode == 0)


def test_creating_a_directory(host, pool):
    making(host, pool, ('vol-create-as', 'p', 'v', '0', '--format', 'dir'), right=lambda path: path.is_dir())


def test_cloning(host, pool):
    host.virsh('vol-create-as', 'p', 'source', '33M')
    (pool / 'source').write_bytes(os.urandom(33 * MIB))
    wanted = digest(pool / 'source')
    making(host, pool, ('vol-clone', 'source', 'v', '--pool', 'p'), right=lambda path: digest(path) == wanted)
    assert digest(pool / 'source') == wanted


@pytest.mark.parametrize('to', ['raw', 'qcow2', 'vdi'])
def test_cloning_an_image(host, pool, to):
    host.virsh('vol-create-as', 'p', 'source', '8M', '--format', 'qcow2')
    subprocess.run(['qemu-io', '-f', 'qcow2', '-c', 'write -P 7 1M 5M', pool / 'source'], check=True, stdout=subprocess.DEVNULL)
    xml = write(host, 'vol.xml', f"<volume><name>v</name><target><format type='{to}'/></target></volume>")
    making(host, pool, ('vol-create-from', 'p', xml, '--inputpool', 'p', 'source'),
           right=lambda path: subprocess.run(['qemu-img', 'compare', '-q', '-f', to, '-F', 'qcow2', path, pool / 'source']).returncode == 0)


def test_deleting(host, pool):
    host.virsh('vol-create-as', 'p', 'v', '1M')

    def check(got_through):
        there = 'v' in volumes(host)
        assert ('v' in os.listdir(pool)) == there and not (there and got_through)
        if not there:
            host.virsh('vol-create-as', 'p', 'v', '1M')
    at_every_point(host, lambda: host.virsh('vol-delete', 'v', '--pool', 'p', check=False), check)


@pytest.mark.parametrize('format, options', [('raw', ()), ('raw', ('--allocate',)), ('qcow2', ())])
def test_resizing(host, pool, format, options):
    host.virsh('vol-create-as', 'p', 'v', '1M', '--format', format)
    content = ['qemu-io', '-f', format, '-c', 'read -P 9 0 1M', pool / 'v']
    subprocess.run(['qemu-io', '-f', format, '-c', 'write -P 9 0 1M', pool / 'v'], check=True, stdout=subprocess.DEVNULL)

    def check(got_through):
        capacity = info(host, 'v')[1]
        assert capacity == 4 * MIB or (capacity == MIB and not got_through)
        assert 'failed' not in subprocess.run(content, check=True, capture_output=True, text=True).stdout
        if capacity == 4 * MIB:
            host.virsh('vol-resize', 'v', '1M', '--pool', 'p', '--shrink')
    at_every_point(host, lambda: host.virsh('vol-resize', 'v', '4M', '--pool', 'p', *options, check=False), check)


@pytest.mark.parametrize('algorithm, last', [('bsi', b'\x7f'), ('dod', b'\xff'), ('zero', b'\0')])
def test_wiping(host, pool, algorithm, last):
    """What was begun is ended by the next life."""
    host.virsh('vol-create-as', 'p', 'v', '2M')

    def check(got_through):
        left = host.root / 'var/lib/libvirt/storage-unfinished'
        noted = left.exists() and [name for name in os.listdir(left) if name[0] != '.']
        host.virsh('vol-info', 'v', '--pool', 'p')
        if noted or got_through:
            wait_until(lambda: os.listdir(left) == [], 'the wiping ends')
            assert (pool / 'v').read_bytes() == last * (2 * MIB)
        (pool / 'v').write_bytes(b'secret!!' * (MIB // 4))
    check(False)
    at_every_point(host, lambda: host.virsh('vol-wipe', 'v', '--pool', 'p', '--algorithm', algorithm, check=False), check)


def test_pools(host):
    """Defining, building, starting, autostart, stopping, deleting, undefining: each again and again until it gets through."""
    path = host.root / 'pools/q'
    xml = write(host, 'pool.xml', f"<pool type='dir'><name>q</name><target><path>{path}</path></target></pool>")

    def shown(pattern):
        return re.search(pattern, host.virsh('pool-info', 'q', check=False).stdout or '') is not None

    def through(*arguments, done):
        def check(got_through):
            assert done() or not got_through
        # What was done already is not an error to make a fuss of: the client was killed off before it heard.
        def change():
            result = host.virsh(*arguments, check=False)
            if result.returncode and done():
                result.returncode = 0
            return result
        at_every_point(host, change, check)
    through('pool-define', xml, done=lambda: shown('Persistent: +yes'))
    through('pool-build', 'q', done=path.is_dir)
    through('pool-start', 'q', done=lambda: shown('State: +running'))
    through('pool-autostart', 'q', done=lambda: shown('Autostart: +yes'))
    through('pool-destroy', 'q', done=lambda: shown('State: +inactive'))
    through('pool-delete', 'q', done=lambda: not path.exists())
    through('pool-undefine', 'q', done=lambda: not shown('Name'))
    assert not (host.root / 'etc/libvirt/storage/q.xml').exists()


def test_there_were_enough(host, request):
    """Of the tests above, when all of them ran."""
    here = {name for name in vars(request.module) if name.startswith('test_')} - {'test_there_were_enough'}
    if here - ran:
        pytest.skip(f'only some of the tests were asked for, without {", ".join(sorted(here - ran))}')
    kinds = {step: killed.count(step) for step in killed}
    print(len(killed), 'kills:', kinds)
    assert len(killed) >= 100
