"""Pools of iSCSI units without the kernel, against a real tgtd with CHAP: every command of virsh that makes sense there, targets
that are dead, that come back, and that lie."""
import os
import re
import subprocess

import pytest

import iscsi
import storagelab as lab
from harness import wait_until

HOST = {'netns': True}
MIB = 1 << 20
PATH = f'ip-127.0.0.1:{iscsi.PORT}-iscsi-{iscsi.IQN}-lun-%d'


def source_xml(secret, port=iscsi.PORT, target=iscsi.IQN):
    auth = f"<auth type='chap' username='{iscsi.USER}'><secret {secret}/></auth>" if secret else ''
    device = f"<device path='{target}'/>" if target else ''
    return f"<source><host name='127.0.0.1' port='{port}'/>{device}<initiator><iqn name='{iscsi.INITIATOR}'/></initiator>{auth}</source>"


def pool_xml(secret, name='i', **options):
    return f"<pool type='iscsi-direct'><name>{name}</name>{source_xml(secret, **options)}</pool>"


@pytest.fixture(scope='module')
def target(host):
    started = iscsi.Target(host)
    yield started
    started.end()


@pytest.fixture(scope='module')
def secret(host, target):
    return f"uuid='{lab.make_secret(host, 'iscsi', 'disks', iscsi.PASSWORD.encode())}'"


@pytest.fixture
def pool(host, target, secret):
    host.virsh('pool-define', lab.write(host, 'pool.xml', pool_xml(secret)))
    host.virsh('pool-start', 'i')
    yield
    lab.remove_pools(host)


def test_a_pool_outlives_the_daemon(host, pool):
    assert lab.volumes(host, 'i') == ['unit:0:0:1', 'unit:0:0:2']
    assert lab.info(host, 'unit:0:0:1', 'i') == [3, 64 * MIB, 64 * MIB]
    assert lab.info(host, 'unit:0:0:2', 'i') == [3, 16 * MIB, 16 * MIB]
    for what in 'vol-key', 'vol-path':
        assert host.virsh(what, 'unit:0:0:1', '--pool', 'i').strip() == PATH % 1
    assert host.virsh('vol-pool', PATH % 2).strip() == 'i'
    assert "<volume type='network'>" in host.virsh('vol-dumpxml', 'unit:0:0:1', '--pool', 'i')
    assert re.search(r'<capacity[^>]*>83886080<', host.virsh('pool-dumpxml', 'i'))
    host.virsh('pool-autostart', 'i')
    lab.kill(host)
    assert lab.volumes(host, 'i') == ['unit:0:0:1', 'unit:0:0:2']
    host.virsh('pool-refresh', 'i')
    host.virsh('pool-destroy', 'i')
    lab.kill(host)
    assert re.search(r'State: +inactive', host.virsh('pool-info', 'i'))


def test_what_the_target_decides(host, pool):
    assert 'does not support volume creation' in host.virsh('vol-create-as', 'i', 'unit:0:0:3', '1M', check=False).stderr
    assert 'does not support vol deletion' in host.virsh('vol-delete', 'unit:0:0:1', '--pool', 'i', check=False).stderr
    assert 'does not support changing of volume capacity' in host.virsh('vol-resize', 'unit:0:0:1', '128M', '--pool', 'i', check=False).stderr


@pytest.mark.parametrize('unit', [1, 2])
@pytest.mark.parametrize('offset, size', [(0, 5 * MIB), (3 * MIB + 77, 4 * MIB + 4095), (16 * MIB - 1, 1), (8191, 3)])
def test_upload_and_download(host, pool, target, unit, offset, size):
    """In whole blocks and in parts of them; what is beside what is written stays."""
    before = (target.root / f'unit{unit}').read_bytes()
    data = lab.random_file(host, 'data', size)
    host.virsh('vol-upload', f'unit:0:0:{unit}', str(data), '--pool', 'i', '--offset', str(offset))
    after = (target.root / f'unit{unit}').read_bytes()
    assert after == before[:offset] + data.read_bytes() + before[offset + size:]
    host.virsh('vol-download', f'unit:0:0:{unit}', f'{host.root}/back', '--pool', 'i', '--offset', str(offset), '--length', str(size))
    assert (host.root / 'back').read_bytes() == data.read_bytes()


