"""What the integration tests share: private hosts, the guests, and waiting for things to become true.

Nothing here sleeps for a fixed time and hopes: every wait names what it waits for, and ends as soon as it is so. The
deadline only bounds a failure; $VIRTD_TEST_PATIENCE multiplies it on slow machines.
"""
import json
import os
import pty
import queue
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('VIRTD_TEST_BUILD', SOURCE / 'build')).resolve()
DEVHOST_PROGRAM = str(BUILD / 'tools' / 'devhost-run')
DEADLINE = 60 * float(os.environ.get('VIRTD_TEST_PATIENCE', '1'))

UP = 'virtd-guest: up'
BOOTSECTOR_UP = 'virtd-bootsector: up'


def wait_until(condition, what, deadline=DEADLINE):
    """The first true value of condition(); fails naming what was awaited."""
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end, f'after {deadline:.0f} s still not: {what}'
        time.sleep(0.02)
    return result


class Lines:
    """The output of a running program, line by line, with the means to wait for one."""

    def __init__(self, process, title):
        self.process, self.title = process, title
        self.lines = []
        self._queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip('\n'))
        self._queue.put(None)

    def expect(self, pattern, deadline=DEADLINE):
        """The first line, among those not yet looked at, that pattern (a regular expression) is found in."""
        end = time.monotonic() + deadline
        while True:
            try:
                line = self._queue.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f'{self.title}: after {deadline:.0f} s no line with {pattern!r} in {self.lines}') from None
            assert line is not None, f'{self.title} ended without a line with {pattern!r}: {self.lines}'
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    def heard(self, pattern):
        """Whether there is already such a line; the lines up to it are used up."""
        try:
            self.expect(pattern, deadline=0.2)
        except AssertionError:
            assert self.process.poll() is None, f'{self.title} ended: {self.lines}'
            return False
        return True

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Terminal:
    """A program on a terminal of its own, driven as a person would: wait for something, then type."""

    def __init__(self, command, env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=env, cwd='/')
        os.close(slave)
        self.seen = b''

    def expect(self, text, deadline=DEADLINE):
        """Read until text (bytes) has come; what came before it is used up."""
        end = time.monotonic() + deadline
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f'no {text!r} in {self.seen!r}'
            try:
                self.seen += os.read(self.master, 4096)
            except OSError as error:  # the other side is gone
                raise AssertionError(f'it ended without {text!r}: {self.seen!r}') from error
        self.seen = self.seen.split(text, 1)[1]

    def type(self, keys):
        os.write(self.master, keys)

    def ask(self, keys, text):
        """Type until text comes: a program that has just started throws away what was typed before it took the terminal."""
        end = time.monotonic() + DEADLINE
        while True:
            self.type(keys)
            try:
                return self.expect(text, deadline=2)
            except AssertionError:
                if time.monotonic() > end:
                    raise

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


