"""Every other integration test stands on devhost: this one holds devhost itself to its promises, with a stand-in daemon,
so that a failure there is not looked for in a real one."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import harness

CLIENT = r'''
import json, socket, sys
def ask(command, path="/var/run/libvirt/virtqemud-sock"):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        f = s.makefile("rw")
        facts = json.loads(f.readline() or "null")
        f.write(command + "\n"); f.flush()
        return facts, f.readline().strip()
'''


@pytest.fixture(scope='module')
def tree():
    """A build tree whose only daemon is the stand-in; where an ordinary user can read it, unlike pytest's own places."""
    with tempfile.TemporaryDirectory(prefix='tree.') as top:
        os.chmod(top, 0o755)
        os.mkdir(top + '/virtqemud')
        shutil.copy(Path(__file__).parent / 'standin_daemon.py', top + '/virtqemud/virtqemud')
        yield top


def devhost(tree, *options, code=None, command=None):
    command = command or ['/usr/bin/python3', '-c', CLIENT + code]
    return subprocess.run([harness.DEVHOST_PROGRAM, '--build', str(tree), *options, '--', *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_exit_status_is_the_commands(tree):
    assert devhost(tree, command=['sh', '-c', 'exit 7']).returncode == 7
    assert devhost(tree, command=['sh', '-c', 'kill -KILL $$']).returncode == 128 + signal.SIGKILL
    assert devhost(tree, command=['/nonexistent/command']).returncode == 127


def test_daemon_gets_what_systemd_passes(tree, tmp_path):
    run = devhost(tree, '--root', str(tmp_path), '--timeout', '33', code='print(json.dumps(ask("bye")[0]))')
    facts = json.loads(run.stdout)
    assert facts['listen_pid'] == facts['pid']
    assert facts['argv'] == ['--root', str(tmp_path), '--timeout', '33']
    assert facts['sockets'] == {
        'virtqemud.socket': f'{tmp_path}/run/libvirt/virtqemud-sock',
        'virtqemud-ro.socket': f'{tmp_path}/run/libvirt/virtqemud-sock-ro',
        'virtqemud-admin.socket': f'{tmp_path}/run/libvirt/virtqemud-admin-sock',
    }
    assert [fd for fd in facts['open'] if fd < 6] == [0, 1, 2, 3, 4, 5]


def test_socket_modes(tree):
    run = devhost(tree, command=['stat', '-c', '%a', '/run/libvirt/virtqemud-sock', '/run/libvirt/virtqemud-sock-ro',
                                 '/run/libvirt/virtqemud-admin-sock'])
    assert run.stdout.split() == ['666', '666', '600']


def test_started_again_after_exit_and_crash(tree):
    run = devhost(tree, code='print([ask(c)[0]["pid"] for c in ("bye", "bye", "exit 0", "bye", "kill", "bye")])')
    pids = json.loads(run.stdout)
    assert pids[0] == pids[1] == pids[2] != pids[3]
    assert pids[3] == pids[4] != pids[5]


def test_daemon_that_fails_at_once_costs_the_client_its_connection(tree):
    run = devhost(tree, '--daemon-arg', 'fail', code='''
try:
    print(ask("bye"))
except ConnectionError:
    print((None, ""))
''')
    assert run.stdout.strip() == "(None, '')"
    assert 'virtqemud ended with status 3 right after its start' in run.stderr


def test_the_host_sees_nothing(tree):
    before = set(os.listdir('/run'))
    run = devhost(tree, code='import os; print(os.path.exists("/run/libvirt/virtqemud-sock"))')
    assert run.stdout.strip() == 'True'
    assert set(os.listdir('/run')) == before


def guests():
    return subprocess.run(['pgrep', '-f', '^sleep 424242$'], capture_output=True, text=True).stdout.split()


def wait_until(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_nothing_survives_the_end(tree):
    before = guests()
    run = devhost(tree, code='print(ask("orphan")[1])')
    assert run.returncode == 0 and int(run.stdout)
    wait_until(lambda: guests() == before, 'a process of the private host survived it')


@pytest.mark.parametrize('sig', [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_a_killed_devhost(tree, sig):
    before = guests()
    code = CLIENT + 'import time; print(ask("orphan")[1], flush=True); time.sleep(1000)'
    with subprocess.Popen([harness.DEVHOST_PROGRAM, '--build', str(tree), '--', '/usr/bin/python3', '-c', code],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert int(process.stdout.readline())
            wait_until(lambda: len(guests()) == len(before) + 1, 'the guest runs')
            process.send_signal(sig)
            process.wait(30)
        finally:
            process.kill()
    wait_until(lambda: guests() == before, f'a process of the private host survived signal {sig}')


def test_kvm_can_be_hidden(tree):
    run = devhost(tree, '--no-kvm', code='print(ask("bye")[0]["kvm"])')
    assert run.stdout.strip() == 'False'
    shown = devhost(tree, code='print(ask("bye")[0]["kvm"])')
    assert shown.stdout.strip() == str(os.path.exists('/dev/kvm'))


@pytest.mark.parametrize('options', [[], ['--no-kvm'], ['--session', '--no-kvm']])
def test_terminals_work(tree, options):
    run = devhost(tree, *options, command=['script', '-qec', 'tty && echo works', '/dev/null'])
    assert 'works' in run.stdout, run.stdout + run.stderr


def test_private_network(tree):
    run = devhost(tree, '--netns', command=['ls', '/sys/class/net'])
    links = devhost(tree, '--netns', command=['cat', '/proc/net/dev'])
    assert run.stdout.split() == ['lo'], run.stderr
    assert [line.split(':')[0].strip() for line in links.stdout.splitlines() if ':' in line] == ['lo']


def test_session_runs_as_an_ordinary_user(tree):
    run = devhost(tree, '--session', code='''
import os
facts, _ = ask("bye", os.environ["XDG_RUNTIME_DIR"] + "/libvirt/virtqemud-sock")
print(json.dumps([facts, os.getuid(), os.path.exists(os.environ["XDG_RUNTIME_DIR"] + "/libvirt/virtqemud-sock-ro")]))
''')
    facts, uid, read_only = json.loads(run.stdout)
    assert facts['uid'] == uid != 0
    assert '--root' not in facts['argv']
    assert not read_only


@pytest.mark.skipif(os.getuid() != 0, reason='only root can become another user')
def test_works_without_root(tree):
    code = CLIENT + 'print(json.dumps(ask("bye")[0]))'
    run = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', harness.DEVHOST_PROGRAM,
                          '--build', str(tree), '--', '/usr/bin/python3', '-c', code],
                         capture_output=True, text=True, timeout=60, cwd='/')
    if 'cannot enter a user namespace' in run.stderr:
        pytest.skip('this kernel gives ordinary users no user namespace: ' + run.stderr.strip())
    assert json.loads(run.stdout)['uid'] == 0, run.stderr
