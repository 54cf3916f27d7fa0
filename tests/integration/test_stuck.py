"""One guest whose QEMU no longer answers makes that guest slow, and nothing else."""
import os
import signal

import pytest

from harness import Guest, python_inside, wait_until

TIMED = r'''
import json, sys, time, libvirt
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open(None)
stuck, other = c.lookupByName("stuck"), c.lookupByName("healthy")
def timed(f):
    best = None
    for _ in range(5):
        start = time.monotonic()
        f()
        took = (time.monotonic() - start) * 1000
        best = took if best is None else min(best, took)
    return best
print(json.dumps({
    "list": timed(lambda: c.listAllDomains()), "xml": timed(lambda: stuck.XMLDesc()), "state": timed(lambda: stuck.state()),
    "other xml": timed(lambda: other.XMLDesc()), "other suspend": timed(lambda: (other.suspend(), other.resume()))}))
'''


@pytest.fixture(scope='module')
def stopped(host):
    stuck, healthy = Guest(host, 'stuck').create().wait_up(), Guest(host, 'healthy').create().wait_up()
    pid = host.qemu_pid('stuck')
    os.kill(pid, signal.SIGSTOP)
    yield stuck
    os.kill(pid, signal.SIGCONT)
    stuck.remove()
    healthy.remove()


def test_everything_else_is_as_fast_as_ever(host, stopped):
    """The budget is 5 ms; the limit here leaves room for a loaded machine, and the best of five counts."""
    times = python_inside(host, TIMED)
    assert all(ms < 20 for ms in times.values()), times


def test_what_needs_it_fails_naming_it(host, stopped):
    done = host.virsh('suspend', 'stuck', check=False, timeout=120)
    assert done.returncode != 0
    assert 'stuck' in done.stderr


def test_it_can_still_be_destroyed(host):
    victim = Guest(host, 'victim').create().wait_up()
    pid = host.qemu_pid('victim')
    os.kill(pid, signal.SIGSTOP)
    host.virsh('destroy', 'victim', timeout=120)
    assert host.qemu_pid('victim') is None
    victim.remove()


def test_told_twice_the_daemon_ends_without_the_answer(host, stopped):
    """The first SIGTERM waits for running calls, the second does not, and nothing is taken away from under them."""
    def ended_so():
        caller = host.spawn('virsh', '-c', host.uri, 'qemu-monitor-command', 'stuck', '--hmp', 'info status')
        wait_until(lambda: host.daemon_pid() and 'unix' in host.run('virt-admin', '-c', 'virtqemud:///system', 'client-list', 'virtqemud').stdout, 'virsh is connected')
        pid = host.daemon_pid()
        os.kill(pid, signal.SIGTERM)
        try:
            wait_until(lambda: host.daemon_pid() != pid, 'it ends', deadline=1)  # the call had not come yet
        except AssertionError:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: host.daemon_pid() != pid, 'it ends')
        caller.end()
        return 'calls that were not answered' in host.log.read_text()
    wait_until(ended_so, 'it ended during the call')
    assert host.virsh('domstate', 'stuck').strip()


def ask_everything(host, name):
    """What goes to the monitor without waiting for the guest's turn, and what waits: the standard errors."""
    commands = (['domblkinfo', name, 'hda'], ['domblkstat', name, 'hda'], ['domblkstat', name, ''], ['dommemstat', name], ['domstats', name],
                ['domcontrol', name], ['qemu-monitor-command', name, '--hmp', 'info status'],
                ['qemu-monitor-command', name, '{"execute":"query-status"}'], ['screenshot', name, '/dev/null'], ['reset', name], ['inject-nmi', name])
    return [host.virsh(*command, check=False).stderr for command in commands]


def test_a_guest_without_a_monitor_is_asked(host):
    """It is listed as soon as it begins to start, and until its last resources are given back: monitoring looks at it then, too."""
    hook = host.root / 'etc/libvirt/hooks/qemu'
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(f'''#!/bin/sh
case $2 in prepare|stopped) ;; *) exit 0 ;; esac
touch {host.root}/hook-$2
while [ -e {host.root}/hook-$2 ]; do sleep 0.1; done
''')
    hook.chmod(0o755)
    guest = Guest(host, 'early', extra="<video><model type='vga'/></video>").define()
    daemon = host.daemon_pid()
    try:
        starting = host.spawn('virsh', 'start', 'early')
        wait_until((host.root / 'hook-prepare').exists, 'it starts')
        assert any('early' in error and 'started or ended' in error for error in ask_everything(host, 'early'))
        assert host.daemon_pid() == daemon
        (host.root / 'hook-prepare').unlink()
        starting.expect('started')
        ending = host.spawn('virsh', 'destroy', 'early')
        wait_until((host.root / 'hook-stopped').exists, 'it ends')
        assert any('early' in error and 'started or ended' in error for error in ask_everything(host, 'early'))
        assert host.daemon_pid() == daemon
        (host.root / 'hook-stopped').unlink()
        ending.expect('destroyed')
    finally:
        hook.unlink()
        guest.remove()


def test_its_maker_goes_while_it_starts(host):
    """A guest that is to end with its maker's connection ends, too, when that was cut before it ran."""
    hook = host.root / 'etc/libvirt/hooks/qemu'
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(f'''#!/bin/sh
[ "$1 $2" = "orphan prepare" ] || exit 0
touch {host.root}/orphan-starts
while [ -e {host.root}/orphan-starts ]; do sleep 0.1; done
''')
    hook.chmod(0o755)
    guest = Guest(host, 'orphan').define()
    events = host.events()
    try:
        maker = host.spawn('virsh', 'start', 'orphan', '--autodestroy')
        wait_until((host.root / 'orphan-starts').exists, 'it starts')
        host.run('pkill', '-KILL', '-f', 'virsh start orphan')
        maker.process.wait(10)
        (host.root / 'orphan-starts').unlink()
        wait_until(lambda: events.heard("'orphan': Stopped Destroyed") or events.heard("'orphan': Stopped"), 'it ends')
        wait_until(lambda: host.virsh('domstate', 'orphan').strip() == 'shut off', 'it is shut off')
    finally:
        events.end()
        hook.unlink()
        guest.remove()