def test_no_room(host, pool):
    data = lab.random_file(host, 'data', MIB)
    assert host.virsh('vol-upload', 'unit:0:0:2', str(data), '--pool', 'i', '--offset', str(16 * MIB - 5), check=False).returncode != 0


def test_holes_stay_holes_both_ways(host, pool, target):
    host.virsh('vol-wipe', 'unit:0:0:1', '--pool', 'i', '--algorithm', 'trim')
    assert (target.root / 'unit1').stat().st_blocks == 0
    data = host.root / 'sparse'
    with open(data, 'wb') as file:
        file.write(os.urandom(MIB))
        file.seek(40 * MIB)
        file.write(os.urandom(MIB))
        file.truncate(64 * MIB)
    host.virsh('vol-upload', 'unit:0:0:1', str(data), '--pool', 'i', '--sparse')
    subprocess.run(['cmp', data, target.root / 'unit1'], check=True)
    assert (target.root / 'unit1').stat().st_blocks * 512 <= 3 * MIB
    host.virsh('vol-download', 'unit:0:0:1', f'{host.root}/sparse.back', '--pool', 'i', '--sparse')
    subprocess.run(['cmp', data, host.root / 'sparse.back'], check=True)
    assert (host.root / 'sparse.back').stat().st_blocks * 512 <= 3 * MIB
    # unit 2 knows no holes: what is left out there is written as zeros
    with open(data, 'r+b') as file:
        file.truncate(16 * MIB)
    host.virsh('vol-upload', 'unit:0:0:2', str(data), '--pool', 'i', '--sparse')
    subprocess.run(['cmp', data, target.root / 'unit2'], check=True)


def test_wiping(host, pool, target):
    host.virsh('vol-upload', 'unit:0:0:2', str(lab.random_file(host, 'data', 16 * MIB)), '--pool', 'i')
    host.virsh('vol-wipe', 'unit:0:0:2', '--pool', 'i')
    assert (target.root / 'unit2').read_bytes().count(0) == 16 * MIB
    host.virsh('vol-wipe', 'unit:0:0:2', '--pool', 'i', '--algorithm', 'random')
    assert (target.root / 'unit2').read_bytes().count(0) < MIB
    host.virsh('vol-wipe', 'unit:0:0:2', '--pool', 'i', '--algorithm', 'trim')
    assert (target.root / 'unit2').read_bytes().count(0) == 16 * MIB


def test_a_copy_into_a_file(host, pool, target):
    (host.root / 'files').mkdir()
    host.virsh('pool-create-as', 'd', 'dir', '--target', f'{host.root}/files')
    host.virsh('vol-create-from', 'd', lab.write(host, 'vol.xml', '<volume><name>f</name></volume>'), 'unit:0:0:1', '--inputpool', 'i')
    subprocess.run(['cmp', host.root / 'files/f', target.root / 'unit1'], check=True)


def test_finding_targets(host, target, secret):
    found = host.virsh('find-storage-pool-sources', 'iscsi-direct', lab.write(host, 'source.xml', source_xml(None, target=None)))
    assert f"<device path='{iscsi.IQN}'/>" in found and f"<host name='127.0.0.1' port='{iscsi.PORT}'/>" in found
    assert f"<iqn name='{iscsi.INITIATOR}'/>" in found
    nobody = host.virsh('find-storage-pool-sources', 'iscsi-direct', lab.write(host, 'source.xml', source_xml(None, port=1, target=None)), check=False)
    assert 'iSCSI portal 127.0.0.1:1: connecting failed' in nobody.stderr


def test_what_is_wrong_with_a_pool(host, target, secret):
    def fails(xml):
        return host.virsh('pool-create', lab.write(host, 'pool.xml', xml), check=False).stderr

    wrong = lab.make_secret(host, 'iscsi', 'wrong', b'not the password')
    assert 'Authentication failure' in fails(pool_xml(f"uuid='{wrong}'"))
    binary = lab.make_secret(host, 'iscsi', 'binary', b'a\0b')
    assert 'no CHAP password' in fails(pool_xml(f"uuid='{binary}'"))
    assert 'logging in failed' in fails(pool_xml(None))
    assert 'logging in failed' in fails(pool_xml(secret, target='iqn.2026-01.org.example:none'))
    assert 'connecting failed' in fails(pool_xml(secret, port=1))
    assert lab.names(host.virsh('pool-list', '--all')) == []


