"""firewalld, the real one, on a bus and in a network namespace of its own: bridges get their zone, a zone that is not there is said
to be, its start, reload and end are noticed, and without it nothing is waited for."""
import os
import shutil
import signal
import subprocess

import pytest

import harness
from namespaces import Namespace
from test_firewall import FWCTL, Fwctl

BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth><policy context="default"><allow user="*"/>
<allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_requested_reply="true"/>
<allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_requested_reply="true"/></policy></busconfig>'''

pytestmark = [pytest.mark.skipif(os.getuid() != 0, reason='network namespaces are made as root'),
              pytest.mark.skipif(not FWCTL.exists(), reason='fwctl is not built'),
              pytest.mark.skipif(not shutil.which('dbus-daemon'), reason='there is no dbus-daemon here'),
              pytest.mark.skipif(not shutil.which('firewalld'), reason='there is no firewalld here')]


class World:
    def __init__(self, folder):
        self.folder = folder
        self.host = Namespace()
        self.environment = {**os.environ, 'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={folder}/bus'}
        self.bus = None
        (folder / 'bus.conf').write_text(BUS.format(folder))
        (folder / 'etc').mkdir()
        self.host.run('ip link add virbr-a type bridge')

    def start_bus(self):
        self.bus = self.host.spawn('dbus-daemon', f'--config-file={self.folder}/bus.conf', '--nofork', '--print-address',
                                   stdout=subprocess.PIPE, text=True)
        assert self.bus.stdout.readline()

    def start(self):
        self.firewalld = self.host.spawn('firewalld', '--nofork', '--nopid', f'--system-config={self.folder}/etc',
                                         env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.firewalld.send_signal(signal.SIGTERM)
        self.firewalld.wait(harness.DEADLINE)

    def firewall_cmd(self, *words, check=True):
        return subprocess.run(['firewall-cmd', *words], preexec_fn=self.host.enter, env=self.environment, check=check,
                              capture_output=True, text=True).stdout.strip()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.host.end()


def test_zones(world):
    fw = Fwctl(world.host, env=world.environment)
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['inactive'], 'without a bus'
    world.start_bus()
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['inactive'], 'without a firewalld'
    world.start()
    assert fw('await-firewalld')[1] == ['started']
    harness.wait_until(lambda: world.firewall_cmd('--state', check=False) == 'running', 'firewalld runs')
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['done']
    assert world.firewall_cmd('--get-zone-of-interface=virbr-a') == 'trusted'
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['done'], 'once more'
    assert fw('zone', 'home', 'virbr-a')[1] == ['done'], 'from another zone'
    assert world.firewall_cmd('--get-zone-of-interface=virbr-a') == 'home'
    assert fw('zone', 'none-such', 'virbr-a')[1] == ['no zone']
    world.firewall_cmd('--reload')
    assert fw('await-firewalld')[1] == ['reloaded']
    assert fw('forget', 'virbr-a')[1] == ['done']
    assert world.firewall_cmd('--get-zone-of-interface=virbr-a', check=False) == ''
    assert fw('forget', 'virbr-a')[1] == ['done'], 'once more'
    world.stop()
    assert fw('await-firewalld')[1] == ['stopped']
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['inactive']
    world.bus.kill()
    world.bus.wait()
    (world.folder / 'bus').unlink()
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['inactive'], 'the bus has died'
    world.start_bus()
    world.start()
    assert fw('zone', 'trusted', 'virbr-a')[1] in (['inactive'], ['done'])
    harness.wait_until(lambda: fw('zone', 'trusted', 'virbr-a')[1] == ['done'], 'another bus, another firewalld')
    fw.end()


def test_what_firewalld_stops_is_named(world):
    """A bridge in no zone belongs to the default one, which forwards nothing for it; in the zone "trusted" all passes."""
    network = 'name=A,bridge=virbr-a,mode=nat,subnet=10.1.0.0/24,dhcp4,dns'
    fw = Fwctl(world.host, env=world.environment)
    world.start_bus()
    world.start()
    harness.wait_until(lambda: world.firewall_cmd('--state', check=False) == 'running', 'firewalld runs')
    fw('sync', network)
    warnings = fw('foreign', network)[1]
    assert any('packets of its guests to the outside' in text and "table 'inet firewalld'" in text for text in warnings), warnings
    assert any('(DHCP)' in text and "table 'inet firewalld'" in text for text in warnings), warnings
    assert fw('zone', 'trusted', 'virbr-a')[1] == ['done']
    assert fw('foreign', network)[1] == []
    fw.end()
