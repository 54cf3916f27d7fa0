"""Storage that is full, read-only or without its tools, and volumes that can't be: the reason is said, nothing is left, what was there
stays, and when the cause is gone it works."""
import fcntl
import os
import subprocess

import pytest
from harness import wait_until
from storagelab import digest, info, make_secret, remove_pools, remove_secrets, start_dir_pool, volumes, write

MIB = 1 << 20


@pytest.fixture(autouse=True)
def none_left(host):
    yield
    remove_pools(host)
    remove_secrets(host)
    subprocess.run(['rm', '-rf', host.root / 'pools'], check=True)


@pytest.fixture
def small(host):
    """A pool of 8 MiB, on a file system of its own that only the private host sees."""
    path = host.root / 'pools/p'
    path.mkdir(parents=True)
    host.run('mount', '-t', 'tmpfs', '-o', 'size=8M,mode=0711', 'tmpfs', str(path))
    start_dir_pool(host)
    yield path
    host.virsh('pool-destroy', 'p', check=False)
    host.run('umount', '-l', str(path))


def inside(host, path):
    return sorted(host.run('ls', '-A', str(path)).stdout.split())


def full(done):
    assert done.returncode != 0 and 'No space left' in done.stderr, done.stderr
    return True


def test_a_full_disk(host, small):
    assert full(host.virsh('vol-create-as', 'p', 'v', '16M', check=False)) and inside(host, small) == []
    host.virsh('vol-create-as', 'p', 'half', '5M')
    assert full(host.virsh('vol-clone', 'half', 'copy', '--pool', 'p', check=False)) and inside(host, small) == ['half']
    xml = write(host, 'vol.xml', "<volume><name>img</name><target><format type='qcow2'/></target></volume>")
    with open(host.root / 'data', 'wb') as file:
        file.write(os.urandom(5 * MIB))
    host.virsh('vol-upload', 'half', str(host.root / 'data'), '--pool', 'p')
    assert full(host.virsh('vol-create-from', 'p', xml, '--inputpool', 'p', 'half', check=False)) and inside(host, small) == ['half']
    host.virsh('vol-create-as', 'p', 'sparse', '16M', '--allocation', '0')
    with open(host.root / 'large', 'wb') as file:
        file.write(os.urandom(6 * MIB))
    assert full(host.virsh('vol-upload', 'sparse', str(host.root / 'large'), '--pool', 'p', check=False))
    host.virsh('vol-delete', 'sparse', '--pool', 'p')
    assert full(host.virsh('vol-resize', 'half', '16M', '--pool', 'p', '--allocate', check=False))
    assert info(host, 'half')[1] == 5 * MIB
    host.virsh('vol-download', 'half', str(host.root / 'back'), '--pool', 'p')
    assert digest(host.root / 'back') == digest(host.root / 'data')
    host.virsh('vol-create-as', 'p', 'fits', '1M')
    assert inside(host, small) == ['fits', 'half']


def test_a_disk_that_can_not_be_written(host, small):
    host.virsh('vol-create-as', 'p', 'v', '1M')
    host.run('mount', '-o', 'remount,ro', str(small))
    for command in (('vol-create-as', 'p', 'w', '1M'), ('vol-delete', 'v', '--pool', 'p'), ('vol-resize', 'v', '2M', '--pool', 'p'),
                    ('vol-wipe', 'v', '--pool', 'p'), ('vol-clone', 'v', 'w', '--pool', 'p')):
        done = host.virsh(*command, check=False)
        assert done.returncode and 'Read-only file system' in done.stderr, (command, done.stderr)
    assert volumes(host) == ['v'] and inside(host, small) == ['v']
    host.run('mount', '-o', 'remount,rw', str(small))
    host.virsh('vol-delete', 'v', '--pool', 'p')


