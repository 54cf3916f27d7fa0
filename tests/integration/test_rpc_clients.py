"""The RPC layer as its users meet it: the stock clients, a crowd with slow calls, and polkit's every answer.

No guest is needed: tests/example/example_daemon is the layer with two imaginary ones on top.
"""
import os
import select
import socket
import struct
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from harness import BUILD, wait_until

REMOTE, QEMU, KEEPALIVE = 0x20008086, 0x20008087, 0x6b656570
CALL, REPLY, MESSAGE = 0, 1, 2
PING, PONG = 1, 2


class Example:
    """A running example_daemon in a directory of its own."""

    def __init__(self, folder, *args, **kwargs):
        self.folder = folder
        self.process = subprocess.Popen([BUILD / 'tests' / 'example' / 'example_daemon', folder, *args],
                                        stdout=subprocess.PIPE, text=True, **kwargs)
        assert self.process.stdout.readline() == 'ready\n'

    def uri(self, suffix=''):
        return f'qemu:///system?socket={self.folder}/virtqemud-sock{suffix}'

    def virsh(self, *args, readonly=False, **kwargs):
        option = ['-r'] if readonly else []
        return subprocess.run(['virsh', *option, '-c', self.uri('-ro' if readonly else ''), *args], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=30, **kwargs)

    def admin(self, *args):
        return subprocess.run(['virt-admin', '-c', f'virtqemud:///system?socket={self.folder}/virtqemud-admin-sock', *args],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0


@pytest.fixture
def example(tmp_path):
    daemon = Example(tmp_path)
    yield daemon
    daemon.stop()


class Raw:
    """A client of bytes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.buffer = b''

    def send(self, program, proc, payload=b'', serial=0, kind=CALL):
        self.socket.sendall(struct.pack('>IIIiIII', 28 + len(payload), program, 1, proc, kind, serial, 0) + payload)

    def receive(self, deadline=30):
        """(program, proc, type, serial, status, payload), or None when the connection was closed."""
        end = time.monotonic() + deadline
        while len(self.buffer) < 4 or len(self.buffer) < struct.unpack_from('>I', self.buffer)[0]:
            assert select.select([self.socket], [], [], max(0, end - time.monotonic()))[0], 'no answer'
            data = self.socket.recv(65536)
            if not data:
                return None
            self.buffer += data
        size, program, _, proc, kind, serial, status = struct.unpack_from('>IIIiIII', self.buffer)
        payload, self.buffer = self.buffer[28:size], self.buffer[size:]
        return program, proc, kind, serial, status, payload

    def open(self):
        self.send(REMOTE, 66)
        self.receive()
        self.send(REMOTE, 1, struct.pack('>II', 0, 0))
        assert self.receive()[4] == 0


def xdr(text):
    data = text.encode()
    return struct.pack('>I', len(data)) + data + bytes(-len(data) % 4)


def slow_call(milliseconds, guest=1):
    domain = xdr('one') + bytes([guest]) + bytes(15) + struct.pack('>i', 1)
    return domain + xdr(str(milliseconds)) + struct.pack('>I', 0)


def test_stock_virsh(example):
    assert 'Running hypervisor: QEMU 1.2.3' in example.virsh('version').stdout
    assert example.virsh('uri').stdout.strip() == example.uri()
    listed = example.virsh('list', '--all').stdout
    assert 'one    running' in listed and 'two    shut off' in listed
    assert example.virsh('autostart', 'two').returncode == 0
    failed = example.virsh('start', 'two')
    assert failed.returncode == 1 and 'not supported by the connection driver: virDomainCreate' in failed.stderr
    assert 'failed to get domain' in example.virsh('dominfo', 'three').stderr


def test_read_only_socket(example):
    assert 'one    running' in example.virsh('list', readonly=True).stdout
    refused = example.virsh('autostart', 'one', readonly=True)
    assert refused.returncode == 1 and 'read only access' in refused.stderr
    # also when the client doesn't say that it is read-only
    refused = subprocess.run(['virsh', '-c', example.uri('-ro'), 'autostart', 'one'], capture_output=True, text=True, timeout=30)
    assert refused.returncode == 1 and 'read only access prevents virDomainSetAutostart' in refused.stderr


def test_stock_virt_admin(example):
    watcher = subprocess.Popen(['virsh', '-c', example.uri(), 'event', '--all', '--loop'], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        ids = wait_until(lambda: [line.split()[0] for line in example.admin('srv-clients-list', 'virtqemud').stdout.splitlines()
                                  if 'unix' in line], 'the watcher is listed')
        info = example.admin('client-info', 'virtqemud', ids[0]).stdout
        assert f'unix_process_id: {watcher.pid}' in info and 'readonly       : no' in info
        assert 'virtqemud' in example.admin('srv-list').stdout
        assert 'nWorkers' in example.admin('srv-threadpool-info', 'virtqemud').stdout
        assert example.admin('srv-clients-set', 'virtqemud', '--max-clients', '77').returncode == 0
        assert 'nclients_max        : 77' in example.admin('srv-clients-info', 'virtqemud').stdout
        assert example.admin('daemon-log-filters', '3:rpc 1:qemu').returncode == 0
        assert '1:qemu' in example.admin('daemon-log-filters').stdout
        assert example.admin('client-disconnect', 'virtqemud', ids[0]).returncode == 0
        assert watcher.wait(30) is not None
    finally:
        watcher.kill()
        watcher.stdout.close()
    assert 'no client with matching id' in example.admin('client-info', 'virtqemud', '4711').stderr


def test_python_event_loop(example):
    """The binding with an event loop: it asks for keepalive, registers by id, and hears what another client causes."""
    script = textwrap.dedent('''
        import libvirt, sys, threading
        libvirt.virEventRegisterDefaultImpl()
        heard = []
        threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
        c = libvirt.open(sys.argv[1])
        c.setKeepAlive(1, 3)
        done = threading.Event()
        def on_event(conn, dom, event, detail, opaque):
            heard.append((dom.name(), event)); done.set()
        c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_event, None)
        libvirt.open(sys.argv[1]).lookupByName("one").setAutostart(1)
        assert done.wait(10), "no event"
        print(heard)
    ''')
    result = subprocess.run(['/usr/bin/python3', '-c', script, example.uri()], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "('one', 0)" in result.stdout


CROWD_SECONDS = float(os.environ.get('VIRTD_TEST_CROWD_SECONDS', '3'))


def test_crowd_with_slow_calls(example):
    """Many clients, each with far more slow calls than its quota: nobody is disconnected, and every ping is answered at
    once, though the calls before it are still waiting. $VIRTD_TEST_CROWD_SECONDS=120 is the long run."""
    clients, calls, quota = 64, 300, 5
    slow = slow_call(int(CROWD_SECONDS * 1000 * quota / calls))
    crowd = [Raw(example.folder / 'virtqemud-sock') for _ in range(clients)]
    answered = {client: [] for client in crowd}
    for client in crowd:
        client.open()
    for client in crowd:
        for serial in range(calls):
            client.send(QEMU, 1, slow, serial=serial + 1)
    started, rounds, worst = time.monotonic(), 0, 0
    while time.monotonic() < started + CROWD_SECONDS or not rounds:
        for client in crowd:
            client.send(KEEPALIVE, PING, kind=MESSAGE)
            asked = time.monotonic()
            while True:
                message = client.receive()
                if message[:3] == (KEEPALIVE, PONG, MESSAGE):
                    break
                answered[client].append(message[3])
            worst = max(worst, time.monotonic() - asked)
        rounds += 1
        time.sleep(CROWD_SECONDS / 20)
    assert worst < 5, f'a ping was answered after {worst:.1f} s'
    # answers from memory don't wait either
    probe = crowd[0]
    probe.send(REMOTE, 3, serial=9999)
    while (serial := probe.receive()[3]) != 9999:
        answered[probe].append(serial)
    for client in crowd:
        while len(answered[client]) < calls:
            answered[client].append(client.receive()[3])
        assert sorted(answered[client]) == list(range(1, calls + 1))
    print(f'{clients} clients, {calls} calls each, {rounds} rounds of pings, slowest answer {worst * 1000:.1f} ms')


def test_silent_client_is_dropped(tmp_path):
    """After the client asked for keepalive it is pinged, and dropped when it never answers; one that answers stays."""
    example = Example(tmp_path, 'fast')
    silent, lively = (Raw(example.folder / 'virtqemud-sock') for _ in range(2))
    for client in (silent, lively):
        client.send(REMOTE, 60, struct.pack('>i', 10))
        assert client.receive()[5] == struct.pack('>i', 1)
        client.open()
    end = time.monotonic() + 60
    pings = 0
    silent.socket.setblocking(False)
    while time.monotonic() < end:
        message = lively.receive()
        assert message[:3] == (KEEPALIVE, PING, MESSAGE)
        lively.send(KEEPALIVE, PONG, kind=MESSAGE)
        try:
            data = silent.socket.recv(4096)
        except BlockingIOError:
            continue
        if not data:
            break
        pings += len(data) // 28
    assert 5 <= pings <= 6
    lively.send(REMOTE, 3, serial=5)
    assert any(lively.receive()[3] == 5 for _ in range(3))
    example.stop()


# --- polkit -----------------------------------------------------------------------------------------------------------

BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>'''

# Answers what the file says: a GVariant-like tuple (authorized, challenge, details), and notes what it was asked.
AUTHORITY = '''
import sys, dbus, dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib
DBusGMainLoop(set_as_default=True)
class Authority(dbus.service.Object):
    @dbus.service.method("org.freedesktop.PolicyKit1.Authority", in_signature="(sa{sv})sa{ss}us", out_signature="(bba{ss})")
    def CheckAuthorization(self, subject, action, details, flags, cancellation):
        with open(sys.argv[1] + "/asked", "w") as f:
            f.write(f"{subject[0]} {int(subject[1]['uid'])} {action} {int(flags)}")
        return eval(open(sys.argv[1] + "/answer").read())
bus = dbus.SystemBus()
name = dbus.service.BusName("org.freedesktop.PolicyKit1", bus)
Authority(bus, "/org/freedesktop/PolicyKit1/Authority")
print("ready", flush=True)
GLib.MainLoop().run()
'''


@pytest.fixture
def polkit_bus():
    if os.geteuid() != 0:
        pytest.skip('needs root, to become another user')
    with tempfile.TemporaryDirectory(prefix='test-polkit-') as folder:  # pytest's own are closed to other users
        yield from run_polkit_bus(Path(folder))


def run_polkit_bus(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / 'bus.conf').write_text(BUS.format(folder=tmp_path))
    environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=f'unix:path={tmp_path}/bus')
    bus = subprocess.Popen(['dbus-daemon', f'--config-file={tmp_path}/bus.conf', '--nofork', '--nopidfile', '--print-address'],
                           stdout=subprocess.PIPE, text=True)
    assert bus.stdout.readline()
    daemon = Example(tmp_path, 'polkit', env=environment)
    for name in ('virtqemud-sock', 'virtqemud-sock-ro'):
        (tmp_path / name).chmod(0o777)
    yield daemon, environment
    daemon.stop()
    bus.kill()
    bus.wait()
    bus.stdout.close()


@pytest.fixture
def authority(polkit_bus):
    daemon, environment = polkit_bus
    process = subprocess.Popen(['/usr/bin/python3', '-c', AUTHORITY, daemon.folder], stdout=subprocess.PIPE, text=True,
                               env=environment)
    assert process.stdout.readline() == 'ready\n'
    yield daemon
    process.kill()
    process.wait()
    process.stdout.close()


def as_nobody(daemon, suffix=''):
    """AUTH_LIST, AUTH_POLKIT and a call, as user nobody: (offered type, error code or 0, may then open)."""
    script = textwrap.dedent('''
        import os, sys, struct
        sys.path.insert(0, sys.argv[1])
        from test_rpc_clients import Raw, REMOTE
        os.setgid(65534); os.setuid(65534)
        c = Raw(sys.argv[2])
        c.send(REMOTE, 66); offered = struct.unpack(">II", c.receive()[5])[1]
        c.send(REMOTE, 70); reply = c.receive()
        code, domain = struct.unpack_from(">iI", reply[5]) if reply[4] else (0, 0)
        c.send(REMOTE, 1, struct.pack(">II", 0, 0))
        print(offered, code, domain, c.receive()[4])
    ''')
    result = subprocess.run(['/usr/bin/python3', '-c', script, os.path.dirname(os.path.abspath(__file__)),
                             f'{daemon.folder}/virtqemud-sock{suffix}'], capture_output=True, text=True, timeout=60,
                            env=dict(os.environ, PYTHONDONTWRITEBYTECODE='1'))
    assert result.returncode == 0, result.stderr
    return [int(word) for word in result.stdout.split()]


@pytest.mark.parametrize('answer, expected', [
    ('(True, False, {})', [2, 0, 0, 0]),
    ('(False, False, {})', [2, 45, 60, 1]),
    ('(False, True, {})', [2, 94, 60, 1]),
    ('(False, True, {"polkit.dismissed": "true"})', [2, 79, 60, 1]),
])
def test_polkit_answers(authority, answer, expected):
    (authority.folder / 'answer').write_text(answer)
    assert as_nobody(authority) == expected
    assert (authority.folder / 'asked').read_text() == 'unix-process 65534 org.libvirt.unix.manage 1'
    assert as_nobody(authority, '-ro') == expected
    assert 'org.libvirt.unix.monitor' in (authority.folder / 'asked').read_text()


def test_polkit_absent(polkit_bus):
    daemon, _ = polkit_bus
    assert as_nobody(daemon) == [2, 45, 60, 1]
    assert daemon.virsh('list').returncode == 0, 'uid 0 needs no polkit'
