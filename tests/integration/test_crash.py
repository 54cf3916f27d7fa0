"""kill -9 of the daemon at any moment: no guest and no definition is lost, none runs twice, and the next client sees the truth.

The moments are random but reproducible: the seed is printed, and $VIRTD_TEST_SEED repeats it. The default number of kills
keeps the suite short; $VIRTD_TEST_KILLS=200 is the long run.
"""
import os
import random
import signal
import threading
import time

import pytest

from harness import Guest, wait_until

KILLS = int(os.environ.get('VIRTD_TEST_KILLS', '25'))
SEED = int(os.environ.get('VIRTD_TEST_SEED', str(int(time.time()))))


@pytest.fixture(scope='module')
def residents(host):
    """Two guests that run through everything."""
    made = [Guest(host, name).define().start().wait_up() for name in ('resident-a', 'resident-b')]
    yield made
    for one in made:
        one.remove()


def kill_daemon(host):
    if pid := host.daemon_pid():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def listed(host):
    """name: state, from one call."""
    lines = [line.split(None, 2) for line in host.virsh('list', '--all').splitlines()[2:] if line.strip()]
    return {name: state for _, name, state in lines}


def busy(host, visitor, stop):
    """A client that keeps changing things; its calls may fail, since the daemon is killed under it."""
    while not stop.is_set():
        for step in (['define', str(visitor.path)], ['start', visitor.name], ['managedsave', visitor.name], ['start', visitor.name],
                     ['destroy', visitor.name], ['undefine', '--managed-save', visitor.name]):
            if stop.is_set():
                return
            host.virsh(*step, check=False)


def test_killed_at_random_moments(host, residents):
    print(f'seed {SEED}')
    rng, stop = random.Random(SEED), threading.Event()
    visitor = Guest(host, 'visitor')
    pids = {g.name: host.qemu_pid(g.name) for g in residents}
    worker = threading.Thread(target=busy, args=(host, visitor, stop))
    worker.start()
    try:
        for kill in range(KILLS):
            stop.wait(rng.uniform(0, 0.6))
            kill_daemon(host)
            started = time.monotonic()
            states = listed(host)
            took = time.monotonic() - started
            for g in residents:
                assert states.get(g.name) == 'running', f'kill {kill}, seed {SEED}: {states}'
                assert host.qemu_pid(g.name) == pids[g.name], f'kill {kill}, seed {SEED}: {g.name} was started again'
            assert took < 10, f'kill {kill}, seed {SEED}: the list took {took:.1f} s'
            host.qemu_pid('visitor')  # asserts that it does not run twice
    finally:
        stop.set()
        worker.join()
    for g in residents:
        assert host.virsh('dumpxml', g.name, '--inactive').count(f'<name>{g.name}</name>') == 1
    running, known = host.qemu_pid('visitor') is not None, listed(host)
    assert (known.get('visitor') in ('running', 'paused')) == running, f'seed {SEED}: {known}'
    visitor.remove()
    wait_until(lambda: host.qemu_pid('visitor') is None, 'the visitor is gone')


def test_what_happened_meanwhile_is_seen(host, residents):
    """A guest that ends while no daemon runs is found stopped; one that was paused through QEMU is found as it is."""
    leaving = Guest(host, 'leaving').define().start().wait_up()
    pid = host.qemu_pid('leaving')
    kill_daemon(host)
    wait_until(lambda: host.daemon_pid() is None, 'the daemon is gone')
    os.kill(pid, signal.SIGKILL)
    assert leaving.state() == 'shut off'
    assert listed(host)['resident-a'] == 'running'
    leaving.remove()


def test_transient_guest_that_ends_meanwhile_is_forgotten(host, residents):
    Guest(host, 'brief').create().wait_up()
    pid = host.qemu_pid('brief')
    kill_daemon(host)
    wait_until(lambda: host.daemon_pid() is None, 'the daemon is gone')
    os.kill(pid, signal.SIGKILL)
    assert 'brief' not in listed(host)
