"""The machine of the VM tests as seen from outside: QEMU, its disks, and the line to the agent inside.

It boots once and is saved; each test script then gets a copy of the saved machine, in seconds instead of half a minute. What the
scripts need from outside and what they bring back is one directory, shared by 9p while they run (never while saving: a mounted
share cannot be saved).
"""
import fcntl
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPARE_DISKS = 2  # /dev/disk/by-id/virtio-spareN, for storage
SPARE_BYTES = 1 << 30
MEMORY_MIB = 2048
BOOT_DEADLINE = 900  # seconds; half a minute on an idle machine
KERNEL_LINE = 'console=ttyS0 panic=-1 quiet loglevel=4 systemd.show_status=0 mitigations=off net.ifnames=0'


class Broken(Exception):
    """The machine, not a test, failed."""


def say(text):
    print(f'vm: {text}', flush=True)


def image():
    """(directory, stamp) of the built image."""
    built = subprocess.run([HERE / 'build'], stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise Broken('the image cannot be built')
    directory = Path(built.stdout.strip())
    return directory, (directory / 'stamp').read_text().strip()


def emulates(device):
    done = subprocess.run(['qemu-system-x86_64', '-machine', 'q35', '-device', f'{device},help'], capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.startswith(f'{device} options')


class Machine:
    """One QEMU. `extra` are arguments for further hardware; such a machine cannot come from a saved one."""

    def __init__(self, directory, share, root, extra=(), incoming=None):
        self.work = Path(tempfile.mkdtemp(prefix='virtd-vm.'))
        self.console = self.work / 'console'
        for number in range(SPARE_DISKS):
            with open(self.work / f'spare{number}', 'wb') as spare:
                spare.truncate(SPARE_BYTES)
        self.errors = open(self.work / 'errors', 'w+')
        self.process = subprocess.Popen(self._command(directory, share, root, extra, incoming), stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors)
        self.lines = queue.Queue()
        try:
            self.monitor = self._connect('monitor').makefile('rwb')
            self.monitor.readline()
            self.ask('qmp_capabilities')
            self.agent = self._connect('agent')
        except OSError:
            self.process.wait(60)
            why = self.complaints()
            self.end()
            raise Broken(f'QEMU ended: {why}') from None
        except BaseException:
            self.end()
            raise
        threading.Thread(target=self._listen, daemon=True).start()

    def _command(self, directory, share, root, extra, incoming):
        def disk(name, path, kind):
            return ['-drive', f'if=none,id={name},file={path},format={kind},cache=unsafe,discard=unmap',
                    '-device', f'virtio-blk-pci,drive={name},serial={name}']

        def line(name):
            return ['-chardev', f'socket,id={name},path={self.work}/{name},server=on,wait=off']
        spares = [word for number in range(SPARE_DISKS) for word in disk(f'spare{number}', self.work / f'spare{number}', 'raw')]
        return ['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35,kernel-irqchip=split',
                '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', str(MEMORY_MIB),
                '-kernel', str(directory / 'vmlinuz'), '-initrd', str(directory / 'initrd'), '-append', KERNEL_LINE,
                '-serial', f'file:{self.console}', '-device', 'virtio-rng-pci',
                *disk('root', root, 'qcow2'), *spares,
                *line('monitor'), '-mon', 'chardev=monitor,mode=control',
                '-device', 'virtio-serial-pci', *line('agent'), '-device', 'virtserialport,chardev=agent,name=virtd.agent',
                '-fsdev', f'local,id=share,path={share},security_model=none', '-device', 'virtio-9p-pci,fsdev=share,mount_tag=virtd',
                '-netdev', 'user,id=uplink,restrict=on', '-device', 'virtio-net-pci,netdev=uplink,romfile=',
                *extra, *(['-incoming', incoming] if incoming else [])]

    def _connect(self, name):
        end = time.monotonic() + 60
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.work / name))
                return connection
            except OSError:
                connection.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Broken(f'QEMU does not start: {self.complaints()}') from None
                time.sleep(0.05)

    def complaints(self):
        self.errors.flush()
        return (self.work / 'errors').read_text(errors='replace').strip()

    def _listen(self):
        with self.agent.makefile('r', errors='replace', newline='\n') as lines:
            for line in lines:
                self.lines.put(line.rstrip('\r\n'))
        self.lines.put(None)

    def ask(self, command, **arguments):
        self.monitor.write(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        self.monitor.flush()
        while line := self.monitor.readline():
            answer = json.loads(line)
            if 'error' in answer:
                raise Broken(f"{command}: {answer['error']['desc']}")
            if 'return' in answer:
                return answer['return']
        raise Broken(f'QEMU ended: {self.complaints()}')

    def poll(self, condition, what, deadline):
        end = time.monotonic() + deadline
        while not condition():
            if time.monotonic() > end:
                raise Broken(f'after {deadline} s still not: {what}')
            time.sleep(0.1)

    def next_line(self, deadline):
        """What the agent says next; deadline is a time of the monotonic clock."""
        try:
            line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise Broken('it takes too long') from None
        if line is None:
            raise Broken(f'QEMU ended: {self.complaints()}')
        return line

    def wait_ready(self):
        end = time.monotonic() + BOOT_DEADLINE
        try:
            while self.next_line(end) != 'agent: ready':
                pass
        except Broken as broken:
            raise Broken(f'{broken}; the console ends with: {self.console_tail()}') from None

    def console_tail(self):
        text = self.console.read_text(errors='replace') if self.console.exists() else ''
        return '\n'.join(text.splitlines()[-20:])

    def go(self):
        self.agent.sendall(f'go {time.time():.0f}\n'.encode())

    def save(self, path):
        self.ask('stop')
        self.ask('migrate-set-parameters', **{'max-bandwidth': 4 << 30})
        self.ask('migrate', uri=f'exec:cat >{path}')
        self.poll(lambda: self.ask('query-migrate').get('status') in ('completed', 'failed'), 'the machine is saved', 600)
        if self.ask('query-migrate')['status'] != 'completed':
            raise Broken('the machine cannot be saved')
        self.ask('quit')
        self.process.wait(60)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        shutil.rmtree(self.work, ignore_errors=True)


def overlay(path, base, kind):
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', kind, path], check=True)


def booted(directory, share, work, extra):
    """A machine that boots now; its disk is below work."""
    overlay(work / 'root.qcow2', directory / 'root.img', 'raw')
    return Machine(directory, share, work / 'root.qcow2', extra)


def saved(directory, stamp):
    """The directory of the machine saved right after its boot; made when it is not there for this image and this QEMU."""
    version = subprocess.run(['qemu-system-x86_64', '--version'], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    name = f'{stamp} {version} {Path(__file__).read_text()}'
    place = directory / 'saved'
    with open(directory / 'saved.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        save_if_needed(directory, place, name)
    return place


def save_if_needed(directory, place, name):
    if place.exists() and (place / 'name').exists() and (place / 'name').read_text() == name:
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    started = time.monotonic()
    say('booting the machine that will be saved')
    with tempfile.TemporaryDirectory() as share:
        machine = booted(directory, share, place, ())
        try:
            machine.wait_ready()
            machine.save(place / 'state')
        finally:
            machine.end()
    (place / 'name').write_text(name)
    say(f'booted and saved in {time.monotonic() - started:.0f} s ({(place / "state").stat().st_size >> 20} MiB)')


def resumed(directory, stamp, share, work):
    """A copy of the saved machine; its disk is below work."""
    place = saved(directory, stamp)
    overlay(work / 'root.qcow2', place / 'root.qcow2', 'qcow2')
    machine = Machine(directory, share, work / 'root.qcow2', incoming=f'exec:cat {place}/state')
    try:
        machine.poll(lambda: machine.ask('query-status')['status'] != 'inmigrate', 'the saved machine is there', 300)
        machine.ask('cont')
    except BaseException:
        machine.end()
        raise
    return machine


def run(share, extra=(), limit=1800, show=print):
    """Start share/run in a machine and show its output line by line; returns its exit status. It may say "agent: reboot": then it
    is started again after that."""
    directory, stamp = image()
    with tempfile.TemporaryDirectory(prefix='virtd-vm.') as work:
        work = Path(work)
        machine = booted(directory, share, work, extra) if extra else resumed(directory, stamp, share, work)
        try:
            if extra:
                machine.wait_ready()
            machine.go()
            expected = False
            end = time.monotonic() + limit
            while True:
                line = machine.next_line(end)
                if line.startswith('agent: ended '):
                    return int(line.split()[-1])
                if line == 'agent: reboot':
                    expected = True
                elif line == 'agent: ready':
                    if not expected:
                        raise Broken(f'the machine was reset; its console ended with: {machine.console_tail()}')
                    expected = False
                    machine.go()
                else:
                    show(line)
        finally:
            if machine.console.exists():
                shutil.copy(machine.console, Path(share) / 'results' / 'console.txt')
            machine.end()
