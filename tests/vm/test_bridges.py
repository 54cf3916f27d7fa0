"""Guests on bridges of a kernel that has everything: vhost-net carries their packets, VLANs of a filtering bridge are kept apart, and
br_netfilter, which Kubernetes and Docker switch on and which sends what a bridge passes on through the packet filter as if it were
forwarded, does not come between guests."""
import json
import os
import re
from pathlib import Path

import host
import pytest

LIMIT = 3600

GUEST = '''<domain type='kvm'>
  <name>{name}</name>
  <memory unit='MiB'>192</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{images}/vmlinuz</kernel><initrd>{images}/initrd</initrd>
    <cmdline>console=ttyS0 quiet panic=-1</cmdline></os>
  <features><acpi/></features>
  <devices>
    <serial type='file'><source path='{images}/{name}.console'/></serial>
    <interface type='network'><source network='{network}'/><model type='virtio'/>{more}</interface>
  </devices>
</domain>
'''
NETWORK = '''<network>
  <name>{name}</name>
  {forward}
  <bridge name='{bridge}' {options}/>
  <ip address='{prefix}.1' netmask='255.255.255.0'><dhcp><range start='{prefix}.2' end='{prefix}.254'/></dhcp></ip>
</network>
'''
IMAGES = Path('/var/lib/libvirt/images')


class Guest:
    """One with an operating system, with the emulated processor's virtualization; gone at the end of the block."""

    def __init__(self, name, network, more=''):
        IMAGES.mkdir(parents=True, exist_ok=True)
        for image in 'vmlinuz', 'initrd':
            if not (IMAGES / image).exists():
                (IMAGES / image).write_bytes((host.GUESTS / image).read_bytes())
        self.name, self.console = name, IMAGES / f'{name}.console'
        self.path = host.root / f'{name}.xml'
        self.path.write_text(GUEST.format(name=name, images=IMAGES, network=network, more=more))

    def __enter__(self):
        host.virsh('create', str(self.path))
        return self

    def __exit__(self, *_):
        host.virsh('destroy', self.name, check=False)

    def address(self):
        """What it was given by DHCP, as it says itself."""
        def said():
            text = self.console.read_text(errors='replace') if self.console.exists() else ''
            return re.search(r'virtd-guest: dhcp \S+ (\d+\.\d+\.\d+\.\d+)', text)
        return host.wait_until(said, f'{self.name} has an address').group(1)

    def tap(self):
        return re.search("<target dev='([^']+)'", host.virsh('dumpxml', self.name)).group(1)


def created(name, bridge, prefix, forward='', options=''):
    path = host.root / f'{name}.xml'
    path.write_text(NETWORK.format(name=name, bridge=bridge, prefix=prefix, forward=forward, options=options))
    host.virsh('net-create', str(path))


@pytest.fixture(scope='module', autouse=True)
def virtualization(installed):
    host.run('modprobe', 'kvm_amd')
    host.wait_active()


@pytest.fixture
def station():
    made = []

    def make(name, bridge):
        made.append(host.Station(host, name, bridge))
        return made[-1]
    yield make
    for one in made:
        one.remove()


def test_a_guest_with_vhost(station):
    other = station('other', 'virbr0')
    other.dhcp()
    with Guest('vhost', 'default') as guest:
        address = guest.address()
        assert address.startswith('192.168.122.') and address in host.virsh('net-dhcp-leases', 'default')
        pid = host.output('pgrep', '-f', 'guest=vhost,').split()[0]
        opened = {os.readlink(fd) for fd in Path(f'/proc/{pid}/fd').iterdir()}
        assert '/dev/vhost-net' in opened and '/dev/kvm' in opened, opened
        assert other.reaches(address)
    assert host.warnings('virtqemud') == []


def test_vlans_are_kept_apart(station):
    """A guest in VLAN 42 gets its address from the server in VLAN 42, not from that of the bridge, which is in VLAN 1."""
    created('tagged', 'virbr-vlan', '10.92.1', options="macTableManager='libvirt'")
    try:
        server, stranger = station('server', 'virbr-vlan'), station('stranger', 'virbr-vlan')
        host.run('bridge', 'vlan', 'del', 'dev', server.cable, 'vid', '1')
        host.run('bridge', 'vlan', 'add', 'dev', server.cable, 'vid', '42', 'pvid', 'untagged')
        for one in server, stranger:
            host.run('bridge', 'link', 'set', 'dev', one.cable, 'learning', 'on', 'flood', 'on')
        server.address('10.42.0.1/24')
        dnsmasq = server.spawn('dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--dhcp-range=10.42.0.10,10.42.0.20',
                               '--dhcp-leasefile=/run/vlan.leases', '--log-facility=-', '--user=root', '--pid-file=/run/vlan.pid')
        with Guest('vlan', 'tagged', "<vlan><tag id='42'/></vlan>") as guest:
            vlans = {port['ifname']: port['vlans'] for port in json.loads(host.output('bridge', '-j', 'vlan', 'show'))}
            assert vlans[guest.tap()] == [{'vlan': 42, 'flags': ['PVID', 'Egress Untagged']}]
            address = guest.address()
            assert address.startswith('10.42.0.')
            assert server.reaches(address)
            stranger.address('10.42.0.3/24')
            assert stranger.misses(address)
        dnsmasq.end()
    finally:
        host.virsh('net-destroy', 'tagged')


def test_a_trunk():
    created('trunk', 'virbr-vlan', '10.92.1', options="macTableManager='libvirt'")
    try:
        with Guest('trunk', 'trunk', "<vlan trunk='yes'><tag id='42'/><tag id='47' nativeMode='untagged'/></vlan>") as guest:
            vlans = {port['ifname']: port['vlans'] for port in json.loads(host.output('bridge', '-j', 'vlan', 'show'))}
            assert vlans[guest.tap()] == [{'vlan': 42}, {'vlan': 47, 'flags': ['PVID', 'Egress Untagged']}]
    finally:
        host.virsh('net-destroy', 'trunk')


@pytest.mark.parametrize('forward', ['', "<forward mode='nat'/>", "<forward mode='route'/>", "<forward mode='open'/>"],
                         ids=['isolated', 'nat', 'route', 'open'])
def test_bridged_packets_in_the_filter(station, forward):
    host.run('modprobe', 'br_netfilter')
    for family in 'iptables', 'ip6tables':
        Path(f'/proc/sys/net/bridge/bridge-nf-call-{family}').write_text('1')
    created('filtered', 'virbr-f', '10.92.2', forward)
    try:
        one, other = station('one', 'virbr-f'), station('other', 'virbr-f')
        address = one.dhcp()
        other.dhcp()
        assert other.reaches(address)
        assert other.reaches('10.92.2.1')
        one.address('fd00:92::1/64')
        other.address('fd00:92::2/64')
        assert other.reaches('fd00:92::1')
        server = one.spawn('socat', 'TCP-LISTEN:7777,fork,reuseaddr', 'SYSTEM:echo $SOCAT_PEERADDR')
        seen = host.wait_until(lambda: other.run('socat', '-T', '5', '-', f'TCP:{address}:7777', check=False).stdout.strip(), 'a connection')
        assert seen == other.run('ip', '-4', '-o', 'address', 'show', 'eth0').stdout.split()[3].partition('/')[0], 'translated underway'
        server.end()
    finally:
        host.virsh('net-destroy', 'filtered')
        host.run('rmmod', 'br_netfilter')
