"""virt-install, the tool most guests are born with, unchanged: kernel and disk guests, on q35 and pc, to the guest's own
marker on its console; and a KVM guest that needs no operating system, where this machine has KVM."""
import os

import pytest

from harness import BOOTSECTOR_UP, SOURCE, UP, install_guests, wait_until

HOST = {'no_kvm': False, 'netns': True}


def install(host, name, marker, *options, network='none', osinfo='detect=off,require=off'):
    console = host.root / 'images' / f'{name}.console'
    host.run('virt-install', '--connect', host.uri, '--name', name, '--import', '--noautoconsole', '--graphics', 'none',
             '--network', network, '--osinfo', osinfo, '--serial', f'file,path={console}', '--console',
             'target.type=serial', '--check', 'all=off', *options)
    wait_until(lambda: console.exists() and marker.encode() in console.read_bytes(), f'{name} shows {marker!r}')
    assert host.virsh('domstate', name).strip() == 'running'


def from_file(path, bus):
    """Not path=...: virt-install makes a pool of the directory."""
    return f'type=file,source.file={path},driver.type=raw,target.bus={bus}'


@pytest.fixture
def name(host, request):
    chosen = 'vi-' + request.node.name.split('[')[-1].rstrip(']').replace('test_', '')
    yield chosen
    host.virsh('destroy', chosen, check=False)
    host.virsh('undefine', chosen, check=False)


@pytest.mark.parametrize('machine', ['q35', 'pc'])
def test_kernel_guest(host, name, machine):
    images = install_guests(host)
    install(host, name, UP, '--virt-type', 'qemu', '--machine', machine, '--memory', '160', '--disk', 'none',
            '--boot', f'kernel={images}/vmlinuz,initrd={images}/initrd,kernel_args="console=ttyS0 quiet panic=-1"')


@pytest.mark.parametrize('machine', ['q35', 'pc'])
def test_disk_guest(host, name, machine):
    images = install_guests(host)
    disk = images / f'{name}.img'
    host.run('cp', '--sparse=always', str(images / 'disk.img'), str(disk))
    disk.chmod(0o666)
    install(host, name, UP, '--virt-type', 'qemu', '--machine', machine, '--memory', '160', '--disk', from_file(disk, 'virtio'))


@pytest.mark.skipif(not os.access('/dev/kvm', os.R_OK | os.W_OK), reason='this machine has no /dev/kvm')
def test_kvm_guest(host, name):
    images = install_guests(host)
    disk = images / f'{name}.img'
    host.run('cp', str(images / 'bootsector.img'), str(disk))
    disk.chmod(0o666)
    # A plain processor: a nested KVM may refuse registers of the host's own.
    install(host, name, BOOTSECTOR_UP, '--virt-type', 'kvm', '--machine', 'pc', '--cpu', 'qemu64', '--memory', '64', '--disk', from_file(disk, 'ide'))


NETWORKS = {
    'default': "type='network'", 'bridge=br-vi': "type='bridge'", 'type=direct,source=vi-up,source.mode=bridge': "type='direct'",
}


@pytest.fixture(scope='module')
def connections(host):
    """The network of the package, a bridge and an interface of the host."""
    host.run('ip', 'link', 'set', 'lo', 'up')
    host.run('ip', 'link', 'add', 'br-vi', 'type', 'bridge')
    host.run('ip', 'link', 'add', 'vi-up', 'type', 'veth', 'peer', 'name', 'vi-peer')
    for link in 'br-vi', 'vi-up', 'vi-peer':
        host.run('ip', 'link', 'set', link, 'up')
    host.virsh('net-define', str(SOURCE / 'units/default-network.xml'))
    host.virsh('net-start', 'default')
    yield
    host.virsh('net-destroy', 'default')
    host.virsh('net-undefine', 'default')


