"""The installed units on a whole system: the network `default` is there after `systemctl enable --now`, and again after a restart
of the host, without anybody asking for it; its guests are served. A container cannot show the boot, nor what the full sandbox of a
real service manager with all controllers does."""
import host
import pytest


def test_installed_and_enabled(installed):
    for daemon in host.DAEMONS:
        assert host.service(f'{daemon}.service', 'UnitFileState') == 'enabled'
        for suffix in '', '-ro', '-admin':
            assert host.service(f'{daemon}{suffix}.socket') == 'active'
            assert host.service(f'{daemon}{suffix}.socket', 'UnitFileState') == 'enabled'


def test_default_network():
    host.wait_active()
    assert host.dnsmasq_pids()
    assert 'masquerade' in host.output('nft', 'list', 'ruleset')
    assert host.output('cat', '/proc/sys/net/ipv4/ip_forward').strip() == '1'


@pytest.mark.boot(2)
def test_there_after_the_boot():
    """Nobody has called yet."""
    host.wait_until(host.dnsmasq_pids, 'the network of the package was started by the boot')
    assert '192.168.122.1/24' in host.output('ip', '-br', 'address', 'show', 'dev', 'virbr0')
    assert 'masquerade' in host.output('nft', 'list', 'ruleset')
    assert host.service('virtnetworkd.service') == 'active'
    assert host.network_state() == 'active'
