"""kill -9 of virtnetworkd at any moment, with guests talking over its networks: no packet is lost, no rule is written again, dnsmasq
is not restarted, leases and ports stay, and what a call was doing is done or undone.

$VIRTD_TEST_KILLS=200 is the long run, $VIRTD_TEST_SEED repeats one."""
import os
import random
import re
import signal
import threading
import time

import pytest
from harness import Guest, python_inside, wait_until
from netlab import Station, nat, traces, write

HOST = {'netns': True}
KILLS = int(os.environ.get('VIRTD_TEST_KILLS', '25'))
SEED = int(os.environ.get('VIRTD_TEST_SEED', str(int(time.time()))))


@pytest.fixture(scope='module')
def residents(host):
    """A network with two stations on it that never stop talking, and a guest with a port."""
    host.run('ip', 'link', 'set', 'lo', 'up')
    host.virsh('net-define', write(host, 'home', nat('home', 'virbr-home')))
    host.virsh('net-start', 'home')
    stations = [Station(host, f'home{i}', 'virbr-home', mac=f'52:54:00:99:00:0{i}') for i in (1, 2)]
    addresses = [station.dhcp(f'home{i}') for i, station in enumerate(stations)]
    guest = Guest(host, 'tenant', extra="<interface type='network'><source network='home'/><model type='virtio'/></interface>")
    guest.create()
    yield {'stations': stations, 'addresses': addresses}
    guest.remove()
    for station in stations:
        station.remove()
    host.virsh('net-destroy', 'home')
    host.virsh('net-undefine', 'home')


def ruleset(host):
    return host.run('nft', '-a', 'list', 'ruleset').stdout  # with handles: a rule written again has another one


GENERATION = '''
import json, socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
s.send(struct.pack("=IHHII", 20, 10 << 8 | 16, 1, 1, 0) + bytes(4))  # nf_tables: get the generation
print(json.dumps(struct.unpack(">I", s.recv(4096)[24:28])[0]))
'''


def generation(host):
    """The number the kernel counts up with every change of any rule."""
    return python_inside(host, GENERATION)


def kill_daemon(host):
    host.run('pkill', '-KILL', '-x', 'virtnetworkd', check=False)


def facts(host):
    leases = sorted(re.findall(r'(52:54:00:99:00:0\d).*?(10\.91\.1\.\d+)', host.virsh('net-dhcp-leases', 'home')))
    ports = sorted(re.findall(r'[0-9a-f]{8}-[0-9a-f-]{27}', host.virsh('net-port-list', 'home')))
    return {'leases': leases, 'ports': ports, 'dnsmasq': host.processes(r'dnsmasq/home\.conf'), 'rules': ruleset(host), 'generation': generation(host)}


def busy(host, stop):
    """A client that changes things all the time; its calls may fail, since the daemon is killed under it."""
    path = write(host, 'visitor', nat('visitor', 'virbr-vis', prefix='10.92.7'))
    entry = "<host mac='52:54:00:99:07:01' name='fixed' ip='10.92.7.77'/>"
    while not stop.is_set():
        for step in (['net-define', path], ['net-start', 'visitor'],
                     ['net-update', 'visitor', 'add-last', 'ip-dhcp-host', entry, '--live', '--config'],
                     ['net-destroy', 'visitor'], ['net-undefine', 'visitor'], ['net-create', path], ['net-destroy', 'visitor']):
            if stop.is_set():
                return
            host.virsh(*step, check=False)


def ping(station, address):
    """Pings that go on until interrupted; gives the numbers of sent and answered ones."""
    return station.spawn('busybox', 'ping', '-i', '0.05', address)


def settle(host):
    """The visitor is gone, whatever it was in the middle of."""
    def gone():
        host.virsh('net-destroy', 'visitor', check=False)
        host.virsh('net-undefine', 'visitor', check=False)
        return 'visitor' not in host.virsh('net-list', '--all', '--name').split()
    wait_until(gone, 'the visitor is gone')
    wait_until(lambda: not host.processes(r'dnsmasq/visitor\.conf'), 'its dnsmasq is gone')


