"""Guests with the devices people have: QEMU takes what we tell it, and the guest runs. What exactly is told is held in
tests/command; this shows that the installed QEMU agrees."""
import json
import os
from pathlib import Path

import pytest

DESKTOP = '''
    <controller type='usb' model='qemu-xhci' ports='15'/>
    <controller type='scsi' model='virtio-scsi'/>
    <controller type='virtio-serial'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='pty'><target type='virtio' name='org.example.port'/></channel>
    <console type='pty'><target type='virtio'/></console>
    <input type='tablet' bus='usb'/>
    <input type='keyboard' bus='virtio'/>
    <graphics type='vnc' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>
    <sound model='ich6'/>
    <audio id='1' type='none'/>
    <video><model type='virtio'/></video>
    <hub type='usb'/>
    <watchdog model='i6300esb' action='poweroff'/>
    <panic model='isa'/>
    <memballoon model='virtio'><stats period='2'/></memballoon>
    <rng model='virtio'><rate bytes='1024' period='1000'/><backend model='random'>/dev/urandom</backend></rng>
    <interface type='user'><mac address='52:54:00:aa:bb:cc'/><model type='virtio'/></interface>
    <interface type='user'><model type='e1000'/></interface>
'''


@pytest.mark.parametrize('machine', ['pc', 'q35'])
def test_a_guest_with_everything(host, guest, machine):
    g = guest('full-' + machine, machine=machine, extra=DESKTOP, memory_mib=128)
    g.define().start().wait_up()
    live = host.virsh('dumpxml', g.name)
    assert "port='59" in live, 'the display has a port'
    assert "org.qemu.guest_agent.0'/>" in live and "<source mode='bind' path='" in live, live
    assert live.count("<alias name='") >= 20
    assert host.virsh('vncdisplay', g.name).strip().startswith('127.0.0.1:')


@pytest.mark.parametrize('bus,target', [('ide', 'hda'), ('sata', 'sda'), ('scsi', 'sda'), ('virtio', 'vda'), ('usb', 'sda')])
def test_disks_on_every_bus(host, guest, bus, target):
    machine = 'pc' if bus == 'ide' else 'q35'
    g = guest('disk-' + bus, kind='kernel', machine=machine, memory_mib=160)
    image = host.root / 'images' / f'extra-{bus}.qcow2'
    host.run('qemu-img', 'create', '-q', '-f', 'qcow2', str(image), '8M')
    image.chmod(0o666)
    disk = (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/><source file='{image}'/>"
            f"<target dev='{target}' bus='{bus}'/><serial>SER-{bus}</serial></disk>")
    g.path.write_text(g.xml.replace('<devices>', '<devices>' + disk))
    g.create()
    assert target in host.virsh('domblklist', g.name)
    assert 'Capacity:       8388608' in host.virsh('domblkinfo', g.name, target)


def test_cdrom_and_floppy(host, guest):
    g = guest('media', extra="<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>"
                             "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>")
    g.create().wait_up()
    assert {'hda', 'hdc', 'fda'} <= {line.split()[0] for line in host.virsh('domblklist', 'media').splitlines()[2:] if line.strip()}


def test_numa_and_iothreads(host, guest):
    g = guest('numa', memory_mib=128)
    g.path.write_text(g.xml.replace('<vcpu>1</vcpu>', "<vcpu>2</vcpu><iothreads>2</iothreads>").replace(
        '<features>', "<cpu><numa><cell id='0' cpus='0' memory='65536'/><cell id='1' cpus='1' memory='65536'/></numa></cpu><features>"))
    g.create().wait_up()
    assert 'vcpu.current=2' in host.virsh('domstats', 'numa')


@pytest.mark.parametrize('bus,target', [('ide', 'hdb'), ('virtio', 'vda'), ('scsi', 'sda'), ('usb', 'sda')])
def test_limits_of_a_disk(host, guest, bus, target):
    image = host.root / 'images' / 'limited.raw'
    g = guest('limited', extra="<controller type='scsi' model='virtio-scsi'/><controller type='usb' model='qemu-xhci'/>"
              f"<disk type='file'><driver name='qemu' type='raw'/><source file='{image}'/><target dev='{target}' bus='{bus}'/><iotune>"
              "<read_bytes_sec>1048576</read_bytes_sec><total_iops_sec>500</total_iops_sec></iotune></disk>")
    image.write_bytes(bytes(1 << 20))
    g.create().wait_up()
    block = json.loads(host.virsh('qemu-monitor-command', 'limited', '{"execute":"query-block"}'))['return']
    limits = next(b['inserted'] for b in block if b.get('inserted', {}).get('image', {}).get('filename') == str(image))
    assert (limits['bps_rd'], limits['iops'], limits['bps']) == (1048576, 500, 0)


def test_vcpus_are_pinned(host, guest):
    g = guest('pinned')
    g.path.write_text(g.xml.replace('<vcpu>1</vcpu>', "<vcpu>2</vcpu><cputune><vcpupin vcpu='1' cpuset='0'/></cputune>"))
    g.create().wait_up()
    allowed = {}
    for task in Path(f"/proc/{host.qemu_pid('pinned')}/task").iterdir():
        allowed[(task / 'comm').read_text().strip()] = os.sched_getaffinity(int(task.name))
    assert allowed['CPU 1/TCG'] == {0}
    assert allowed['CPU 0/TCG'] == os.sched_getaffinity(0)


def test_pinning_to_what_is_not_there(host, guest):
    g = guest('misplaced')
    g.path.write_text(g.xml.replace('<vcpu>1</vcpu>', "<vcpu cpuset='1000'>1</vcpu>"))
    done = host.virsh('create', str(g.path), check=False)
    assert done.returncode != 0 and '1000' in done.stderr


def test_memory_in_a_file(host, guest):
    g = guest('filemem', memory_mib=64)
    g.path.write_text(g.xml.replace('<vcpu>', "<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking><vcpu>"))
    g.create().wait_up()
    ram = host.root / 'var/lib/libvirt/qemu/ram'
    assert [p.name for p in ram.glob('*/*')] == ['pc.ram']
    host.virsh('destroy', 'filemem')
    assert list(ram.glob('*')) == []


def test_uefi(host, guest):
    g = guest('uefi', kind='kernel', machine='q35', memory_mib=256)
    g.path.write_text(g.xml.replace('<os>', "<os firmware='efi'>").replace(
        '</type>', "</type><firmware><feature enabled='no' name='secure-boot'/></firmware>"))
    g.create()
    assert 'pflash' in host.virsh('dumpxml', 'uefi')
    g.wait_up()
