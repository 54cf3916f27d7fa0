"""What the VM tests do on their host, which is the machine they run in."""
import shutil
import subprocess
import time
from pathlib import Path

SHARE = Path('/run/virtd-share')
TREE, SOURCE, PROGRAMS, GUESTS = SHARE / 'tree', SHARE / 'source', SHARE / 'programs', SHARE / 'guests'
DAEMONS = ['virtqemud', 'virtnetworkd']
NETWORKS = Path('/etc/libvirt/qemu/networks')
DEADLINE = 300  # seconds; everything is emulated, on a loaded machine


def wait_until(condition, what, deadline=DEADLINE):
    """The first true value of condition(); fails naming what was awaited."""
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end, f'after {deadline} s still not: {what}'
        time.sleep(0.1)
    return result


def run(*command, check=True, stdin=None, timeout=DEADLINE):
    """The finished process, its output as text; without check its status may be anything."""
    done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, cwd='/')
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}: {done.stdout}{done.stderr}"
    return done


def output(*command, **options):
    return run(*command, **options).stdout


def virsh(*arguments, **options):
    return output('virsh', '-c', 'qemu:///system', *arguments, **options)


def journal(lines):
    return output('journalctl', '--boot', '--no-pager', '--output=short-precise', '--lines', str(lines), check=False)


def service(unit, what='ActiveState'):
    return output('systemctl', 'show', '-P', what, unit).strip()


def install():
    """Put the files of the build in place, as a package would."""
    shutil.copytree(TREE / 'usr', '/usr', symlinks=True, dirs_exist_ok=True)
    shutil.copytree(TREE / 'etc', '/etc', symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns('networks'))
    run(SOURCE / 'units/install-default-network', '/usr/share/libvirt/networks/default.xml', NETWORKS)
    run('systemd-sysusers')
    run('systemd-tmpfiles', '--create', 'virtd.conf')
    run('systemctl', 'daemon-reload')


def enable():
    """What the documentation tells an administrator to do."""
    run('systemctl', 'enable', '--now', *[f'{daemon}.service' for daemon in DAEMONS])


def network_state(name='default'):
    """'active', 'inactive', or None when there is no such network."""
    for line in virsh('net-list', '--all').splitlines()[2:]:
        if line.split()[:1] == [name]:
            return line.split()[1]
    return None