class Host:
    """A private host (tools/devhost) that lives as long as this object; commands are run inside."""

    def __init__(self, session=False, no_kvm=True, netns=False, faults=False):
        """faults: the daemons pass fault points, see kill_at()."""
        self.root = Path(tempfile.mkdtemp(prefix='vh.', dir='/tmp'))  # short: it becomes part of socket addresses
        self.root.chmod(0o755)
        self.session = session
        self.faults = self.root / 'faults'
        environment = dict(os.environ)
        if faults:
            self.faults.mkdir()
            environment['VIRTD_FAULTS'] = str(self.faults)
        switches = {'--session': session, '--no-kvm': no_kvm, '--netns': netns}
        options = [switch for switch, wanted in switches.items() if wanted]
        self.process = subprocess.Popen([DEVHOST_PROGRAM, '--build', str(BUILD), '--root', str(self.root), *options, '--',
                                         'sh', '-c', 'id -u; exec sleep infinity'],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=environment)
        uid = self.process.stdout.readline().strip()
        if not uid:
            raise RuntimeError('devhost: ' + self.process.stderr.read())
        self.uid = int(uid)
        self.init = self._child(self.process.pid)
        self.uri = 'qemu:///session' if session else 'qemu:///system'
        self.log = self.root / ('home/libvirt' if session else 'var/log/libvirt') / 'virtqemud.log'

    @staticmethod
    def _child(parent):
        for stat in Path('/proc').glob('[0-9]*/stat'):
            try:
                if int(stat.read_text().rsplit(')', 1)[1].split()[1]) == parent:
                    return int(stat.parent.name)
            except OSError:
                continue
        raise RuntimeError('devhost has no child')

    def _inside(self, command):
        enter = ['nsenter', '-t', str(self.init), '-m', '-p', '-n']
        if self.session and os.getuid() == 0:
            enter += ['setpriv', f'--reuid={self.uid}', f'--regid={self.uid}', '--clear-groups']
        return [*enter, *command]

    def environment(self):
        env = {**os.environ, 'VIRTD_ROOT': str(self.root), 'LC_ALL': 'C.UTF-8', 'LIBVIRT_DEFAULT_URI': self.uri,
               'PYTHONPATH': str(Path(__file__).parent), 'PYTHONDONTWRITEBYTECODE': '1'}
        for name in ('XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME'):
            env.pop(name, None)
        if self.session:
            env |= {'HOME': str(self.root / 'home'), 'XDG_RUNTIME_DIR': str(self.root / 'run')}
        return env

    def run(self, *command, check=True, timeout=DEADLINE, stdin=None):
        done = subprocess.run(self._inside(command), input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, env=self.environment(), cwd='/')
        assert not check or done.returncode == 0, f'{" ".join(command)}: {done.returncode}: {done.stdout}{done.stderr}'
        return done

    def spawn(self, *command):
        """Start command inside; its output (both streams) as Lines."""
        process = subprocess.Popen(self._inside(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, env=self.environment(), cwd='/')
        return Lines(process, ' '.join(command))

    def terminal(self, *command):
        return Terminal(self._inside(command), self.environment())

    def virsh(self, *arguments, check=True, timeout=DEADLINE):
        """The output of the stock virsh; with check=False the finished process, to look at its error."""
        done = self.run('virsh', '-c', self.uri, *arguments, check=check, timeout=timeout)
        return done if not check else done.stdout

    def events(self):
        """A virsh that prints every domain event, registered when this returns: it has printed one made for that."""
        lines = self.spawn('stdbuf', '-oL', 'virsh', '-c', self.uri, 'event', '--all', '--loop')
        path = self.root / 'event-probe.xml'
        path.write_text("<domain type='qemu'><name>event-probe</name><memory>1024</memory><os><type>hvm</type></os></domain>")
        path.chmod(0o644)

        def heard():
            self.virsh('define', str(path))
            self.virsh('undefine', 'event-probe')
            return lines.heard('event-probe')
        wait_until(heard, 'the listener hears events')
        return lines

    def kill_at(self, point, daemon='virtstoraged'):
        """From now on the point-th fault point that the daemon passes kills it; 0: none any more. What was passed before is forgotten."""
        (self.faults / 'passed').unlink(missing_ok=True)
        (self.faults / 'armed').unlink(missing_ok=True)
        if point:
            (self.faults / 'next').write_text(f'{point} {daemon}')
            (self.faults / 'next').rename(self.faults / 'armed')

    def points_passed(self):
        return (self.faults / 'passed').read_text().splitlines() if (self.faults / 'passed').exists() else []

    def daemon_pid(self, name='virtqemud'):
        """The daemon's process id as this side sees it; None when it is not running."""
        for stat in Path('/proc').glob('[0-9]*/stat'):
            try:
                head, fields = stat.read_text().rsplit(')', 1)
                if head.split('(', 1)[1] == name and int(fields.split()[1]) == self.init and fields.split()[0] != 'Z':
                    return int(stat.parent.name)
            except OSError:
                continue
        return None

    def processes(self, pattern):
        """Process ids (of this side) on the private host whose command line matches."""
        found, own = [], os.stat(f'/proc/{self.init}/ns/pid').st_ino
        for path in Path('/proc').glob('[0-9]*'):
            try:
                if os.stat(path / 'ns/pid').st_ino == own and re.search(pattern, (path / 'cmdline').read_bytes().decode(errors='replace')):
                    found.append(int(path.name))
            except OSError:
                continue
        return sorted(found)

    def sanitizer_reports(self):
        """What sanitizers said of our own mistakes in the daemons' logs."""
        reports = []
        for path in self.log.parent.glob('virt*.log'):
            text = path.read_text(errors='replace')
            reports += [f'{path.name}: {text[found.start():][:6000]}' for found in re.finditer(r'==ERROR: \w+Sanitizer|\S+: runtime error: ', text)]
        return reports

    def qemu_pid(self, domain):
        """The process id of a guest's QEMU; None when there is none."""
        found = self.processes(rf'guest={re.escape(domain)}[,\0]')
        assert len(found) <= 1, f'{domain} runs {len(found)} times'
        return found[0] if found else None

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for left in Path('/run/netns').glob(f'{self.root.name}.*'):  # of a test that could not remove them
            subprocess.run(['ip', 'netns', 'del', left.name], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


def install_guests(host):
    """The guests of tests/guest where the guests' user can read them; returns their directory on the host."""
    built = subprocess.run([SOURCE / 'tests/guest/build'], capture_output=True, text=True, check=True).stdout.strip()
    images = host.root / 'images'
    if not images.exists():
        images.mkdir(mode=0o755)
        images.chmod(0o777)
        for name in ('vmlinuz', 'initrd', 'disk.img', 'bootsector.img'):
            subprocess.run(['cp', '--sparse=always', f'{built}/{name}', images / name], check=True)
            (images / name).chmod(0o666)
    return images


class Guest:
    """A guest of tests/guest: its definition, and its console as a file (with `console` given its way)."""

    def __init__(self, host, name, kind='bootsector', virt='qemu', machine='pc', memory_mib=None, extra='', uuid=None,
                 serial=None):
        self.host, self.name = host, name
        images = install_guests(host)
        self.console = host.root / 'images' / f'{name}.console'
        boot = {
            'kernel': f'<kernel>{images}/vmlinuz</kernel><initrd>{images}/initrd</initrd>'
                      '<cmdline>console=ttyS0 quiet panic=-1</cmdline>',
            'bootsector': '',
            'disk': '',
        }[kind]
        disk = ''
        if kind != 'kernel':
            image = images / f'{name}.img'
            subprocess.run(['cp', '--sparse=always', images / ('bootsector.img' if kind == 'bootsector' else 'disk.img'), image], check=True)
            image.chmod(0o666)
            bus, target = ('ide', 'hda') if machine.startswith('pc') else ('virtio', 'vda')
            disk = (f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>"
                    f"<target dev='{target}' bus='{bus}'/></disk>")
        self.marker = BOOTSECTOR_UP if kind == 'bootsector' else UP
        memory = memory_mib or (32 if kind == 'bootsector' else 128)
        serial = serial or f"<serial type='file'><source path='{self.console}'/></serial>"
        self.xml = f'''<domain type='{virt}'>
  <name>{name}</name>
  {f"<uuid>{uuid}</uuid>" if uuid else ""}
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='{machine}'>hvm</type>{boot}</os>
  <features><acpi/></features>
  <devices>
    {disk}
    {serial}
    {extra}
  </devices>
</domain>
'''
        self.path = host.root / 'images' / f'{name}.xml'
        self.path.write_text(self.xml)
        self.path.chmod(0o644)

    def define(self):
        self.host.virsh('define', str(self.path))
        return self

    def start(self):
        self.host.virsh('start', self.name)
        return self

    def create(self, *options):
        self.host.virsh('create', str(self.path), *options)
        return self

    def wait_up(self, times=1):
        wait_until(lambda: self.console.exists() and self.console.read_bytes().count(self.marker.encode()) >= times,
                   f'the console of {self.name} shows {self.marker!r}')
        return self

    def state(self):
        return self.host.virsh('domstate', self.name).strip()

    def wait_state(self, state):
        wait_until(lambda: self.state() == state, f'{self.name} is {state}')
        return self

    def remove(self):
        """Whatever its state: gone afterwards, and no error if it was already."""
        self.host.virsh('destroy', self.name, check=False)
        self.host.virsh('undefine', self.name, '--managed-save', '--nvram', check=False)


def python_inside(host, code):
    """Run Python with python3-libvirt on the private host; returns what it printed as JSON."""
    return json.loads(host.run('/usr/bin/python3', '-c', code).stdout)
