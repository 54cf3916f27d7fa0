"""Moving a host over from Debian's libvirt and back, with its network in use: what an administrator tries first, and what nothing but
the real libvirt can show. The network stays up all the time, DHCP is served by one dnsmasq, addresses are kept, no rule of the
other daemon is left to get in the way, and the guests' definitions are there. The tests are one story, in order."""
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import host
import pytest

LIMIT = 5400

MAC = '52:54:00:aa:bb:01'
GUEST = f'''<domain type='qemu'>
  <name>inherited</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/var/lib/libvirt/images/boot.img'/><target dev='hda' bus='ide'/></disk>
    <interface type='network'><mac address='52:54:00:aa:bb:02'/><source network='default'/></interface>
    <serial type='pty'/>
  </devices>
</domain>
'''
LIBVIRTS = ['libvirtd.service', 'libvirtd.socket', 'libvirtd-ro.socket', 'libvirtd-admin.socket']


class Story:
    """What is found on the way and compared later."""


@pytest.fixture(scope='module')
def story():
    return Story()


class Pings:
    """A guest that pings its gateway all the time."""

    def __init__(self, station, address):
        self.lines = station.spawn('ping', '-i', '0.2', address)

    def lost(self):
        """How many answers are missing so far, and stop."""
        self.lines.process.send_signal(2)
        line = self.lines.expect('packets transmitted')
        sent, received = re.match(r'(\d+) packets transmitted, (\d+) received', line).groups()
        assert int(received) > 0
        return int(sent) - int(received)


def leases():
    return sorted(line.split()[2:5] for line in host.virsh('net-dhcp-leases', 'default').splitlines() if 'ipv4' in line)


def identity():
    """What of the network must not change: UUID, bridge, MAC and addresses."""
    top = ElementTree.fromstring(host.virsh('net-dumpxml', 'default'))
    return (top.findtext('uuid'), top.find('bridge').get('name'), top.find('mac').get('address'), top.find('ip').get('address'),
            top.find('ip/dhcp/range').attrib)


def rules_of_libvirt():
    """The rules in libvirt's chains and tables, by iptables and by nft."""
    found = [line for tool in ('iptables', 'ip6tables') for table in ('filter', 'nat', 'mangle')
             for line in host.output(tool, '-t', table, '-S').splitlines() if re.match('-A LIBVIRT_', line)]
    return found + re.findall('table .* libvirt_network', host.output('nft', 'list', 'tables'))


def test_debians_libvirt(story):
    """The host as it was: libvirt's network, a machine with an address of it, a guest."""
    host.run('dpkg', '--install', *sorted(map(str, Path('/opt/later').glob('*.deb'))), env={'DEBIAN_FRONTEND': 'noninteractive'}, timeout=1500)
    host.run('systemctl', 'start', 'libvirtd.service')
    if host.network_state() != 'active':
        host.virsh('net-start', 'default')
    host.virsh('net-autostart', 'default')
    shutil.copy(host.GUESTS / 'bootsector.img', '/var/lib/libvirt/images/boot.img')
    (host.root / 'guest.xml').write_text(GUEST)
    host.virsh('define', str(host.root / 'guest.xml'))
    story.outside = host.Outside()
    story.station = host.Station(host, 'station', 'virbr0', MAC)
    story.address = story.station.dhcp('inherited')
    story.identity, story.leases = identity(), leases()
    assert story.station.reaches(story.outside.where)
    assert any(MAC in lease for lease in story.leases)
    assert rules_of_libvirt()


def test_over(story):
    pings = Pings(story.station, story.identity[3])
    host.run('systemctl', 'disable', '--now', *LIBVIRTS)
    host.install()
    host.enable()
    assert host.network_state() == 'active'
    host.wait_until(lambda: 'phase=' in Path('/run/libvirt/network/default.xml').read_text(), 'the network is taken over')
    assert pings.lost() == 0
    assert identity() == story.identity


def test_over_guests(story):
    assert 'inherited' in host.virsh('list', '--all')
    assert 'default' in host.virsh('domiflist', 'inherited')
    info = host.virsh('net-info', 'default')
    assert 'Autostart:      yes' in info and 'Persistent:     yes' in info


def test_over_dnsmasq(story):
    """One, started by us, with the leases of before; a machine that asks again keeps its address."""
    assert '/usr/libexec/libvirt_leaseshelper' in Path('/var/lib/libvirt/dnsmasq/default.conf').read_text()
    assert leases() == story.leases
    assert story.station.dhcp('inherited') == story.address
    host.wait_until(lambda: any(MAC in lease for lease in leases()), 'the renewed lease is there')
    assert 'inherited' in host.virsh('net-dhcp-leases', 'default')
    assert host.resolved(story.station, 'inherited', story.identity[3]) == [story.address]


def test_over_rules(story):
    assert rules_of_libvirt() == []
    assert host.output('nft', 'list', 'table', 'ip', 'virtd_network').count('masquerade') == 3
    assert story.station.reaches(story.outside.where)
    assert host.warnings('virtnetworkd') == []


def test_over_changed(story):
    """Nothing of libvirt's says what the network is any more: as a routed one it is reached from outside."""
    xml = host.virsh('net-dumpxml', '--inactive', 'default')
    (host.root / 'nat.xml').write_text(xml)
    (host.root / 'route.xml').write_text(xml.replace("mode='nat'", "mode='route'"))
    host.virsh('net-define', str(host.root / 'route.xml'))
    host.virsh('net-destroy', 'default')
    host.virsh('net-start', 'default')
    host.run('ip', 'link', 'set', story.station.cable, 'master', 'virbr0')
    story.outside.route(f'{host.OUTSIDE}.1')
    assert story.outside.reaches(story.address)
    host.virsh('net-define', str(host.root / 'nat.xml'))
    host.virsh('net-destroy', 'default')
    host.virsh('net-start', 'default')
    host.run('ip', 'link', 'set', story.station.cable, 'master', 'virbr0')
    assert story.station.reaches(story.outside.where)
    assert story.outside.misses(story.address)


def test_over_guest_starts(story):
    host.virsh('start', 'inherited')
    assert host.virsh('domstate', 'inherited').strip() == 'running'
    assert 'vnet' in host.virsh('domiflist', 'inherited')
    host.virsh('destroy', 'inherited')


def test_back(story):
    """libvirt's daemon takes the network from us, as it was."""
    pings = Pings(story.station, story.identity[3])
    host.disable()
    host.run('systemctl', 'enable', '--now', *LIBVIRTS)
    host.wait_until(lambda: host.network_state() == 'active', "libvirt's daemon has the network")
    assert pings.lost() == 0
    assert identity() == story.identity
    assert 'inherited' in host.virsh('list', '--all')
    assert any(MAC in lease for lease in leases())
    assert story.station.dhcp('inherited') == story.address
    assert story.station.reaches(story.outside.where)
    host.virsh('start', 'inherited')
    host.virsh('destroy', 'inherited')


def test_back_stopped(story):
    """It can stop the network and start it again: nothing of ours is in its way."""
    host.virsh('net-destroy', 'default')
    assert host.dnsmasq_pids() == []
    host.virsh('net-start', 'default')
    host.run('ip', 'link', 'set', story.station.cable, 'master', 'virbr0')
    assert story.station.dhcp('inherited')
    assert story.station.reaches(story.outside.where)
