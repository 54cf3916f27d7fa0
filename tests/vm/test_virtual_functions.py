"""A network that hands out the virtual functions of a network card, which only hardware has, or a QEMU that emulates it: the pool is what
the card has, each port gets one of its own, and it comes back."""
import re
from pathlib import Path

import host
import pytest

NEEDS = 'igb'
HARDWARE = ['-device', 'pcie-root-port,id=slot9,chassis=9,slot=9', '-netdev', 'user,id=card,restrict=on', '-device', 'igb,netdev=card,bus=slot9']
NETWORK = "<network><name>functions</name><forward mode='{mode}' managed='yes'><pf dev='{card}'/></forward></network>"
PORT = "<networkport><owner><name>{owner}</name><uuid>{uuid}</uuid></owner><mac address='52:54:00:00:07:0{n}'/></networkport>"


@pytest.fixture(scope='module')
def card(installed):
    host.run('modprobe', 'igb', check=False)
    found = [path.parents[1].name for path in Path('/sys/class/net').glob('*/device/sriov_totalvfs')]
    if not found:
        pytest.skip('no network card here has virtual functions: QEMU emulates one from version 8 on')
    (Path('/sys/class/net') / found[0] / 'device/sriov_numvfs').write_text('2')
    host.wait_until(lambda: len(functions(found[0])) == 2, 'the card has two functions')
    return found[0]


def functions(card):
    return {link.resolve().name for link in Path(f'/sys/class/net/{card}/device').glob('virtfn*')}


def create(n):
    path = host.root / f'port{n}.xml'
    path.write_text(PORT.format(owner=f'guest{n}', uuid=f'00000000-0000-0000-0000-00000000000{n}', n=n))
    done = host.run('virsh', '-c', 'qemu:///system', 'net-port-create', 'functions', str(path), check=False)
    return re.search('[0-9a-f-]{36}', done.stdout), done.stderr


def plug(uuid):
    """The PCI address that the port was given."""
    text = host.virsh('net-port-dumpxml', 'functions', uuid)
    found = re.search(r"domain='0x(\w+)' bus='0x(\w+)' slot='0x(\w+)' function='0x(\w+)'", text)
    assert "<plug type='hostdev-pci' managed='yes'>" in text and found, text
    return '{}:{}:{}.{}'.format(*found.groups())


def test_each_gets_its_own(card):
    path = host.root / 'functions.xml'
    path.write_text(NETWORK.format(mode='hostdev', card=card))
    host.virsh('net-create', str(path))
    try:
        ports = [create(n)[0].group(0) for n in (1, 2)]
        assert {plug(port) for port in ports} == functions(card)
        third, why = create(3)
        assert third is None and 'functions' in why
        host.run('systemctl', 'kill', '--signal=KILL', 'virtnetworkd.service')
        free = plug(ports[0])
        host.virsh('net-port-delete', 'functions', ports[0])
        assert plug(create(3)[0].group(0)) == free
    finally:
        host.virsh('net-destroy', 'functions')


def test_without_functions(card):
    """The network can be started, but nobody can be on it."""
    (Path('/sys/class/net') / card / 'device/sriov_numvfs').write_text('0')
    path = host.root / 'functions.xml'
    path.write_text(NETWORK.format(mode='hostdev', card=card))
    done = host.run('virsh', '-c', 'qemu:///system', 'net-create', str(path), check=False)
    why = done.stderr if done.returncode != 0 else create(1)[1]
    assert card in why and 'no virtual functions' in why
    host.virsh('net-destroy', 'functions', check=False)
