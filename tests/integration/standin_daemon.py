#!/usr/bin/python3
"""A stand-in for a daemon, for the tests of devhost and the activator themselves.

It tells each client what it was started with (one JSON line), then obeys one line: "exit N", "kill", "orphan" or "bye".
"""
import json
import os
import select
import signal
import socket
import sys


def send(message):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(os.environ['NOTIFY_SOCKET'])
        s.send(message)


def facts():
    names = os.environ['LISTEN_FDNAMES'].split(':')
    fds = range(3, 3 + int(os.environ['LISTEN_FDS']))
    return {
        'argv': sys.argv[1:],
        'pid': os.getpid(),
        'listen_pid': int(os.environ['LISTEN_PID']),
        'sockets': {name: socket.socket(fileno=os.dup(fd)).getsockname() for name, fd in zip(names, fds, strict=True)},
        'open': sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)),
        'uid': os.getuid(),
        'kvm': os.path.exists('/dev/kvm'),
    }


def serve(client):
    client.sendall((json.dumps(facts()) + '\n').encode())
    line = client.makefile().readline().split() or ['bye']
    if line[0] == 'exit':
        sys.exit(int(line[1]))
    if line[0] == 'kill':
        os.kill(os.getpid(), signal.SIGKILL)
    if line[0] == 'orphan':  # a guest: outlives us, ignores politeness
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.setsid()
            os.execvp('sleep', ['sleep', '424242'])
        client.sendall(f'{pid}\n'.encode())


def main():
    if 'fail' in sys.argv:
        sys.exit(3)
    listeners = [socket.socket(fileno=3 + i) for i in range(int(os.environ['LISTEN_FDS']))]
    send(b'READY=1')
    while True:
        for listener in select.select(listeners, [], [])[0]:
            client, _ = listener.accept()
            with client:
                client.setblocking(True)
                serve(client)


main()
