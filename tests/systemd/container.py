"""A container in which this host's systemd is PID 1 and the build tree is installed: see boot."""
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('VIRTD_TEST_BUILD', TOP / 'build')).resolve()
DEADLINE = 60  # seconds; generous, for loaded machines
DAEMONS = ['virtqemud', 'virtnetworkd', 'virtsecretd', 'virtstoraged']


def wait_until(condition, what, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end, f'after {deadline} s still not: {what}'
        time.sleep(0.05)
    return result


class Container:
    def __init__(self, tree, work):
        self.process = subprocess.Popen([Path(__file__).parent / 'boot', tree, work], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.pid = wait_until(self._find_init, 'systemd runs')
        wait_until(lambda: self.run('systemctl', 'is-system-running').stdout.strip() in ('running', 'degraded'), 'booted')

    def _find_init(self):
        if self.process.poll() is not None:
            raise RuntimeError('the container did not boot: ' + self.process.stdout.read())
        parents = {}
        for stat in Path('/proc').glob('[0-9]*/stat'):
            try:
                name, fields = stat.read_text().rsplit(')', 1)
            except OSError:
                continue
            parents[int(stat.parent.name)] = (int(fields.split()[1]), name.split('(', 1)[1])
        for pid, (parent, name) in parents.items():
            if name != 'systemd':
                continue
            while parent in parents and parent != self.process.pid:
                parent = parents[parent][0]
            if parent == self.process.pid:
                return pid
        return None

    def run(self, *command, check=False, timeout=DEADLINE):
        done = subprocess.run(['nsenter', '-t', str(self.pid), '-a', 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root',
                               'LC_ALL=C.UTF-8', *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f'{command}: {done.stdout}{done.stderr}\n{self.journal()}'
        return done

    def journal(self):
        return self.run('journalctl', '--no-pager', '-n', '60').stdout

    def property(self, unit, name):
        return self.run('systemctl', 'show', '-P', name, unit, check=True).stdout.strip()

    def virsh(self, *arguments, check=True):
        return self.run('virsh', '-c', 'qemu:///system', *arguments, check=check).stdout

    def end(self):
        self.run('systemctl', 'exit', '0', '--no-block')
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope='session')
def tree():
    """The build, installed below a directory, with a short idle time so that idle exit can be awaited."""
    if os.getuid() != 0:
        pytest.skip('only root can boot a container')
    if missing := [d for d in DAEMONS if not (BUILD / d / d).exists()]:
        pytest.skip(f'{missing} not built in {BUILD}')
    options = subprocess.run(['meson', 'introspect', '--buildoptions', BUILD], capture_output=True, text=True, check=True).stdout
    if '"name": "prefix", "value": "/usr"' not in options:
        pytest.skip(f'{BUILD} is not configured with --prefix=/usr, where systemd and the stock clients look')
    with tempfile.TemporaryDirectory(prefix='virtd-tree.') as directory:
        subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', directory], check=True,
                       stdout=subprocess.DEVNULL)
        etc = Path(directory) / 'etc' / 'default'
        etc.mkdir(parents=True)
        for daemon in DAEMONS:
            (etc / daemon).write_text(f'{daemon.upper()}_ARGS="--timeout 2"\n')
        yield Path(directory)


@pytest.fixture(scope='session')
def container(tree):
    work = tempfile.mkdtemp(prefix='virtd-boot.')
    started = Container(tree, work)
    yield started
    started.end()
    shutil.rmtree(work, ignore_errors=True)
