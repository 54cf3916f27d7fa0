"""What the VM tests do on their host, which is the machine they run in: the same words as on a private host of the integration
tests (tests/integration/harness.py), so that what those share (netlab.py) works here too."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SHARE = Path('/run/virtd-share')
TREE, SOURCE, PROGRAMS, GUESTS = SHARE / 'tree', SHARE / 'source', SHARE / 'programs', SHARE / 'guests'
sys.path.insert(0, str(SOURCE / 'tests/integration'))
os.environ.setdefault('VIRTD_TEST_PATIENCE', '5')  # everything is emulated, on a loaded machine
from harness import DEADLINE, Lines, wait_until  # noqa: E402
from netlab import Station  # noqa: E402

DAEMONS = ['virtqemud', 'virtnetworkd', 'virtsecretd', 'virtstoraged']
NETWORKS = Path('/etc/libvirt/qemu/networks')
root = Path('/var/lib/virtd-vm')
OUTSIDE = '198.51.100'


def run(*command, check=True, stdin=None, timeout=DEADLINE, env=None):
    """The finished process, its output as text; without check its status may be anything."""
    done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, cwd='/', env={**os.environ, **(env or {})})
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}: {done.stdout}{done.stderr}"
    return done


def spawn(*command):
    """Start it; its output (both streams) as harness.Lines."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd='/')
    return Lines(process, ' '.join(command))


def output(*command, **options):
    return run(*command, **options).stdout


def virsh(*arguments, **options):
    return output('virsh', '-c', 'qemu:///system', *arguments, **options)


def journal(lines, *options):
    return output('journalctl', '--boot', '--no-pager', '--output=short-precise', '--lines', str(lines), *options, check=False)


def warnings(daemon):
    """What a daemon of ours found worth a warning, or worse."""
    found = output('journalctl', '--boot', '--quiet', '--output=cat', '--priority=warning', f'_COMM={daemon}')
    return found.splitlines()


def service(unit, what='ActiveState'):
    return output('systemctl', 'show', '-P', what, unit).strip()


def install():
    """Put the files of the build in place, as a package would."""
    shutil.copytree(TREE / 'usr', '/usr', symlinks=True, dirs_exist_ok=True)
    run(SOURCE / 'units/install-default-network', '/usr/share/libvirt/networks/default.xml', NETWORKS)
    run('systemd-sysusers')
    run('systemd-tmpfiles', '--create', 'virtd.conf')
    run('systemctl', 'daemon-reload')


def enable():
    """What the documentation tells an administrator to do."""
    run('systemctl', 'enable', '--now', *[f'{daemon}.service' for daemon in DAEMONS])


def disable():
    units = [f'{daemon}{suffix}' for daemon in DAEMONS for suffix in ('.service', '.socket', '-ro.socket', '-admin.socket')]
    run('systemctl', 'disable', '--now', *units)


def network_state(name='default'):
    """'active', 'inactive', or None when there is no such network."""
    for line in virsh('net-list', '--all').splitlines()[2:]:
        if line.split()[:1] == [name]:
            return line.split()[1]
    return None


def wait_active(name='default'):
    wait_until(lambda: network_state(name) == 'active', f'the network {name} is active')


def dnsmasq_pids(name='default'):
    return output('pgrep', '-f', f'dnsmasq/{name}.conf', check=False).split()


def resolved(station, name, server):
    """The addresses that server tells a station for name."""
    said = station.run('busybox', 'nslookup', name, server, check=False).stdout  # it fails, too, when only IPv6 is not known
    return re.findall(r'^Address: (\S+)$', said.partition('Name:')[2], re.M)


class Outside(Station):
    """A machine beyond the host, at OUTSIDE.2: it knows the way to the host and no further."""

    def __init__(self):
        super().__init__(sys.modules[__name__], 'outside', None)
        run('ip', 'address', 'add', f'{OUTSIDE}.1/24', 'dev', self.cable)
        self.address(f'{OUTSIDE}.2/24')
        self.where = f'{OUTSIDE}.2'
