"""virtnetworkd's unit under a real systemd: the network of the package, and networks that outlive their daemon."""
import pytest
from container import wait_until
from test_units import main_pid, sockets, state  # noqa: F401 (a fixture)

DAEMON = 'virtnetworkd'


@pytest.fixture(scope='module')
def default(container):
    container.run('systemctl', 'start', 'virtnetworkd.service', check=True)
    wait_until(lambda: ' default ' in container.virsh('net-list'), 'the network of the package starts with the host')
    yield 'default'


def dnsmasq_pids(container):
    return container.run('pgrep', '-f', 'dnsmasq/default.conf').stdout.split()


def test_default_network_is_there(container, default):
    info = container.virsh('net-info', default)
    assert 'Autostart:      yes' in info and 'Persistent:     yes' in info
    xml = container.virsh('net-dumpxml', default)
    assert "<forward mode='nat'>" in xml or "<forward mode='nat'/>" in xml
    assert dnsmasq_pids(container)


def test_dnsmasq_is_its_own_user(container, default):
    users = container.run('ps', '-o', 'user:32=', '-p', ','.join(dnsmasq_pids(container)), check=True).stdout.split()
    assert 'libvirt-dnsmasq' in users


def test_an_active_network_keeps_the_daemon(container, default):
    """It watches: rules may be flushed, dnsmasq may die. The idle time of this container is 2 s."""
    container.virsh('net-list')
    first = main_pid(container, DAEMON)
    with pytest.raises(AssertionError):
        wait_until(lambda: state(container, DAEMON) == 'inactive', 'left', deadline=5)
    assert main_pid(container, DAEMON) == first


@pytest.mark.parametrize('event', ['stop', 'restart', 'crash', 'reload'])
def test_network_outlives_its_daemon(container, default, event):
    before = dnsmasq_pids(container)
    container.virsh('net-list')
    if event == 'crash':
        container.run('kill', '-KILL', str(main_pid(container, DAEMON)), check=True)
    else:
        container.run('systemctl', event, 'virtnetworkd.service', check=True)
    assert ' active ' in container.virsh('net-list', '--all')
    assert dnsmasq_pids(container) == before


def test_idle_exit_without_networks(container, default):
    """Last: the network is stopped. Who is gone comes back with the next call."""
    container.virsh('net-destroy', default)
    assert dnsmasq_pids(container) == []
    wait_until(lambda: state(container, DAEMON) == 'inactive', 'virtnetworkd left when idle')
    assert container.property('virtnetworkd.service', 'Result') == 'success'
    assert ' inactive ' in container.virsh('net-list', '--all')
    container.run('systemctl', 'restart', 'virtnetworkd.service', check=True)
    assert ' inactive ' in container.virsh('net-list', '--all')  # it was stopped: a restart of the daemon does not start it