def test_killed_while_nothing_happens(host, residents):
    """Restarts touch nothing: the same rules by handle, the same dnsmasq, the same leases and ports, every ping answered."""
    print(f'seed {SEED}')
    rng = random.Random(SEED)
    before = facts(host)
    assert len(before['leases']) == 2 and len(before['ports']) == 1 and before['dnsmasq']
    pings = ping(residents['stations'][0], residents['addresses'][1])
    for kill in range(KILLS):
        kill_daemon(host)
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, 0.05))  # sometimes the next kill comes while it is still starting
        if rng.random() < 0.7:
            assert 'home' in host.virsh('net-list', '--name').split(), f'kill {kill}, seed {SEED}'
    assert facts(host) == before, f'seed {SEED}'
    host.run('pkill', '-INT', '-x', 'busybox')
    summary = pings.expect(r'packets transmitted')
    sent = int(re.search(r'(\d+) packets transmitted', summary).group(1))
    answered = [int(seq) for line in pings.lines for seq in re.findall(r' seq=(\d+) ', line)]
    # The last one may still have been on its way.
    assert answered and answered == list(range(len(answered))) and sent - len(answered) <= 1, f'seed {SEED}: {summary} {answered}'


def test_killed_in_the_middle_of_changes(host, residents):
    print(f'seed {SEED}')
    rng, stop = random.Random(SEED), threading.Event()
    settle(host)
    before, left = facts(host), traces(host)
    pings = ping(residents['stations'][0], residents['addresses'][1])
    worker = threading.Thread(target=busy, args=(host, stop))
    worker.start()
    try:
        for kill in range(KILLS):
            stop.wait(rng.uniform(0, 0.3))
            kill_daemon(host)
            names = host.virsh('net-list', '--name').split()
            assert 'home' in names, f'kill {kill}, seed {SEED}: {names}'
    finally:
        stop.set()
        worker.join()
    settle(host)
    after = facts(host)
    for fact in 'leases', 'ports', 'dnsmasq':
        assert after[fact] == before[fact], f'{fact}, seed {SEED}'
    own = [line for line in before['rules'].splitlines() if '"home"' in line]
    assert [line for line in after['rules'].splitlines() if '"home"' in line] == own, f'seed {SEED}: rules of home were written again'
    host.run('pkill', '-INT', '-x', 'busybox')
    summary = pings.expect(r'packets transmitted')
    sent = int(re.search(r'(\d+) packets transmitted', summary).group(1))
    answered = [int(seq) for line in pings.lines for seq in re.findall(r' seq=(\d+) ', line)]
    # The last one may still have been on its way.
    assert answered and answered == list(range(len(answered))) and sent - len(answered) <= 1, f'seed {SEED}: {summary} {answered}'

    def different():
        """`left` may have seen files in the middle of being replaced; these, and no others, may be gone."""
        now = traces(host)
        left['files'] -= {path for path in left['files'] - now['files'] if path.endswith('.new')}
        return {what: (now[what], left[what]) for what in ('files', 'links', 'routes', 'routes6') if now[what] != left[what]}
    try:
        wait_until(lambda: not different(), 'nothing is left of the visitor')
    except AssertionError:
        raise AssertionError(f'seed {SEED}, now and before: {different()}') from None


def test_stopped_and_activated_again(host, residents):
    """An orderly end is as invisible as a violent one."""
    before = facts(host)
    for _ in range(5):
        host.run('pkill', '-TERM', '-x', 'virtnetworkd')
        wait_until(lambda: not host.daemon_pid('virtnetworkd'), 'the daemon has left')
        assert 'home' in host.virsh('net-list', '--name').split()
    assert facts(host) == before


def test_killed_while_dnsmasq_starts(host, residents):
    """One that has not written its pid file when its daemon dies is not left to run beside the next one."""
    host.virsh('net-define', write(host, 'visitor', nat('visitor', 'virbr-vis', '10.91.3')))
    host.virsh('net-start', 'visitor')
    conf, pid_file = (next(host.root.glob(f'**/{name}')) for name in ('dnsmasq/visitor.conf', 'network/visitor.pid'))
    kill_daemon(host)
    for pid in host.processes(r'dnsmasq/visitor\.conf'):
        os.kill(pid, signal.SIGKILL)
    host.run('env', f'VIRTD_LEASE_FILE={host.root}/stray.leases', f'VIRTD_LEASE_LOCK={host.root}/stray.lock', 'dnsmasq', f'--conf-file={conf}')
    pid_file.unlink()
    strays = host.processes(r'dnsmasq/visitor\.conf')
    assert strays
    host.virsh('net-list')
    wait_until(pid_file.exists, 'a dnsmasq of its own')
    now = host.processes(r'dnsmasq/visitor\.conf')
    assert now and not set(now) & set(strays)
    settle(host)