def test_a_full_journal_directory(host):
    """What can't be noted is not begun."""
    pool = start_dir_pool(host)
    host.virsh('vol-create-as', 'p', 'v', '1M')
    (pool / 'v').write_bytes(b'x' * MIB)
    left = host.root / 'var/lib/libvirt/storage-unfinished'
    left.mkdir(parents=True, exist_ok=True)
    host.run('mount', '-t', 'tmpfs', '-o', 'size=4k,nr_inodes=2', 'tmpfs', str(left))
    host.run('sh', '-c', f'echo full >{left}/x')
    done = host.virsh('vol-wipe', 'v', '--pool', 'p', check=False)
    host.run('umount', '-l', str(left))
    assert "cannot note that storage pool 'p'" in done.stderr and (pool / 'v').read_bytes() == b'x' * MIB
    host.virsh('vol-wipe', 'v', '--pool', 'p')
    assert (pool / 'v').read_bytes() == bytes(MIB)


def test_sizes_that_can_not_be(host):
    pool = start_dir_pool(host)
    for size in ('16E', '18446744073709551615'):
        assert host.virsh('vol-create-as', 'p', 'v', size, check=False).returncode
        assert host.virsh('vol-create-as', 'p', 'v', size, '--format', 'qcow2', check=False).returncode
    assert host.virsh('vol-create-as', 'p', 'v', '100P', '--allocation', '0', check=False).returncode
    host.virsh('vol-create-as', 'p', 'v', '1M')
    for size, options in (('18446744073709551615', ()), ('18446744073709551615', ('--delta',)), ('9223372036854775807', ('--delta',)),
                          ('100P', ()), ('512K', ())):
        done = host.virsh('vol-resize', 'v', size, '--pool', 'p', *options, check=False)
        assert done.returncode, (size, options)
    assert [p.name for p in pool.iterdir()] == ['v']


def test_names_that_begin_with_a_dot(host):
    """They are found again by the next life."""
    path = start_dir_pool(host, '.dot')
    host.virsh('pool-autostart', '.dot')
    host.virsh('vol-create-as', '.dot', '.v', '1M')
    host.run('pkill', '-KILL', '-x', 'virtstoraged')
    assert volumes(host, '.dot') == ['.v'] and (path / '.v').exists()
    assert 'Autostart:      yes' in host.virsh('pool-info', '.dot')


def test_a_directory_that_two_daemons_share(host):
    """What one is making the other does not sweep."""
    pool = start_dir_pool(host)
    living = pool / '.virtd-part-1111111111111111'
    left = pool / '.virtd-part-2222222222222222'
    with open(living, 'wb') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        left.write_bytes(b'x')
        host.virsh('pool-destroy', 'p')
        host.virsh('pool-start', 'p')
        assert living.exists() and not left.exists() and volumes(host) == []
    living.unlink()


def test_a_volume_that_is_being_filled(host):
    """Is neither copied, nor wiped, nor filled by somebody else; it may be read."""
    pool = start_dir_pool(host)
    host.virsh('vol-create-as', 'p', 'v', '8M', '--allocation', '0')
    fifo = host.root / 'fifo'
    os.mkfifo(fifo)
    upload = host.spawn('virsh', '-c', host.uri, 'vol-upload', 'v', str(fifo), '--pool', 'p')
    with open(fifo, 'wb') as pipe:
        pipe.write(b'x' * 2 * MIB)
        pipe.flush()
        wait_until(lambda: (pool / 'v').stat().st_blocks > 0, 'the upload runs')
        assert 'is being changed' in host.virsh('vol-clone', 'v', 'copy', '--pool', 'p', check=False).stderr
        assert 'in use' in host.virsh('vol-wipe', 'v', '--pool', 'p', check=False).stderr
        host.virsh('vol-download', 'v', str(host.root / 'seen'), '--pool', 'p')
    upload.process.wait()
    host.virsh('vol-clone', 'v', 'copy', '--pool', 'p')


