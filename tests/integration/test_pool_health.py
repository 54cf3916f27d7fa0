"""Pools whose source goes away, hangs, or is changed by others: what is degraded says why, fails at once, comes back by itself, and
keeps nothing else waiting. A file system that never answers is made by FUSE without a server."""
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import wait_until
from storagelab import kill, remove_pools, start_dir_pool, volumes, write

HANGING = '''
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
fuse = os.open('/dev/fuse', os.O_RDWR)
options = f'fd={fuse},rootmode=40000,user_id=0,group_id=0'
if libc.mount(b'hanging', sys.argv[1].encode(), b'fuse', 0, options.encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
print('hangs', flush=True)
time.sleep(3600)
'''


@pytest.fixture(autouse=True)
def none_left(host):
    yield
    remove_pools(host)
    subprocess.run(['rm', '-rf', host.root / 'pools'], check=True)


def state(host, pool='p'):
    return re.search(r'State: +(\w+)', host.virsh('pool-info', pool)).group(1)


def cpu_seconds(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Hanging:
    """A file system over path, as the daemons see it, that answers nothing."""

    def __init__(self, host, path):
        self.host, self.path = host, path
        self.process = host.spawn('/usr/bin/python3', '-c', HANGING, str(path))
        self.process.expect('hangs')

    def end(self):
        self.host.run('pkill', '-KILL', '-f', f'hangs.*{self.path}')  # what waits for it fails now
        self.process.process.wait()
        self.host.run('umount', '-l', str(self.path))


@pytest.fixture
def hanging(host):
    if not os.access('/dev/fuse', os.R_OK | os.W_OK):
        pytest.skip('this kernel has no FUSE, by which a file system is made that hangs')
    made = []

    def make(path):
        made.append(Hanging(host, path))
        return made[-1]
    yield make
    for one in made:
        if one.process.process.poll() is None:
            one.end()


def test_a_directory_that_goes_away_and_comes_back(host):
    pool = start_dir_pool(host)
    host.virsh('vol-create-as', 'p', 'v', '1M')
    os.rename(pool, f'{pool}.away')
    wait_until(lambda: state(host) == 'degraded', 'that is noticed without being asked')
    assert 'cannot open directory' in host.virsh('pool-refresh', 'p', check=False).stderr
    assert state(host) == 'degraded' and volumes(host) == ['v']
    failed = host.virsh('vol-create-as', 'p', 'w', '1M', check=False)
    assert re.search(r"'p' is degraded since \d{4}-\d\d-\d\d [\d:]+: cannot open directory", failed.stderr)
    assert 'p' in host.virsh('pool-list')
    os.rename(f'{pool}.away', pool)
    wait_until(lambda: state(host) == 'running', 'the pool is well again')
    host.virsh('vol-create-as', 'p', 'w', '1M')
    os.rename(pool, f'{pool}.away')
    kill(host)
    wait_until(lambda: state(host) == 'degraded', 'the daemon finds out after its restart')
    host.virsh('pool-destroy', 'p')
    assert state(host) == 'inactive'


def test_changes_of_others_are_seen(host):
    """Without a refresh: files that came, went and became images."""
    pool = start_dir_pool(host)
    (pool / 'new').write_bytes(b'x' * 4096)
    wait_until(lambda: volumes(host) == ['new'], 'a file that came')
    (pool / '.virtd-part-0000000000000000').write_bytes(b'x')
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', pool / 'image', '3G'], check=True)
    wait_until(lambda: volumes(host) == ['image', 'new'], 'an image that came')
    wait_until(lambda: "<format type='qcow2'/>" in host.virsh('vol-dumpxml', 'image', '--pool', 'p'), 'it is known as one')
    (pool / 'new').unlink()
    wait_until(lambda: volumes(host) == ['image'], 'a file that went')


def test_what_a_guest_writes_changes_no_format(host):
    """Somebody who may write a raw volume writes the header of an image there: it stays raw, also in
    the daemon's next life and after the pool's next start, until somebody asks for another look."""
    pool = start_dir_pool(host)
    host.virsh('vol-create-as', 'p', 'raw', '1M')
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', '/etc/shadow', '-F', 'raw', host.root / 'evil', '1T'], check=True)
    header = (host.root / 'evil').read_bytes()
    with open(pool / 'raw', 'r+b') as file:
        file.write(header)
    host.virsh('vol-create-as', 'p', 'later', '1M')
    wait_until(lambda: 'later' in volumes(host), 'events were seen')

    def is_raw():
        dump = host.virsh('vol-dumpxml', 'raw', '--pool', 'p')
        return "<format type='raw'/>" in dump and '<backingStore' not in dump and "<capacity unit='bytes'>1048576<" in dump
    assert all(is_raw() for _ in range(3))
    kill(host)
    assert is_raw()
    host.virsh('pool-destroy', 'p')
    host.virsh('pool-start', 'p')
    assert is_raw()
    host.virsh('pool-refresh', 'p')
    assert not is_raw() and '/etc/shadow' in host.virsh('vol-dumpxml', 'raw', '--pool', 'p')
    kill(host)
    assert not is_raw()


def test_a_pool_that_hangs_hangs_alone(host, hanging):
    pool = start_dir_pool(host)
    start_dir_pool(host, 'other')
    host.virsh('vol-create-as', 'p', 'v', '1M')
    stuck = hanging(pool)
    waiting = host.spawn('virsh', '-c', host.uri, 'pool-refresh', 'p')
    for _ in range(5):
        assert 'other' in host.virsh('pool-list') and state(host, 'other') == 'running'
        host.virsh('vol-create-as', 'other', 'w', '1M')
        host.virsh('vol-delete', 'w', '--pool', 'other')
    host.virsh('pool-list', '--details')
    assert waiting.process.poll() is None, 'it was not waiting for the file system'
    wait_until(lambda: state(host) == 'degraded', 'it is found out', deadline=60)
    waiting.expect('error: .*gave up waiting for finding the pool', deadline=60)
    kill(host)
    listing = host.spawn('virsh', '-c', host.uri, 'vol-list', 'p')  # waits until it is known whether the pool is there
    assert {'p', 'other'} <= set(line.split()[0] for line in host.virsh('pool-list').splitlines()[2:] if line.split())
    assert volumes(host, 'other') == []
    host.virsh('vol-create-as', 'other', 'w', '1M')
    assert host.virsh('vol-path', 'w', '--pool', 'other').strip().endswith('/other/w')
    wait_until(lambda: state(host) == 'degraded', 'the new life finds it out too', deadline=60)
    assert listing.process.wait(60) == 0
    assert cpu_seconds(host.daemon_pid('virtstoraged')) < 3, 'who waits goes round and round'
    stuck.end()
    wait_until(lambda: state(host) == 'running', 'it is well again', deadline=90)
    assert volumes(host) == ['v']


def test_what_hangs_takes_no_more_than_two_workers(host, hanging):
    """However often it is tried. And it can be ended while it hangs."""
    pool = start_dir_pool(host)
    hanging(pool)

    def threads():
        return len(os.listdir(f'/proc/{host.daemon_pid("virtstoraged")}/task'))
    tries = [host.spawn('virsh', '-c', host.uri, 'pool-refresh', 'p') for _ in range(6)]
    for one in tries:
        one.expect('error: ', deadline=90)
    failed = host.virsh('pool-refresh', 'p', check=False)
    assert 'earlier operations' in failed.stderr, failed.stderr
    assert threads() <= 6
    host.virsh('pool-destroy', 'p')
    assert state(host) == 'inactive'


def test_a_refresh_in_the_middle_of_the_end(host, hanging):
    """Ending a pool waits for the refresh that runs; another one that comes meanwhile finds a pool that is being stopped."""
    pool = start_dir_pool(host)
    hanging(pool)
    daemon = host.daemon_pid('virtstoraged')
    first = host.spawn('virsh', '-c', host.uri, 'pool-refresh', 'p')
    wait_until(lambda: any(path.read_text().startswith('fuse_') for path in Path(f'/proc/{daemon}/task').glob('*/wchan')), 'the refresh hangs')
    end = host.spawn('virsh', '-c', host.uri, 'pool-destroy', 'p')
    wait_until(lambda: 'stopping' in (host.root / 'run/libvirt/storage/p.xml').read_text(), 'the pool is being stopped')
    failed = host.virsh('pool-refresh', 'p', check=False)
    assert "storage pool 'p' is being stopped" in failed.stderr
    failed = host.virsh('vol-create-as', 'p', 'v', '1M', check=False)
    assert failed.returncode != 0
    end.expect('destroyed')
    first.expect('error: ')
    assert state(host) == 'inactive' and host.daemon_pid('virtstoraged') == daemon


def test_creation_and_reading_at_the_same_time(host):
    """Refreshes in a row, creations and deletions in another: nobody waits for the other's end, and at last all is as on the disk."""
    pool = start_dir_pool(host)
    script = write(host, 'churn.py', '''
import libvirt, sys, threading
def churn(n):
    pool = libvirt.open().storagePoolLookupByName('p')
    for i in range(60):
        volume = pool.createXML(f"<volume><name>{n}-{i}</name><capacity>4096</capacity></volume>")
        if i % 3 == 0:
            volume.delete()
def refresh():
    pool = libvirt.open().storagePoolLookupByName('p')
    while not over.is_set():
        pool.refresh()
over = threading.Event()
refreshing = threading.Thread(target=refresh)
refreshing.start()
makers = [threading.Thread(target=churn, args=(n,)) for n in range(3)]
[m.start() for m in makers]
[m.join() for m in makers]
over.set()
refreshing.join()
print(*sorted(libvirt.open().storagePoolLookupByName('p').listVolumes()))
''')
    listed = host.run('/usr/bin/python3', script).stdout.split()
    assert listed == sorted(p.name for p in pool.iterdir()) and len(listed) == 120
