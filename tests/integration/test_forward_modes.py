"""What each forward mode lets through, by the stock virsh and packets of both families: guests of one network, of another, the
host, and the world outside, each asking each. And what a network leaves when it stops: nothing.

Guests are machines on the bridges (namespaces). The world outside knows no way to the guests' subnets, but for the far station
of the routed ones, so an answer through "nat" proves the translation."""
import re

import pytest
from harness import wait_until
from netlab import Station, active, traces, write

HOST = {'netns': True}
OUTSIDE = ('203.0.113.2', 'fd99::2')
HOST_OUTSIDE = ('203.0.113.1', 'fd99::1')


@pytest.fixture(scope='module', autouse=True)
def world(host):
    """A station outside, on a cable of its own, that knows the host only; the other network's guests are there all the time."""
    host.run('ip', 'link', 'set', 'lo', 'up')
    host.virsh('net-list')
    outside = Station(host, 'outside', None)
    host.run('ip', 'addr', 'add', HOST_OUTSIDE[0] + '/24', 'dev', outside.cable)
    host.run('ip', 'addr', 'add', HOST_OUTSIDE[1] + '/64', 'dev', outside.cable, 'nodad')
    outside.address(OUTSIDE[0] + '/24')
    outside.address(OUTSIDE[1] + '/64')
    other = ("<network><name>other</name><forward mode='nat'><nat ipv6='yes'/></forward><bridge name='virbr-o'/>"
             "<ip address='10.98.2.1' netmask='255.255.255.0'/><ip family='ipv6' address='fd98:2::1' prefix='64'/></network>")
    with active(host, 'other', other):
        stranger = Station(host, 'stranger', 'virbr-o')
        for address, gateway in (('10.98.2.9/24', '10.98.2.1'), ('fd98:2::9/64', 'fd98:2::1')):
            stranger.address(address)
            stranger.route(gateway)
        assert stranger.reaches('10.98.2.1') and stranger.reaches('fd98:2::1') and stranger.reaches(OUTSIDE[0])
        yield {'outside': outside, 'stranger': stranger}
        stranger.remove()
    outside.remove()


def network(forward, extra=''):
    return (f"<network><name>mode</name>{forward}<bridge name='virbr-m'/>{extra}<ip address='10.98.1.1' netmask='255.255.255.0'/>"
            "<ip family='ipv6' address='fd98:1::1' prefix='64'/></network>")


class Guests:
    """Two machines on a bridge, with addresses of both families in the subnets of network()."""

    def __init__(self, host):
        self.host, self.made = host, []

    def __call__(self, bridge='virbr-m'):
        for i in (1, 2):
            station = Station(self.host, f'g{i}', bridge)
            self.made.append(station)
            station.address(f'10.98.1.1{i}/24')
            station.address(f'fd98:1::1{i}/64')
            station.route('10.98.1.1')
            station.route('fd98:1::1')
        return self.made

    def remove(self):
        while self.made:
            self.made.pop().remove()


@pytest.fixture
def guests(host):
    made = Guests(host)
    yield made
    made.remove()


NAT6 = "<forward mode='nat'><nat ipv6='yes'/></forward>"
CLOSED = {'translated': False, 'out': False, 'into': False}
TRANSLATED = {'translated': True, 'out': True, 'into': False}
ROUTED = {'translated': False, 'out': True, 'into': True}
MODES = {  # the forward element, and what it means for IPv4 and IPv6
    'isolated': ('', CLOSED, CLOSED),
    'nat': ("<forward mode='nat'/>", TRANSLATED, ROUTED),
    'nat with IPv6': (NAT6, TRANSLATED, TRANSLATED),
    'nat through one device': (NAT6.replace("'nat'", "'nat' dev='c-outside'", 1), TRANSLATED, TRANSLATED),
    'nat through another device': (NAT6.replace("'nat'", "'nat' dev='c-stranger'", 1), TRANSLATED | {'out': False}, TRANSLATED | {'out': False}),
    'route': ("<forward mode='route'/>", ROUTED, ROUTED),
    'open': ("<forward mode='open'/>", ROUTED, ROUTED),
}
FAMILIES = {'IPv4': ('10.98.1.11', '10.98.1.12', '10.98.1.1', '10.98.2.9'), 'IPv6': ('fd98:1::11', 'fd98:1::12', 'fd98:1::1', 'fd98:2::9')}


def check(station, address, reached, what):
    assert (station.reaches if reached else station.misses)(address), f'{what}: {"" if reached else "not "}reached'


@pytest.mark.parametrize('mode', MODES)
def test_packets_pass_as_the_mode_says(host, world, guests, mode):
    forward, *meanings = MODES[mode]
    outside, stranger = world['outside'], world['stranger']
    before = traces(host)
    host.virsh('net-create', write(host, 'mode', network(forward)))
    try:
        one, two = guests()
        for family, (name, (own, neighbour, gateway, foreign)) in enumerate(FAMILIES.items()):
            means = meanings[family]
            if not means['translated']:  # the world knows the way; what it may do with it is the mode's affair
                outside.route(HOST_OUTSIDE[family])
            check(one, neighbour, True, f'{name}, guest to guest')
            check(two, own, True, f'{name}, guest to guest')
            check(one, gateway, True, f'{name}, guest to host')
            check(one, OUTSIDE[family], means['out'], f'{name}, guest to outside')
            check(outside, own, means['into'], f'{name}, outside to guest')
            check(stranger, own, means['into'], f'{name}, a guest of another network to this')
            check(one, foreign, False, f'{name}, guest to a guest of another network, which is translated')
    finally:
        outside.run('ip', 'route', 'del', 'default', check=False)
        outside.run('ip', '-6', 'route', 'del', 'default', check=False)
        guests.remove()
        host.virsh('net-destroy', 'mode')
    assert traces(host) == before


