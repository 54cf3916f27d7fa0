"""Volumes copied, encrypted and wiped, by the stock virsh: from every format to every other, sparse and shared, with backing files that
must not lead out of the pools, and passphrases that nobody sees."""
import os
import re
import subprocess

import pytest
from storagelab import digest, info, make_secret, remove_pools, remove_secrets, start_dir_pool, volumes, write

MIB = 1 << 20
PASSPHRASE = b'correct horse battery'


@pytest.fixture(autouse=True)
def none_left(host):
    yield
    remove_pools(host)
    remove_secrets(host)
    subprocess.run(['rm', '-rf', host.root / 'pools'], check=True)


@pytest.fixture
def pool(host):
    return start_dir_pool(host)


def fill(path, size=8 * MIB):
    """Some data, a hole, some data."""
    with open(path, 'wb') as file:
        file.write(os.urandom(MIB))
        file.truncate(size)
        file.seek(size - MIB)
        file.write(os.urandom(MIB))


def make_xml(host, name, format='raw', capacity=None, extra=''):
    size = f'<capacity>{capacity}</capacity>' if capacity else ''
    return write(host, 'vol.xml', f"<volume><name>{name}</name>{size}<target><format type='{format}'/>{extra}</target></volume>")


def content(path, format, options=()):
    """What a guest sees, by another tool."""
    out = path.with_suffix('.content')
    subprocess.run(['qemu-img', 'convert', '-f', format, '-O', 'raw', *options, path, out], check=True)
    found = digest(out)
    out.unlink()
    return found


def test_a_clone_is_the_same_and_as_sparse(host, pool):
    host.virsh('vol-create-as', 'p', 'a', '8M', '--allocation', '0')
    fill(pool / 'a')
    host.virsh('vol-clone', 'a', 'b', '--pool', 'p', '--prealloc-metadata', check=False)
    assert volumes(host) == ['a']
    host.virsh('vol-create-from', 'p', make_xml(host, 'b'), '--inputpool', 'p', 'a')
    assert digest(pool / 'b') == digest(pool / 'a')
    assert (pool / 'b').stat().st_blocks <= (pool / 'a').stat().st_blocks + 16
    host.virsh('vol-clone', 'a', 'c', '--pool', 'p')
    assert digest(pool / 'c') == digest(pool / 'a') and volumes(host) == ['a', 'b', 'c']
    host.virsh('vol-create-from', 'p', make_xml(host, 'larger', capacity=16 * MIB), '--inputpool', 'p', 'a')
    assert info(host, 'larger')[1] == 16 * MIB and (pool / 'larger').read_bytes()[:8 * MIB] == (pool / 'a').read_bytes()
    failed = host.virsh('vol-create-from', 'p', make_xml(host, 'b'), '--inputpool', 'p', 'a', check=False)
    assert 'exists already' in failed.stderr
    failed = host.virsh('vol-clone', 'a', 'd', '--pool', 'p', '--reflink', check=False)
    assert failed.returncode == 0 or ('share the blocks' in failed.stderr and 'd' not in volumes(host))


@pytest.mark.parametrize('source, to', [('raw', 'qcow2'), ('raw', 'vmdk'), ('raw', 'vdi'), ('raw', 'qed'), ('raw', 'vpc'), ('qcow2', 'raw'),
                                        ('qcow2', 'qcow2')])
def test_formats(host, pool, source, to):
    host.virsh('vol-create-as', 'p', 'a', '8M', '--format', source)
    fill(host.root / 'data')
    subprocess.run(['qemu-img', 'convert', '-n', '-f', 'raw', '-O', source, host.root / 'data', pool / 'a'], check=True)
    host.virsh('vol-create-from', 'p', make_xml(host, 'b', to), '--inputpool', 'p', 'a')
    assert f"<format type='{to}'/>" in host.virsh('vol-dumpxml', 'b', '--pool', 'p')
    seen = content(pool / 'b', to)
    if to == 'vpc':  # rounded up to cylinders
        assert info(host, 'b')[1] >= 8 * MIB
    else:
        assert seen == digest(host.root / 'data')


