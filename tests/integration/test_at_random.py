"""Clients that do things at random to the same few guests, pools, volumes, networks and secrets. No daemon dies, no answer is an
"internal error", every object answers afterwards, and when all of them are removed nothing of theirs is left.

The tables of what clients do are chaos_*.py. The seed is printed; $VIRTD_TEST_SEED repeats what each client does, if not when. $VIRTD_TEST_STEPS
(of each client, 120) makes it longer."""
import collections
import json
import os
import random
import re
import subprocess
import time
from pathlib import Path

import chaos
import chaos_guests
import chaos_networks
import chaos_storage
import pytest
from harness import DEADLINE, SOURCE, Guest, wait_until
from netlab import traces
from storagelab import make_secret, names, remove_pools, remove_secrets, write

HOST = {'netns': True}
DAEMONS = ('virtqemud', 'virtstoraged', 'virtnetworkd', 'virtsecretd')
SEED = int(os.environ.get('VIRTD_TEST_SEED', str(int(time.time()))))
STEPS = int(os.environ.get('VIRTD_TEST_STEPS', '120'))
CLIENTS = [['guests', 'storage', 'networks']] * 3 + [['guests']] * 2 + [['storage']]
INTERNAL_ERROR, NOBODY = 1, 65534
OUR_FAULT = r'unknown cause|internal error|load of migration failed'
LIBVIRTS_CODE = r'already defined for use with|has asynchronous jobs running'  # libvirt's own choice for what is the client's mistake
GUARD = '''
import sys, libvirt
held = [libvirt.open(uri) for uri in ("qemu:///system", "storage:///system", "network:///system", "secret:///system")]
print("held", flush=True)
sys.stdin.read()
'''


@pytest.fixture(scope='module')
def place(host):
    """The private host with its guests' definitions, which clients define. QEMU runs as nobody, so that owners of files show."""
    (host.root / 'etc/libvirt').mkdir(parents=True, exist_ok=True)
    (host.root / 'etc/libvirt/qemu.conf').write_text(f'user = "+{NOBODY}"\ngroup = "+{NOBODY}"\n')
    host.run('ip', 'link', 'set', 'lo', 'up')
    extra = ("<controller type='scsi' model='virtio-scsi'/><controller type='usb' model='qemu-xhci'/><video><model type='vga'/></video>"
             "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>"
             "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>")
    for name in chaos_guests.GUESTS:
        Guest(host, name, extra=extra, uuid=chaos_guests.uuid(name))
    (host.root / 'pools').mkdir()
    return host


def furnish(host):
    """One of each, active."""
    for name in chaos_storage.POOLS:
        host.virsh('pool-define', write(host, name, chaos_storage.pool_xml(host.root, name)))
        host.virsh('pool-start', name, '--build')
    for name in chaos_storage.VOLUMES:
        host.virsh('vol-create-as', 'p', name, '4M', '--format', 'qcow2' if name.endswith('qcow2') else 'raw')
    make_secret(host, 'volume', chaos_storage.USAGES[0], b'passphrase')
    for name in chaos_networks.NETWORKS:
        host.virsh('net-define', write(host, name, chaos_networks.network_xml(name)))
    host.virsh('net-start', 'na')
    for name in chaos_guests.GUESTS:
        host.virsh('define', str(host.root / 'images' / f'{name}.xml'))
        host.virsh('start', name)


def clear(host):
    """Remove everything, whatever it is; a network that has ports goes last."""
    for name in host.virsh('list', '--all', '--name').split():
        host.virsh('destroy', name, check=False)
        host.virsh('undefine', name, '--managed-save', '--nvram', check=False)
    assert not host.virsh('list', '--all', '--name').split()
    for pool in chaos_storage.POOLS:
        host.virsh('pool-define', write(host, pool, chaos_storage.pool_xml(host.root, pool)))
        host.virsh('pool-start', pool, '--build', check=False)
        for volume in names(host.virsh('vol-list', pool)):
            host.virsh('vol-delete', volume, pool)
    remove_pools(host)
    for name in host.virsh('net-list', '--all', '--name').split():
        host.virsh('net-destroy', name, check=False)
        host.virsh('net-undefine', name, check=False)
    assert not host.virsh('net-list', '--all', '--name').split()
    remove_secrets(host)


def descriptors(host):
    """What each daemon has open, without numbers that differ from one to the next."""
    held = {}
    for daemon in DAEMONS:
        folder = Path(f'/proc/{host.daemon_pid(daemon)}/fd')
        targets = []
        for number in folder.iterdir():
            try:
                targets.append(re.sub(r'\d+', 'N', os.readlink(number).replace(str(host.root), '')))
            except FileNotFoundError:
                continue
        held[daemon] = collections.Counter(targets)
    return held


