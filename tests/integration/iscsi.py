"""iSCSI targets for the tests: tgtd on the loopback of a private host, with CHAP; and one that only sends garbage.

The host needs a network of its own (`netns`).
"""
import signal
import subprocess

import harness

PORT = 3260
IQN = 'iqn.2026-01.org.example:disks'
INITIATOR = 'iqn.2026-01.org.example:virt'
USER, PASSWORD = 'chapuser', 'chap-password-17'


class Target:
    """Unit 1 is a file of 64 MiB that knows holes, unit 2 one of 16 MiB with blocks of 4096 bytes that knows none."""

    def __init__(self, host):
        self.host, self.root = host, host.root / 'tgt'
        self.root.mkdir()
        host.run('ip', 'link', 'set', 'lo', 'up')
        self.start()

    def start(self):
        # Its control socket is in /run, which belongs to nobody here.
        self.daemon = self.host.spawn('unshare', '-m', 'sh', '-c', f'mount -t tmpfs none /run && mkdir -p /run/tgtd && '
                                      f'exec tgtd -f --iscsi portal=127.0.0.1:{PORT}')
        self.init = harness.wait_until(lambda: (self.host.processes(r'^tgtd\0') or [None])[0], 'tgtd runs')
        harness.wait_until(lambda: self._admin('--op', 'show', '--mode', 'target', check=False).returncode == 0, 'tgtd answers')
        self._admin('--op', 'new', '--mode', 'target', '--tid', '1', '-T', IQN)
        for number, size, options in (1, 64, 'thin_provisioning=1'), (2, 16, ''):
            path = self.root / f'unit{number}'
            with open(path, 'ab') as file:
                file.truncate(size << 20)
            block = ['--blocksize', '4096'] if number == 2 else []
            self._admin('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', str(number), '-b', str(path), *block)
            if options:
                self._admin('--op', 'update', '--mode', 'logicalunit', '--tid', '1', '--lun', str(number), '--params', options)
        self._admin('--op', 'new', '--mode', 'account', '--user', USER, '--password', PASSWORD)
        self._admin('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', USER)
        self._admin('--op', 'bind', '--mode', 'target', '--tid', '1', '-I', 'ALL')

    def _admin(self, *arguments, check=True):
        done = subprocess.run(['nsenter', '-t', str(self.init), '-m', '-n', '-p', 'tgtadm', '--lld', 'iscsi', *arguments], capture_output=True, text=True)
        assert not check or done.returncode == 0, f'tgtadm {arguments}: {done.stderr}'
        return done

    def kill(self):
        subprocess.run(['kill', f'-{signal.SIGKILL}', str(self.init)], check=True)
        self.daemon.process.wait()

    def freeze(self):
        subprocess.run(['kill', '-STOP', str(self.init)], check=True)

    def thaw(self):
        # What entered the private host with it stopped itself when it was.
        subprocess.run(['kill', '-CONT', str(self.init), str(self.daemon.process.pid)], check=True)

    def end(self):
        self.thaw()
        self.kill()


LIAR = '''
import socketserver, sys

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while self.request.recv(65536):
                self.request.sendall(open(sys.argv[2], 'rb').read())
        except OSError:
            pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

with Server(('127.0.0.1', int(sys.argv[1])), Answer) as server:
    print('listens', flush=True)
    server.serve_forever()
'''


class Liar:
    """Listens on a port of the private host, and answers whatever it is sent with these bytes."""

    def __init__(self, host, port, answer):
        self.host, answers = host, host.root / 'answers'
        answers.write_bytes(answer)
        self.lines = host.spawn('/usr/bin/python3', '-c', LIAR, str(port), str(answers))
        self.lines.expect('listens')

    def end(self):
        for pid in self.host.processes('socketserver'):
            subprocess.run(['kill', str(pid)], check=False)
        self.lines.process.wait()
