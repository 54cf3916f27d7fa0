"""firewalld itself, with Debian's configuration and the zones that we install: guests get addresses and names, reach what is outside
and are not reached; and it may be started, reloaded, stopped and removed under a running network."""
import host
import pytest

LIMIT = 3600


@pytest.fixture(scope='module')
def outside(installed):
    host.wait_active()
    return host.Outside()


@pytest.fixture
def station(outside):
    made = host.Station(host, 'station', 'virbr0')
    yield made
    made.remove()


def serves(station, outside):
    """DHCP, DNS and the way out, and no way in."""
    address = station.dhcp('guarded')
    host.wait_until(lambda: host.resolved(station, 'guarded', '192.168.122.1') == [address], 'DNS answers')
    assert station.reaches('192.168.122.1')
    assert station.reaches(outside.where)
    outside.run('ip', 'route', 'replace', '192.168.122.0/24', 'via', f'{host.OUTSIDE}.1')
    assert outside.misses(address)


def zone():
    return host.output('firewall-cmd', '--get-zone-of-interface=virbr0', check=False).strip()


def wait_zone():
    host.wait_until(lambda: zone() == 'libvirt', 'the bridge is in its zone')


def test_started_under_a_network(station, outside):
    host.run('systemctl', 'start', 'firewalld')
    wait_zone()
    serves(station, outside)


def test_network_started_under_it(station, outside):
    host.virsh('net-destroy', 'default')
    host.virsh('net-start', 'default')
    assert zone() == 'libvirt'
    host.run('ip', 'link', 'set', station.cable, 'master', 'virbr0')
    serves(station, outside)
    assert host.warnings('virtnetworkd') == []


@pytest.mark.parametrize('how', [['firewall-cmd', '--reload'], ['firewall-cmd', '--complete-reload'], ['systemctl', 'restart', 'firewalld']],
                         ids=['reload', 'complete-reload', 'restart'])
def test_reloaded(station, outside, how):
    host.run(*how)
    wait_zone()
    serves(station, outside)


def test_the_host_is_guarded_from_guests(station):
    """What the zone does not name is refused at the host itself."""
    station.dhcp()
    server = host.spawn('socat', '-d', '-d', 'TCP-LISTEN:7777,fork,reuseaddr', 'SYSTEM:echo served')
    server.expect('listening')
    done = station.run('socat', '-T', '5', '-', 'TCP:192.168.122.1:7777', check=False)
    assert 'served' not in done.stdout and done.returncode != 0
    server.end()


def test_routed_network(outside):
    """Its zone lets packets in from outside."""
    path = host.root / 'routed.xml'
    path.write_text("<network><name>routed</name><forward mode='route'/><bridge name='virbr-r'/>"
                    "<ip address='10.93.1.1' netmask='255.255.255.0'><dhcp><range start='10.93.1.2' end='10.93.1.9'/></dhcp></ip></network>")
    host.virsh('net-create', str(path))
    station = host.Station(host, 'routed', 'virbr-r')
    try:
        assert host.output('firewall-cmd', '--get-zone-of-interface=virbr-r').strip() == 'libvirt-routed'
        address = station.dhcp()
        outside.run('ip', 'route', 'replace', '10.93.1.0/24', 'via', f'{host.OUTSIDE}.1')
        assert station.reaches(outside.where)
        assert outside.reaches(address)
    finally:
        station.remove()
        host.virsh('net-destroy', 'routed')


def test_stopped(station, outside):
    host.run('systemctl', 'stop', 'firewalld')
    serves(station, outside)


def test_removed(station, outside):
    """With the package gone, in the middle of it: the network runs on, and starts anew."""
    host.run('systemctl', 'start', 'firewalld')
    wait_zone()
    host.run('dpkg', '--purge', '--force-depends', 'firewalld', env={'DEBIAN_FRONTEND': 'noninteractive'})
    serves(station, outside)
    host.virsh('net-destroy', 'default')
    host.virsh('net-start', 'default')
    host.run('ip', 'link', 'set', station.cable, 'master', 'virbr0')
    serves(station, outside)
    assert not [line for line in host.warnings('virtnetworkd') if 'error' in line]


@pytest.mark.boot(2)
def test_the_host_starts_without_it():
    host.wait_until(host.dnsmasq_pids, 'the network was started by the boot')