LIES = {
    'garbage': os.urandom(4096),
    'zeros': bytes(4096),
    'nothing': b'',
    'a login without end': bytes.fromhex('2300000000000000') + bytes(40),
    'a login that is accepted, and nothing after': bytes.fromhex('23870000') + bytes(44),
    'lengths beyond all': bytes.fromhex('23870000ffffffff') + bytes(40) + b'x' * 8192,
    'data nobody asked for': bytes.fromhex('25810000000fffff') + bytes(40) + b'y' * 65536,
}


@pytest.mark.parametrize('lie', LIES)
def test_a_target_that_lies(host, target, secret, lie):
    """Its pool does not start, in its time; the daemon and its other pools live on."""
    liar = iscsi.Liar(host, 4000, LIES[lie])
    try:
        host.virsh('pool-create', lab.write(host, 'pool.xml', pool_xml(secret)))
        pid = host.daemon_pid('virtstoraged')
        done = host.virsh('pool-create', lab.write(host, 'lie.xml', pool_xml(secret, name='lie', port=4000)), check=False)
        assert 'iSCSI portal 127.0.0.1:4000: logging in' in done.stderr, done.stderr
        assert lab.info(host, 'unit:0:0:1', 'i')[1] == 64 * MIB
        assert host.daemon_pid('virtstoraged') == pid, 'it is the same daemon'
    finally:
        liar.end()
        lab.remove_pools(host)


def test_the_password_shows_nowhere(host, pool):
    lab.info(host, 'unit:0:0:1', 'i')
    assert lab.mentions(host, iscsi.PASSWORD) == []
    assert iscsi.PASSWORD not in host.virsh('pool-dumpxml', 'i')


@pytest.mark.parametrize('kind', ['volume', 'network'])
def test_a_guest_boots_from_a_unit(host, target, secret, pool, guest, kind):
    g = guest(f'iscsi-{kind}')
    host.virsh('vol-upload', 'unit:0:0:1', str(host.root / 'images/bootsector.img'), '--pool', 'i')
    source = {'volume': "<source pool='i' volume='unit:0:0:1'/>",
              'network': f"<auth username='{iscsi.USER}'><secret type='iscsi' {secret}/></auth><source protocol='iscsi' name='{iscsi.IQN}/1'>"
                         f"<host name='127.0.0.1' port='{iscsi.PORT}'/></source>"}[kind]
    lab.boot_from(host, g, f"<disk type='{kind}' device='disk'><driver name='qemu' type='raw'/>{source}<target dev='hda' bus='ide'/></disk>")
    assert lab.mentions(host, iscsi.PASSWORD) == []


def state(host):
    return re.search(r'State: +(\w+)', host.virsh('pool-info', 'i')).group(1)


@pytest.mark.parametrize('dead', ['frozen', 'killed'])
def test_a_dead_target_keeps_nobody_waiting(host, target, pool, dead):
    """Its own calls fail when their time is over; all others are answered, by a new life of the daemon too; it comes back by itself."""
    (host.root / f'alive.{dead}').mkdir()
    host.virsh('pool-create-as', 'alive', 'dir', '--target', f'{host.root}/alive.{dead}')
    if dead == 'frozen':
        target.freeze()
    else:
        target.kill()
    try:
        waiting = [host.spawn('virsh', 'vol-wipe', 'unit:0:0:1', '--pool', 'i') for _ in range(12)]
        for _ in range(3):
            assert set(lab.names(host.virsh('pool-list'))) == {'alive', 'i'}
            host.virsh('vol-create-as', 'alive', 'x', '1M', timeout=10)
            host.virsh('vol-delete', 'x', '--pool', 'alive', timeout=10)
        for lines in waiting:
            lines.expect('error:')
        wait_until(lambda: state(host) == 'degraded', 'the pool is degraded')
        assert 'is degraded since' in host.virsh('vol-wipe', 'unit:0:0:1', '--pool', 'i', check=False, timeout=10).stderr
        lab.kill(host)
        assert set(lab.names(host.virsh('pool-list', timeout=10))) == {'alive', 'i'}
        host.virsh('vol-create-as', 'alive', 'y', '1M', timeout=10)
        wait_until(lambda: state(host) == 'degraded', 'the pool is degraded again')
    finally:
        if dead == 'frozen':
            target.thaw()
        else:
            target.start()
    wait_until(lambda: state(host) == 'running', 'the pool is well again')
    assert lab.info(host, 'unit:0:0:1', 'i')[1] == 64 * MIB