def test_names_that_can_not_be(host):
    pool = start_dir_pool(host)
    for name in ('.virtd-part-x', 'x' * 256, 'x' * 4096, '/', 'a/../../b', '.', '..', 'a\nb'):
        xml = write(host, 'vol.xml', f'<volume><name>{name}</name><capacity>4096</capacity></volume>')
        assert host.virsh('vol-create', 'p', xml, check=False).returncode, name
    assert list(pool.iterdir()) == [] and volumes(host) == []
    accepted = 0
    for name in ('-h', '--help', 'json:{}', 'nbd:x', 'fat:rw:x', 'a,b=c', ' ', 'ä', "it's", '%s%n'):
        for kind in ('raw', 'qcow2'):
            xml = write(host, 'vol.xml', "<volume><name>" + name + f"</name><capacity>{MIB}</capacity><target><format type='{kind}'/></target></volume>")
            if host.virsh('vol-create', 'p', xml, check=False).returncode:
                continue  # refused; but never anything else than a file of that name
            assert [p.name for p in pool.iterdir()] == [name]
            xml = write(host, 'vol.xml', "<volume><name>copy</name><target><format type='qcow2'/></target></volume>")
            host.virsh('vol-create-from', 'p', xml, '--inputpool', 'p', '--vol', name)
            host.virsh('vol-delete', 'copy', '--pool', 'p')
            host.virsh('vol-delete', '--vol', name, '--pool', 'p')
            accepted += 1
    assert accepted >= 10, 'nearly all names were refused: nothing was tried'


@pytest.mark.parametrize('format', ['raw', 'qcow2', 'qed', 'vmdk', 'vdi', 'vpc', 'qcow'])
def test_headers_that_are_cut(host, format):
    """At every length of the first 600 bytes: listed as something, and neither the daemon nor a copy of it falls over."""
    pool = start_dir_pool(host)
    subprocess.run(['qemu-img', 'create', '-q', '-f', format, host.root / 'whole', '1M'], check=True)
    whole = (host.root / 'whole').read_bytes()
    for length in range(0, min(len(whole), 600), 7):
        (pool / f'cut{length}').write_bytes(whole[:length])
    pid = host.daemon_pid('virtstoraged')
    host.virsh('pool-refresh', 'p')
    assert len(volumes(host)) == len(list(pool.iterdir()))
    for name in volumes(host)[::20]:
        host.virsh('vol-dumpxml', name, '--pool', 'p')
        host.virsh('vol-clone', name, 'copy', '--pool', 'p', check=False)
        host.virsh('vol-delete', 'copy', '--pool', 'p', check=False)
    assert host.daemon_pid('virtstoraged') == pid


def test_a_tool_that_is_missing(host):
    """qemu-img can't be executed: only what needs it fails, and says so."""
    pool = start_dir_pool(host)
    host.run('mount', '--bind', '/dev/null', '/usr/bin/qemu-img')
    done = host.virsh('vol-create-as', 'p', 'v', '1M', '--format', 'qcow2', check=False)
    host.virsh('vol-create-as', 'p', 'raw', '1M')
    host.run('umount', '/usr/bin/qemu-img')
    assert 'qemu-img' in done.stderr and ('package qemu-utils' in done.stderr or 'cannot start' in done.stderr), done.stderr
    assert [p.name for p in pool.iterdir()] == ['raw']


def test_secrets_that_are_not_there(host):
    """Of a volume's passphrase: no such secret, one without a value, the daemon of secrets gone in between."""
    pool = start_dir_pool(host)
    uuid = make_secret(host, 'volume', 'x', b'passphrase')
    text = "<volume><name>v</name><capacity>1048576</capacity><target><format type='qcow2'/><encryption format='luks'><secret type='passphrase' {}/></encryption></target></volume>"
    for reference in ("uuid='11111111-2222-3333-4444-555555555555'", "usage='nobody'"):
        done = host.virsh('vol-create', 'p', write(host, 'vol.xml', text.format(reference)), check=False)
        assert done.returncode and "passphrase of volume 'v'" in done.stderr, done.stderr
    assert list(pool.iterdir()) == []
    host.run('pkill', '-KILL', '-x', 'virtsecretd', check=False)
    host.virsh('vol-create', 'p', write(host, 'vol.xml', text.format(f"uuid='{uuid}'")))