def test_a_clone_of_an_overlay_has_all_of_it(host, pool):
    host.virsh('vol-create-as', 'p', 'base', '8M')
    fill(pool / 'base')
    host.virsh('vol-create-as', 'p', 'top', '8M', '--format', 'qcow2', '--backing-vol', 'base', '--backing-vol-format', 'raw')
    subprocess.run(['qemu-io', '-f', 'qcow2', '-c', 'write -P 7 2M 1M', pool / 'top'], check=True, stdout=subprocess.DEVNULL)
    host.virsh('vol-create-from', 'p', make_xml(host, 'flat', 'qcow2'), '--inputpool', 'p', 'top')
    assert '<backingStore' not in host.virsh('vol-dumpxml', 'flat', '--pool', 'p')
    assert content(pool / 'flat', 'qcow2') == content(pool / 'top', 'qcow2') != digest(pool / 'base')
    host.virsh('vol-resize', 'top', '16M', '--pool', 'p')
    assert info(host, 'top')[1] == 16 * MIB


def test_backing_files_do_not_lead_out_of_the_pools(host, pool):
    """Who may fill a volume must not read other files of the host by copying it."""
    secret = host.root / 'secret-of-root'
    secret.write_bytes(b'not yours' * 1000)
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'raw', pool / 'evil'], check=True)
    host.virsh('pool-refresh', 'p')
    failed = host.virsh('vol-clone', 'evil', 'copy', '--pool', 'p', check=False)
    assert f"backing file '{secret}' is no volume of an active pool" in failed.stderr
    assert volumes(host) == ['evil'] and [p.name for p in pool.iterdir()] == ['evil']


def test_backing_files_in_circles(host, pool):
    for name, below in (('a', 'b'), ('b', 'a')):
        subprocess.run(['qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', pool / below, '-F', 'qcow2', pool / name, '1M'], check=True)
    host.virsh('pool-refresh', 'p')
    assert 'comes twice' in host.virsh('vol-clone', 'a', 'copy', '--pool', 'p', check=False).stderr
    subprocess.run(['qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', pool / 'l001', '-F', 'qcow2', pool / 'l000', '1M'], check=True)
    for i in range(1, 300):
        (pool / f'l{i:03}').write_bytes((pool / 'l000').read_bytes().replace(b'/l001', f'/l{i + 1:03}'.encode()))
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', pool / 'l300', '1M'], check=True)
    host.virsh('pool-refresh', 'p')
    assert 'more than 200 backing files' in host.virsh('vol-clone', 'l000', 'copy', '--pool', 'p', check=False).stderr
    assert 'copy' not in volumes(host)


def test_links_of_others_are_not_followed(host, pool):
    """Only root's links, and those of the directory's owner, are volumes."""
    target = host.root / 'target'
    target.write_bytes(b'x' * 4096)
    os.symlink(target, pool / 'mine')
    os.symlink(target, pool / 'theirs')
    os.chown(pool / 'theirs', 65534, 65534, follow_symlinks=False)
    host.virsh('pool-refresh', 'p')
    assert volumes(host) == ['mine']
    os.chown(pool / 'mine', 65534, 65534, follow_symlinks=False)
    failed = host.virsh('vol-upload', 'mine', str(target), '--pool', 'p', check=False)
    # It may have been seen already that it is a volume no more.
    assert ('Permission denied' in failed.stderr or 'Storage volume not found' in failed.stderr) and target.read_bytes() == b'x' * 4096


ENCRYPTION = "<encryption format='luks'><secret type='passphrase' uuid='{}'/>{}</encryption>"


def options(path, driver):
    key = 'encrypt.key-secret' if driver == 'qcow2' else 'key-secret'
    return f'driver={driver},file.filename={path},{key}=s'


OBJECT = ['--object', f'secret,id=s,data={PASSPHRASE.decode()}']