@pytest.mark.parametrize('network', NETWORKS, ids=['default', 'bridge', 'direct'])
def test_networks(host, name, connections, network):
    images = install_guests(host)
    install(host, name, UP, '--virt-type', 'qemu', '--machine', 'q35', '--memory', '160', '--disk', 'none',
            '--boot', f'kernel={images}/vmlinuz,initrd={images}/initrd,kernel_args="console=ttyS0 quiet panic=-1"', network=network, osinfo='linux2022')
    assert f'<interface {NETWORKS[network]}>' in host.virsh('dumpxml', name)
    if network == 'default':
        wait_until(lambda: '192.168.122.' in host.virsh('domifaddr', name), 'the guest has an address')


@pytest.fixture(scope='module')
def storage(host):
    """The pool every tool looks for, with a disk that boots."""
    directory = host.root / 'pool'
    host.virsh('pool-define-as', 'default', 'dir', '--target', str(directory))
    host.virsh('pool-build', 'default')
    host.virsh('pool-start', 'default')
    disk = install_guests(host) / 'disk.img'
    host.virsh('vol-create-as', 'default', 'boot.img', str(disk.stat().st_size), '--format', 'raw')
    host.virsh('vol-upload', 'boot.img', str(disk), '--pool', 'default')
    yield directory
    host.virsh('pool-destroy', 'default')
    host.virsh('pool-undefine', 'default')


def volumes(host):
    return {line.split()[0]: line.split()[1] for line in host.virsh('vol-list', 'default').splitlines()[2:] if line.strip()}


@pytest.mark.parametrize('options', ['size=0.0625', 'pool=default,size=0.0625,format=raw'], ids=['size', 'pool'])
def test_new_disks(host, name, storage, options):
    """virt-install makes the volume itself."""
    images = install_guests(host)
    before = volumes(host)
    install(host, name, UP, '--virt-type', 'qemu', '--machine', 'q35', '--memory', '160', '--disk', options,
            '--boot', f'kernel={images}/vmlinuz,initrd={images}/initrd,kernel_args="console=ttyS0 quiet panic=-1"')
    made = [path for volume, path in volumes(host).items() if volume not in before]
    assert len(made) == 1 and made[0] in host.virsh('domblklist', name)
    assert f'Capacity:       {64 << 20}' in host.virsh('domblkinfo', name, made[0])
    host.virsh('destroy', name)
    host.virsh('undefine', name, '--remove-all-storage')
    assert volumes(host) == before


def test_an_existing_volume_and_a_clone(host, name, storage):
    """A guest boots from a volume; so does a clone that virt-clone makes of it, from a volume of its own."""
    host.virsh('vol-clone', 'boot.img', f'{name}.img', '--pool', 'default')
    install(host, name, UP, '--virt-type', 'qemu', '--machine', 'pc', '--memory', '160', '--disk', f'vol=default/{name}.img,bus=virtio')
    host.virsh('destroy', name)
    clone, console = name + '-clone', host.root / 'images' / f'{name}-clone.console'
    host.run('virt-clone', '--connect', host.uri, '--original', name, '--name', clone, '--auto-clone')
    try:
        disks = host.virsh('domblklist', clone)
        assert f'{name}-clone.img' in disks and f'{name}-clone.img' in volumes(host), disks
        definition = host.virsh('dumpxml', clone, '--inactive').replace(f'{name}.console', console.name)
        path = host.root / 'images' / f'{clone}.xml'
        path.write_text(definition)
        host.virsh('define', str(path))
        host.virsh('start', clone)
        wait_until(lambda: console.exists() and UP.encode() in console.read_bytes(), f'{clone} shows {UP!r}')
    finally:
        host.virsh('destroy', clone, check=False)
        host.virsh('undefine', clone, check=False)


def test_a_disk_over_another(host, name, storage):
    install(host, name, UP, '--virt-type', 'qemu', '--machine', 'q35', '--memory', '160',
            '--disk', f'pool=default,size=0.1,backing_store={storage}/boot.img,backing_format=raw,bus=virtio')
    assert f"<source file='{storage}/boot.img'" in host.virsh('dumpxml', name)
