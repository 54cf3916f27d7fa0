"""AppArmor with Debian's own profile of dnsmasq enforced, as careful administrators and other distributions have it: DHCP, DNS, the lease
helper and the end of dnsmasq work under it, and nothing is denied."""
import re
from pathlib import Path

import host
import pytest

MAC = '52:54:00:aa:bb:03'


def denied():
    return [line for line in host.output('journalctl', '--boot', '--quiet', '--output=cat', '--no-pager').splitlines()
            if 'apparmor="DENIED"' in line or 'apparmor="ALLOWED"' in line]


@pytest.fixture(scope='module')
def network(installed):
    host.run('aa-enforce', '/usr/sbin/dnsmasq')
    host.wait_active()
    host.virsh('net-destroy', 'default')
    before = len(denied())
    host.virsh('net-start', 'default')
    yield before


@pytest.fixture(scope='module')
def station(network):
    made = host.Station(host, 'confined', 'virbr0', MAC)
    yield made
    made.remove()


def profile(pid):
    return Path(f'/proc/{pid}/attr/current').read_text().strip('\0\n')


def test_it_is_confined(network):
    assert {profile(pid) for pid in host.dnsmasq_pids()} == {'dnsmasq (enforce)'}


def test_leases(station):
    address = station.dhcp('confined')
    host.wait_until(lambda: address in host.virsh('net-dhcp-leases', 'default'), 'the helper has noted the lease')
    assert host.resolved(station, 'confined', '192.168.122.1') == [address]


def test_leases_outlive_it(station):
    """The helper gives them back to the next dnsmasq."""
    first = station.dhcp('confined')
    pids = host.dnsmasq_pids()
    host.run('kill', '-KILL', *pids)
    host.wait_until(lambda: host.dnsmasq_pids() and not set(pids) & set(host.dnsmasq_pids()), 'dnsmasq is started again')
    assert host.resolved(station, 'confined', '192.168.122.1') == [first]


def test_update(station):
    host.virsh('net-update', 'default', 'add', 'dns-host', "<host ip='192.168.122.9'><hostname>fixed</hostname></host>", '--live')
    host.wait_until(lambda: host.resolved(station, 'fixed', '192.168.122.1') == ['192.168.122.9'], 'the name is served')


def test_end(network, station):
    host.virsh('net-destroy', 'default')
    assert host.dnsmasq_pids() == []
    found = [re.sub(r'^.*?apparmor=', '', line) for line in denied()[network:]]
    assert found == []