def test_an_encrypted_volume(host, pool):
    uuid = make_secret(host, 'volume', f'{pool}/v', PASSPHRASE)
    cipher = "<cipher name='aes' size='256' mode='xts' hash='sha256'/><ivgen name='plain64' hash='sha256'/>"
    host.virsh('vol-create', 'p', make_xml(host, 'v', 'raw', 4 * MIB, ENCRYPTION.format(uuid, cipher)))
    dump = host.virsh('vol-dumpxml', 'v', '--pool', 'p')
    assert "<encryption format='luks'>" in dump and uuid in dump and info(host, 'v')[1] == 4 * MIB
    fill(host.root / 'data', 4 * MIB)
    subprocess.run(['qemu-img', 'convert', '-n', *OBJECT, '-f', 'raw', host.root / 'data', '--target-image-opts', options(pool / 'v', 'luks')],
                   check=True)
    host.virsh('pool-refresh', 'p')
    # The passphrase is found by the volume's path: the header names none.
    host.virsh('vol-create-from', 'p', make_xml(host, 'plain', 'raw'), '--inputpool', 'p', 'v')
    assert digest(pool / 'plain') == digest(host.root / 'data')
    host.virsh('vol-resize', 'v', '6M', '--pool', 'p')
    assert info(host, 'v')[1] == 6 * MIB
    for log in (host.root / 'var/log/libvirt').glob('*.log'):
        assert PASSPHRASE not in log.read_bytes()


def test_an_encrypted_copy(host, pool):
    uuid = make_secret(host, 'volume', 'whatever', PASSPHRASE)
    host.virsh('vol-create-as', 'p', 'plain', '4M')
    fill(pool / 'plain', 4 * MIB)
    host.virsh('vol-create-from', 'p', make_xml(host, 'v', 'qcow2', extra=ENCRYPTION.format(uuid, '')), '--inputpool', 'p', 'plain')
    out = host.root / 'out'
    subprocess.run(['qemu-img', 'convert', *OBJECT, '--image-opts', options(pool / 'v', 'qcow2'), '-O', 'raw', out], check=True)
    assert digest(out) == digest(pool / 'plain') and uuid in host.virsh('vol-dumpxml', 'v', '--pool', 'p')


def test_passphrases_are_in_no_list_of_arguments(host, pool):
    """Looked at while qemu-img runs: it spends a second or two on the key."""
    uuid = make_secret(host, 'volume', f'{pool}/v', PASSPHRASE)
    making = host.spawn('virsh', '-c', 'qemu:///system', 'vol-create', 'p', make_xml(host, 'v', 'raw', MIB, ENCRYPTION.format(uuid, '')))
    seen = set()
    while making.process.poll() is None:
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                arguments = open(f'/proc/{pid}/cmdline', 'rb').read() + open(f'/proc/{pid}/environ', 'rb').read()
            except OSError:
                continue
            assert PASSPHRASE not in arguments or b'pytest' in arguments
            if b'qemu-img\0create' in arguments:
                seen.add(pid)
    assert making.process.returncode == 0 and seen


def test_encryption_that_can_not_be(host, pool):
    missing = '00000000-1111-2222-3333-444444444444'
    failed = host.virsh('vol-create', 'p', make_xml(host, 'v', 'raw', MIB, ENCRYPTION.format(missing, '')), check=False)
    assert missing in failed.stderr and volumes(host) == [] and list(pool.iterdir()) == []


@pytest.mark.parametrize('algorithm', ['zero', 'nnsa', 'dod', 'bsi', 'gutmann', 'schneier', 'pfitzner7', 'pfitzner33', 'random', 'trim'])
def test_wiping(host, pool, algorithm):
    host.virsh('vol-create-as', 'p', 'v', '3M', '--allocation', '0')
    before = os.urandom(MIB + 100)
    with open(pool / 'v', 'r+b') as file:
        file.seek(MIB)
        file.write(before)
    host.virsh('vol-wipe', 'v', '--pool', 'p', '--algorithm', algorithm)
    after = (pool / 'v').read_bytes()
    assert len(after) == 3 * MIB and not any(before[i:i + 64] in after for i in range(0, MIB, 65536))
    last = {'zero': b'\0', 'nnsa': b'\0', 'dod': b'\xff', 'bsi': b'\x7f', 'trim': b'\0'}.get(algorithm)
    if last:
        assert after[MIB:MIB + len(before)] == last * len(before)


def test_a_wiped_image_is_raw(host, pool):
    host.virsh('vol-create-as', 'p', 'v', '8M', '--format', 'qcow2')
    host.virsh('vol-wipe', 'v', '--pool', 'p')
    assert re.search(r"<format type='raw'/>", host.virsh('vol-dumpxml', 'v', '--pool', 'p'))
