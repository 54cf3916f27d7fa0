"""The disks and servers of storage.py, proven with the tools of their owners: what the storage daemon is tested against must work
without it, and a failure here is the machine's, not the daemon's."""
import json
import subprocess

import host
import pytest
import storage

LIMIT = 3600


def volumes(group):
    report = json.loads(host.output('lvs', '--reportformat', 'json', '-o', 'lv_name,lv_size', '--units', 'm', group))
    return {row['lv_name'] for row in report['report'][0]['lv']}


def written_and_read(disk):
    """What is written is there when it is read past all caches."""
    host.run('dd', 'if=/dev/urandom', 'of=/run/written', 'bs=1M', 'count=4')
    host.run('dd', 'if=/run/written', f'of={disk}', 'bs=1M', 'oflag=direct')
    host.run('dd', f'if={disk}', 'of=/run/read', 'bs=1M', 'count=4', 'iflag=direct')
    return host.run('cmp', '/run/written', '/run/read', check=False).returncode == 0


def test_volume_group(spare_disks):
    host.run('vgcreate', 'spare', *spare_disks)
    host.run('lvcreate', '--yes', '--name', 'plain', '--size', '32M', 'spare')
    host.run('lvcreate', '--yes', '--snapshot', '--name', 'copy', '--size', '8M', 'spare/plain')
    host.run('lvcreate', '--yes', '--type', 'thin-pool', '--name', 'pool', '--size', '64M', 'spare')
    host.run('lvcreate', '--yes', '--virtualsize', '256M', '--thin', 'spare/pool', '--name', 'thin')
    assert {'plain', 'copy', 'pool', 'thin'} <= volumes('spare')
    assert written_and_read('/dev/spare/thin')
    host.run('vgchange', '--activate', 'n', 'spare')
    host.run('vgchange', '--activate', 'y', 'spare')
    assert {'plain', 'thin'} <= volumes('spare')


def test_scsi_disk(scsi_disk):
    assert written_and_read(scsi_disk)
    host.run('parted', '--script', scsi_disk, 'mklabel', 'gpt', 'mkpart', 'one', '1MiB', '32MiB')
    storage.settle()
    assert 'one' in host.output('parted', '--script', '--machine', scsi_disk, 'print')


def test_multipath(multipath_disk):
    assert host.output('multipath', '-ll').count(' active ready running') == 2
    assert written_and_read(multipath_disk)


@pytest.mark.parametrize('iscsi_target', ['open', 'chap'], indirect=True)
def test_iscsi(iscsi_target):
    assert iscsi_target.iqn in iscsi_target.discovered()
    disk = iscsi_target.log_in(iscsi_target.chap)
    assert written_and_read(disk)
    iscsi_target.log_out()


@pytest.mark.parametrize('iscsi_target', ['chap'], indirect=True)
def test_iscsi_without_the_password(iscsi_target):
    iscsi_target.discovered()
    with pytest.raises(AssertionError, match='authorization'):
        iscsi_target.log_in()


def test_iscsi_of_the_kernel(kernel_target):
    assert kernel_target.iqn in kernel_target.discovered()
    assert written_and_read(kernel_target.log_in())
    kernel_target.log_out()


def test_nfs(nfs_server, tmp_path):
    host.run('mount', '-t', 'nfs', f'{nfs_server.host}:{nfs_server.exported}', str(tmp_path))
    (tmp_path / 'file').write_text('written through NFS')
    assert (nfs_server.exported / 'file').read_text() == 'written through NFS'


def test_nfs_that_vanished(nfs_server, tmp_path):
    """Who uses it hangs, and goes on when it is back."""
    (nfs_server.exported / 'file').write_text('there')
    host.run('mount', '-t', 'nfs', '-o', 'vers=4,noac', f'{nfs_server.host}:{nfs_server.exported}', str(tmp_path))
    nfs_server.vanish()
    user = subprocess.Popen(['cat', tmp_path / 'file'], stdout=subprocess.PIPE, text=True)
    host.wait_until(lambda: storage.in_uninterruptible_sleep(user.pid), 'its user hangs')
    nfs_server.come_back()
    assert user.communicate(timeout=host.DEADLINE)[0] == 'there'