@pytest.fixture
def guard(host):
    """Connections to every daemon, so that none ends for being idle."""
    process = subprocess.Popen(host._inside(['/usr/bin/python3', '-c', GUARD]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True, env=host.environment(), cwd='/')
    assert process.stdout.readline() == 'held\n'
    yield process
    process.stdin.close()
    process.wait()


def logs(host):
    return {path.name: path.read_text(errors='replace') for path in (host.root / 'var/log/libvirt').glob('*.log')}


def start_clients(host):
    code = SOURCE / 'tests/integration/chaos.py'
    return [(host.spawn('/usr/bin/python3', str(code), f'{SEED}-{number}', str(STEPS), str(host.root / f'client-{number}'), *kinds),
             host.root / f'client-{number}') for number, kinds in enumerate(CLIENTS)]


def finish(clients):
    """What they did: (operation, code, message): how often. A client that hangs or breaks is shown with its last step."""
    done, end = collections.Counter(), time.monotonic() + DEADLINE + STEPS * 2
    for lines, log in clients:
        try:
            code = lines.process.wait(max(1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            code = 'hangs'
            lines.process.kill()
        steps = [json.loads(line) for line in log.read_text().splitlines()]
        assert code == 0, f'seed {SEED}: {log.name}: {code} after {steps[-1:]}: {list(lines._queue.queue)}'
        done.update(tuple(step) for step in steps if len(step) == 3)
    return done


def complain(host, done, before):
    """Nothing that is our own bug was answered or logged."""
    wrong = [step for step in done if step[1] != chaos.LOST]
    wrong = [step for step in wrong if re.search(OUR_FAULT, step[2]) or (step[1] == INTERNAL_ERROR and not re.search(LIBVIRTS_CODE, step[2]))]
    assert not wrong, f'seed {SEED}: {wrong}'
    for name, text in logs(host).items():
        found = re.search(r'internal error|assertion|CRITICAL', text[len(before.get(name, '')):], re.I)
        assert not found, f'seed {SEED}: {name}: {text[max(0, len(before.get(name, "")) + found.start() - 300):][:2000]}'
    assert not host.sanitizer_reports(), f'seed {SEED}: {host.sanitizer_reports()[0]}'


LOOK = '''
import libvirt
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open(None)
for d in c.listAllDomains():
    d.info(), d.XMLDesc(), d.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), d.state(), d.jobInfo(), d.hasManagedSaveImage()
c.getAllDomainStats()
for p in c.listAllStoragePools():
    p.info(), p.XMLDesc()
    if p.isActive():
        p.refresh()
        for v in p.listAllVolumes():
            v.info(), v.XMLDesc()
for n in c.listAllNetworks():
    n.XMLDesc(), n.isActive() and n.listAllPorts()
for s in c.listAllSecrets():
    s.XMLDesc()
'''


def left(host):
    """Files of ours that should not be there when all objects are gone."""
    def interesting(path):
        return path.is_file() and not re.search(r'/(log|common)/|/\.[a-z]+\.journal$|\.pid$|/qemu\.conf$|\.key$|/cache/', str(path))
    files = {str(path.relative_to(host.root)) for top in ('etc', 'run', 'var', 'pools') for path in (host.root / top).rglob('*') if interesting(path)}
    return files, {path.name for path in (host.root / 'images').iterdir() if path.stat().st_uid == NOBODY and not path.name.endswith('.console')}


def summary(done):
    print(f'seed {SEED}')
    for (operation, code, message), times in sorted(done.items()):
        print(f'{times:5} {operation}: {code} {message}')


def check_all(host, done, logged, before):
    summary(done)
    complain(host, done, logged)
    host.run('/usr/bin/python3', '-c', LOOK)
    succeeded = {operation for operation, code, _ in done if code == 0}
    assert len(succeeded) > 20, succeeded
    clear(host)
    complain(host, {}, logged)
    wait_until(lambda: not host.processes('qemu-system|dnsmasq|qemu-img'), f'seed {SEED}: no QEMU and no dnsmasq is left')
    assert left(host) == before['files'], f'seed {SEED}'
    now = traces(host)
    assert {fact: now[fact] for fact in ('links', 'rules', 'routes')} == {fact: before['traces'][fact] for fact in ('links', 'rules', 'routes')}


@pytest.fixture
def warm(place):
    """What the daemons hold when they have done everything once, and nothing is there."""
    furnish(place)
    clear(place)
    return {'files': left(place), 'traces': traces(place)}


def test_clients_at_random(place, guard, warm):
    held, logged = descriptors(place), logs(place)
    pids = [place.daemon_pid(daemon) for daemon in DAEMONS]
    furnish(place)
    done = finish(start_clients(place))
    check_all(place, done, logged, warm)
    assert [place.daemon_pid(daemon) for daemon in DAEMONS] == pids, f'seed {SEED}'
    assert not [step for step in done if step[1] == chaos.LOST], f'seed {SEED}: connections were lost'

    def same():
        now = descriptors(place)
        more = {daemon: now[daemon] - held[daemon] for daemon in DAEMONS}
        return not any(more.values()) or print(more)
    wait_until(same, f'seed {SEED}: the daemons hold as many descriptors as before', deadline=DEADLINE / 4)


def test_clients_at_random_and_daemons_that_end(place, warm):
    """The same with daemons that are killed, or told to end."""
    rng, logged = random.Random(SEED), logs(place)
    furnish(place)
    clients = start_clients(place)
    while any(lines.process.poll() is None for lines, _ in clients):
        time.sleep(rng.uniform(0.2, 2))
        place.run('pkill', rng.choice(['-KILL', '-KILL', '-TERM']), '-x', rng.choice(['virtqemud', *DAEMONS]), check=False)
    check_all(place, finish(clients), logged, warm)
