"""Network namespaces of a test: what runs in them, the wires between them, and whether packets come through."""
import ctypes
import errno
import multiprocessing
import os
import select
import signal
import socket
import struct
import subprocess
import time

CLONE_NEWNET = 0x40000000
PORT = 7777
DEADLINE = 60  # for an answer that must come, a refusal included
RETRY = 0.5
REFUSALS = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.ENOPROTOOPT)

_libc = ctypes.CDLL(None, use_errno=True)
_fork = multiprocessing.get_context('fork')


def _check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """An empty network namespace with `lo` up. Everything started here ends with it."""

    def __init__(self):
        ready, go = os.pipe()
        self.children = []
        self.holder = os.fork()
        if self.holder == 0:
            try:
                _check(_libc.unshare(CLONE_NEWNET))
                os.write(go, b'x')
                signal.pause()
            finally:
                os._exit(1)
        os.close(go)
        assert os.read(ready, 1) == b'x', 'no network namespace'
        os.close(ready)
        self.fd = os.open(f'/proc/{self.holder}/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        self.run('ip link set lo up')
        self.write('ipv4/ping_group_range', '0 2147483647')
        self.write('ipv4/icmp_ratelimit', '0')
        self.write('ipv6/icmp/ratelimit', '0')

    def enter(self):
        _check(_libc.setns(self.fd, CLONE_NEWNET))

    def run(self, *commands, check=True):
        """Shell commands, one after the other; the output of the last."""
        for command in commands:
            done = subprocess.run(command, shell=True, preexec_fn=self.enter, capture_output=True, text=True)
            assert not check or done.returncode == 0, f'{command}: {done.stderr}'
        return done.stdout

    def spawn(self, *command, **options):
        child = subprocess.Popen(command, preexec_fn=self.enter, **options)
        self.children.append(child)
        return child

    def write(self, name, value):
        """A setting below /proc/sys/net, which shows the namespace of whoever opens it."""
        self.call(_write, f'/proc/sys/net/{name}', value)

    def call(self, fn, *args):
        """fn(*args) in a process in here."""
        ours, theirs = _fork.Pipe()

        def child():
            self.enter()
            try:
                theirs.send((fn(*args), None))
            except BaseException as error:
                theirs.send((None, error))

        process = _fork.Process(target=child)
        process.start()
        theirs.close()
        result, error = ours.recv()
        process.join()
        if error:
            raise error
        return result

    def serve(self):
        """Echo on TCP and UDP: the answer is the address it saw the question come from."""
        ready, go = os.pipe()

        def child():
            self.enter()
            _echo(go)

        process = _fork.Process(target=child, daemon=True)
        process.start()
        os.close(go)
        assert os.read(ready, 1) == b'x', 'no echo server'
        os.close(ready)
        self.children.append(process)

    def reaches(self, protocol, address):
        """False when refused; else what the other side saw as our address (True for icmp). No answer at all is an error."""
        return self.call(PROBES[protocol], address)

    def end(self):
        for child in self.children:
            child.kill()
            child.wait() if isinstance(child, subprocess.Popen) else child.join()
        os.close(self.fd)
        os.kill(self.holder, signal.SIGKILL)
        os.waitpid(self.holder, 0)


def _write(path, value):
    with open(path, 'w') as f:
        f.write(value)


def wire(a, name_a, b, name_b):
    """A cable between two namespaces, both ends up."""
    subprocess.run(['ip', 'link', 'add', name_a, 'netns', str(a.holder), 'type', 'veth', 'peer', 'name', name_b, 'netns', str(b.holder)],
                   check=True)
    a.run(f'ip link set {name_a} up')
    b.run(f'ip link set {name_b} up')


def _echo(go):
    sockets = []
    for family, any_address in (socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::'):
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            s = socket.socket(family, kind)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((any_address, PORT))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            sockets.append(s)
    os.write(go, b'x')
    while True:
        for s in select.select(sockets, [], [])[0]:
            if s.type == socket.SOCK_STREAM:
                connection, peer = s.accept()
                connection.sendall(f'{peer[0]} {peer[1]}'.encode())
                connection.close()
            else:
                _, peer = s.recvfrom(100)
                s.sendto(f'{peer[0]} {peer[1]}'.encode(), peer)


def _family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def _tcp(address):
    with socket.socket(_family(address), socket.SOCK_STREAM) as s:
        s.settimeout(DEADLINE)
        try:
            s.connect((address, PORT))
        except OSError as error:
            if error.errno in REFUSALS:
                return False
            raise
        return s.recv(100).decode()


def _ask_until_answered(s, question, understand):
    end = time.monotonic() + DEADLINE
    s.settimeout(RETRY)
    while time.monotonic() < end:
        try:
            s.send(question)
            answer = understand(s.recv(200))
            if answer:
                return answer
        except socket.timeout:
            continue
        except OSError as error:
            if error.errno in REFUSALS:
                return False
            raise
    raise TimeoutError(f'neither an answer nor a refusal within {DEADLINE} s')


def _udp(address):
    with socket.socket(_family(address), socket.SOCK_DGRAM) as s:
        s.connect((address, PORT))
        return _ask_until_answered(s, b'?', lambda answer: answer.decode())


def _icmp(address):
    six = ':' in address
    kind, answer_kind = (128, 129) if six else (8, 0)
    with socket.socket(_family(address), socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP) as s:
        s.connect((address, 0))
        return _ask_until_answered(s, struct.pack('!BBHHH', kind, 0, 0, 0, 1) + b'x' * 8, lambda answer: answer[0] == answer_kind)


PROBES = {'tcp': _tcp, 'udp': _udp, 'icmp': _icmp}