def test_none_is_isolated(host, world, guests):
    """<forward mode='none'/> is the same as no <forward>."""
    with active(host, 'mode', network("<forward mode='none'/>")):
        one, two = guests()
        assert one.reaches('10.98.1.12') and one.reaches('10.98.1.1') and one.misses(OUTSIDE[0])


def test_guests_without_addresses_of_the_host(host, guests):
    """A network without <ip>: guests talk among themselves, also over IPv6 when that is asked for."""
    xml = "<network ipv6='yes'><name>mode</name><bridge name='virbr-m'/></network>"
    with active(host, 'mode', xml):
        one, two = guests()
        assert one.reaches('10.98.1.12') and one.reaches('fd98:1::12')
        assert not host.processes(r'dnsmasq/mode\.conf')


def test_masquerade_addresses_and_ports(host, world, guests):
    """The outside sees the address and the ports that the definition names."""
    host.run('ip', 'addr', 'add', '203.0.113.50/24', 'dev', 'c-outside')
    forward = ("<forward mode='nat'><nat><address start='203.0.113.50' end='203.0.113.50'/><port start='40000' end='40010'/></nat></forward>")
    try:
        with active(host, 'mode', network(forward)):
            one, _ = guests()
            assert one.reaches(OUTSIDE[0])
            listener = world['outside'].spawn('socat', '-d', '-d', f'TCP-LISTEN:7777,bind={OUTSIDE[0]},reuseaddr', 'STDOUT')
            listener.expect('listening on')
            one.run('sh', '-c', f'echo hello | socat -T 5 - TCP:{OUTSIDE[0]}:7777')
            line = listener.expect('accepting connection')
            address, port = re.search(r'from AF=2 ([\d.]+):(\d+)', line).groups()
            assert address == '203.0.113.50' and 40000 <= int(port) <= 40010, line
            listener.end()
    finally:
        host.run('ip', 'addr', 'del', '203.0.113.50/24', 'dev', 'c-outside')


def test_route_behind_a_guest(host, world, guests):
    """<route> leads to what lies behind a guest that forwards."""
    extra = "<route address='10.77.5.0' prefix='24' gateway='10.98.1.11'/>"
    xml = network("<forward mode='route'/>").replace('</network>', extra + '</network>')
    before = traces(host)
    with active(host, 'mode', xml):
        one, two = guests()
        one.run('ip', 'addr', 'add', '10.77.5.1/24', 'dev', 'lo')
        assert '10.77.5.0/24 via 10.98.1.11' in host.run('ip', 'route').stdout
        outside = world['outside']
        outside.route(HOST_OUTSIDE[0])
        try:
            assert outside.reaches('10.77.5.1')
        finally:
            outside.run('ip', 'route', 'del', 'default')
        guests.remove()
    assert traces(host) == before


# --- modes on interfaces of the host ---

@pytest.fixture
def host_bridge(host):
    host.run('ip', 'link', 'add', 'br-lan', 'type', 'bridge')
    host.run('ip', 'link', 'set', 'br-lan', 'up')
    yield 'br-lan'
    host.run('ip', 'link', 'del', 'br-lan')


def test_host_bridge_is_left_alone(host, host_bridge, guests):
    before = traces(host)
    xml = f"<network><name>lan</name><forward mode='bridge'/><bridge name='{host_bridge}'/></network>"
    with active(host, 'lan', xml):
        assert host.virsh('net-info', 'lan').count('br-lan') == 1
        one, two = guests(host_bridge)
        assert one.reaches('10.98.1.12') and one.reaches('fd98:1::12')
        guests.remove()
    assert traces(host) == before


@pytest.mark.parametrize('mode', ['bridge', 'private', 'vepa', 'passthrough'])
def test_macvtap_modes_start_and_stop(host, mode):
    host.run('ip', 'link', 'add', 'mv-up', 'type', 'veth', 'peer', 'name', 'mv-peer')
    before = traces(host)
    xml = f"<network><name>mv</name><forward mode='{mode}'><interface dev='mv-up'/></forward></network>"
    try:
        with active(host, 'mv', xml):
            assert f"<forward dev='mv-up' mode='{mode}'>" in host.virsh('net-dumpxml', 'mv')
        assert traces(host) == before
        host.run('ip', 'link', 'del', 'mv-up')
        assert "no interface 'mv-up'" in host.virsh('net-create', write(host, 'mv', xml), check=False).stderr
    finally:
        host.run('ip', 'link', 'del', 'mv-up', check=False)


def test_pool_of_pci_functions(host):
    """Networks of mode hostdev hand out addresses; nobody on this kernel can pass them on, and a guest is told so."""
    xml = ("<network><name>pci</name><forward mode='hostdev' managed='yes'><address type='pci' domain='0' bus='3' slot='16' function='1'/>"
           "</forward></network>")
    with active(host, 'pci', xml):
        assert "<address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/>" in host.virsh('net-dumpxml', 'pci')
