"""A guest's card on a bridge of the host: packets pass, the tap has the name that is shown, and it is gone with the guest.
In a network namespace of its own, so the host's links are out of reach."""
import re

import pytest

HOST = {'netns': True}


@pytest.fixture(scope='module')
def bridge(host):
    host.run('ip', 'link', 'add', 'br-test', 'type', 'bridge')
    host.run('ip', 'address', 'add', '10.77.0.1/24', 'dev', 'br-test')
    host.run('ip', 'link', 'set', 'br-test', 'up')
    return 'br-test'


def card(bridge, extra=''):
    return (f"<interface type='bridge'><mac address='52:54:00:77:00:02'/><source bridge='{bridge}'/>"
            f"<model type='virtio'/>{extra}</interface>")


def taps(host):
    return set(re.findall(r'^\d+: ([^:@]+)', host.run('ip', 'link', 'show', 'type', 'tun').stdout, re.M))


def test_packets_pass(host, guest, bridge):
    g = guest('bridged', kind='kernel', extra=card(bridge), serial="<serial type='pty'/>")
    g.create('--paused')
    live = host.virsh('dumpxml', 'bridged')
    tap = re.search(r"<target dev='([^']+)'/>\s*<model", live).group(1)
    assert tap in taps(host)
    assert 'fe:54:00:77:00:02' in host.run('ip', 'link', 'show', tap).stdout
    assert tap in host.run('ip', 'link', 'show', 'master', bridge).stdout
    terminal = host.terminal('virsh', '-c', host.uri, 'console', 'bridged')
    try:
        terminal.expect(b'Escape character')
        host.virsh('resume', 'bridged')
        terminal.ask(b'\r', b'guest# ')
        terminal.type(b'ip address add 10.77.0.2/24 dev eth0; ip link set eth0 up; ping -c 1 -w 30 10.77.0.1\r')
        terminal.expect(b'1 packets received')
    finally:
        terminal.end()
    assert re.search(rf'{tap} rx_packets [1-9]', host.virsh('domifstat', 'bridged', tap))
    host.virsh('destroy', 'bridged')
    assert tap not in taps(host)


def test_a_name_of_ones_own(host, guest, bridge):
    guest('named', extra=card(bridge, "<target dev='mytap'/>")).create()
    assert 'mytap' in taps(host)
    host.virsh('destroy', 'named')
    assert 'mytap' not in taps(host)


def test_several_queues(host, guest, bridge):
    guest('queues', memory_mib=64, extra=card(bridge, "<driver name='qemu' queues='2'/>")).create().wait_up()


def test_a_bridge_that_is_not_there(host, guest):
    before = taps(host)
    guest('nowhere', extra=card('br-none')).define()
    done = host.virsh('start', 'nowhere', check=False)
    assert done.returncode != 0 and 'br-none' in done.stderr
    assert taps(host) == before, 'a tap was left behind'
