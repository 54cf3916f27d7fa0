"""Networks through virtqemud: what its clients ask of another daemon is passed on to that daemon, and the other daemon's end
costs a client one call, never its connection or its events."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness import BUILD, python_inside, wait_until
from netlab import nat, write
from standin_storage import OK, Storage

HOST = {'netns': True}

PRELUDE = '''
import json, libvirt, os, signal, subprocess, sys, threading, time
libvirt.registerErrorHandler(lambda *a: None, None)
libvirt.virEventRegisterDefaultImpl()
def loop():
    while True:
        libvirt.virEventRunDefaultImpl()
threading.Thread(target=loop, daemon=True).start()
def until(condition, what, deadline=60):
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)
def pid(name="virtnetworkd"):
    found = subprocess.run(["pgrep", "-x", name], capture_output=True, text=True).stdout.split()
    return int(found[0]) if found else None
def attempt(f):
    try:
        f()
        return None
    except libvirt.libvirtError as e:
        return [e.get_error_code(), e.get_error_domain(), e.get_error_message()]
def network(name):
    return f"<network><name>{name}</name></network>"
'''
NO_SUPPORT, NO_CONNECT, OPERATION_DENIED = 3, 5, 29


@pytest.fixture(scope='module', autouse=True)
def loopback(host):
    host.run('ip', 'link', 'set', 'lo', 'up')


def admin(host, *arguments):
    return host.run('virt-admin', '-c', 'virtnetworkd:///system', *arguments).stdout


def upstream_clients(host):
    return re.findall(r'^ *(\d+) +unix', admin(host, 'client-list', 'virtnetworkd'), re.M)


def run(host, code, *arguments):
    return json.loads(host.run('/usr/bin/python3', '-c', PRELUDE + code, *arguments, timeout=300).stdout)


def test_the_same_through_both(host):
    host.virsh('net-define', write(host, 'both', nat('both', 'virbr-both')))
    for command in (['net-list', '--all'], ['net-dumpxml', 'both'], ['net-info', 'both']):
        direct = host.run('virsh', '-c', 'network:///system', *command).stdout
        assert host.virsh(*command) == direct and 'both' in direct
    missing = [host.run('virsh', '-c', uri, 'net-info', 'nope', check=False).stderr for uri in ('network:///system', host.uri)]
    assert missing[0] == missing[1] and "no network with matching name 'nope'" in missing[0]
    host.virsh('net-undefine', 'both')


WHO = '''
conn = libvirt.openReadOnly() if sys.argv[1] == "ro" else libvirt.open()
conn.listAllNetworks()
answer = lambda *a: subprocess.run(["virt-admin", "-c", "virtnetworkd:///system", *a], capture_output=True, text=True).stdout
client = answer("client-list", "virtnetworkd").splitlines()[2].split()[0]
denied = attempt(lambda: conn.networkDefineXML(network("ro"))) if sys.argv[1] == "ro" else None
print(json.dumps([os.getpid(), answer("client-info", "virtnetworkd", client), denied]))
'''


@pytest.mark.parametrize('mode', ['rw', 'ro'])
def test_the_other_daemon_knows_the_client(host, mode):
    """Its process and user, not virtqemud's; and whether it may change anything."""
    wait_until(lambda: not upstream_clients(host), 'earlier clients have gone')
    pid, info, denied = run(host, WHO, mode)
    assert re.search(rf'unix_process_id *: *{pid}$', info, re.M) and re.search(r'unix_user_id *: *0$', info, re.M)
    assert re.search(r'readonly *: *' + ('yes' if mode == 'ro' else 'no'), info)
    assert (denied and denied[0]) == (OPERATION_DENIED if mode == 'ro' else None)
    wait_until(lambda: not upstream_clients(host), "the client's connection goes with it")


def test_read_only_virsh(host):
    assert 'Name' in host.run('virsh', '-r', '-c', host.uri, 'net-list', '--all').stdout
    done = host.run('virsh', '-r', '-c', host.uri, 'net-create', write(host, 'ro', nat('ro', 'virbr-ro')), check=False)
    assert done.returncode != 0 and 'read only access prevents virNetworkCreateXML' in done.stderr


EVENTS = '''
conn = libvirt.open()
nets, doms = [], []
note = lambda c, n, event, detail, data: data.append([n.name(), event])
first = conn.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, note, nets)
second = conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, note, doms)
guest = "<domain type='qemu'><name>g</name><memory>1024</memory><os><type>hvm</type></os></domain>"
errors, rounds = [], int(sys.argv[1])
for i in range(rounds):
    os.kill(pid(), signal.SIGKILL)
    def heard():  # a change that is made before the registration is renewed is not heard, so one makes another
        name = f"n{i}-{time.monotonic_ns()}"
        error = attempt(lambda: conn.networkDefineXML(network(name)).undefine())
        if error:
            errors.append(error)
        time.sleep(0.02)
        return [name, 1] in nets
    until(heard, "events of networks come again")
    conn.defineXML(guest).undefine()
    until(lambda: len(doms) == 2 * (i + 1), "events of domains come")
for name, kind in nets:
    if kind == 0:
        attempt(lambda: conn.networkLookupByName(name).undefine())
conn.networkEventDeregisterAny(first)
count = len(nets)
conn.networkDefineXML(network("unheard")).undefine()
conn.defineXML(guest).undefine()
until(lambda: len(doms) == 2 * (rounds + 1), "events of domains come")
print(json.dumps({"errors": errors, "unheard": len(nets) - count, "alive": conn.isAlive(), "pid": pid("virtqemud")}))
'''


def test_events_outlive_the_other_daemon(host):
    rounds = 10
    before = host.run('pgrep', '-x', 'virtqemud').stdout
    result = run(host, EVENTS, str(rounds))
    assert result['unheard'] == 0 and result['alive'] == 1
    assert len(result['errors']) <= rounds, 'a loss costs one call at most'
    assert all(code == NO_CONNECT and 'virtnetworkd' in text for code, _, text in result['errors'])
    assert int(before) == result['pid']


MIDDLE = '''
conn = libvirt.open()
until(lambda: not attempt(conn.listAllNetworks), "the daemon answers")
errors = []
while len(errors) < 3:
    os.kill(pid(), signal.SIGSTOP)
    calls = [threading.Thread(target=lambda: errors.append(attempt(conn.listAllNetworks)))]
    calls[0].start()
    calls[0].join(0.2)
    assert calls[0].is_alive(), "a stopped daemon answered"
    conn.listAllDomains()  # what needs it not, waits not
    os.kill(pid(), signal.SIGKILL)
    calls[0].join()
    if errors[-1] is None:  # it had not come to that daemon yet
        errors.pop()
    assert conn.listAllNetworks() == []  # at once
print(json.dumps(errors))
'''


def test_killed_in_the_middle_of_a_call(host):
    for code, _, text in run(host, MIDDLE):
        assert code == NO_CONNECT and 'virConnectListAllNetworks' in text and 'lost' in text and 'virtnetworkd' in text


CROWD = '''
conns = [libvirt.open() for _ in range(64)]
seen = [set() for _ in conns]
for conn, names in zip(conns, seen):
    conn.networkEventRegisterAny(None, 0, lambda c, n, event, detail, data: data.add(n.name()), names)
failed = []
def work(conn, i):
    for _ in range(30):
        if [n.name() for n in conn.listAllNetworks()] != ["fixed"]:
            failed.append(i)
conns[0].networkDefineXML(network("fixed"))
threads = [threading.Thread(target=work, args=(conn, i)) for i, conn in enumerate(conns)]
for t in threads: t.start()
for t in threads: t.join()
conns[1].networkLookupByName("fixed").undefine()
until(lambda: all("fixed" in names for names in seen), "all hear of it")
if sys.argv[1] == "kill":
    os.kill(pid(), signal.SIGKILL)
    def heard():
        name = f"again{time.monotonic_ns()}"
        attempt(lambda: conns[2].networkDefineXML(network(name)).undefine())
        time.sleep(0.05)
        return all(name in names for names in seen)
    until(heard, "all hear again")
print(json.dumps([failed, all(c.isAlive() for c in conns)]))
'''


@pytest.mark.parametrize('what', ['stay', 'kill'])
def test_a_crowd(host, what):
    assert run(host, CROWD, what) == [[], True]
    wait_until(lambda: not upstream_clients(host), 'their connections go with them')


def test_a_daemon_that_is_not_installed(host):
    if (BUILD / 'virtstoraged').exists():
        pytest.skip('every daemon this could be asked of is built')
    done = host.virsh('pool-list', check=False)
    assert 'virtstoraged is not installed' in done.stderr and 'not supported by the connection driver' in done.stderr
    code = "import json, libvirt; libvirt.registerErrorHandler(lambda *a: None, None)\ntry: libvirt.open().listAllStoragePools()\n" \
           "except libvirt.libvirtError as e: print(json.dumps([e.get_error_code(), e.get_error_domain()]))"
    assert python_inside(host, code) == [NO_SUPPORT, 18]


# --- streams, over a daemon that is only played ---

@pytest.fixture
def storage(host):
    if (BUILD / 'virtstoraged').exists():
        pytest.skip('the storage daemon is built, and listens itself')
    played = Storage(host.root / 'run/libvirt/virtstoraged-sock', os.urandom(20 << 20))
    yield played
    played.end()


STREAM = '''
import hashlib
conn = libvirt.open()
volume = conn.storagePoolLookupByName("pool").storageVolLookupByName("volume")
def download():
    stream, digest, size = conn.newStream(), hashlib.sha256(), 0
    volume.download(stream, 0, 0)
    while data := stream.recv(262120):
        digest.update(data)
        size += len(data)
    stream.finish()
    return digest.hexdigest()
def upload(data):
    stream = conn.newStream()
    volume.upload(stream, 0, len(data))
    while data:
        data = data[stream.send(data[:262120]):]
    stream.finish()
'''


def test_streams(host, storage):
    code = STREAM + '''
digests = [download(), download()]
data = os.urandom(10 << 20)
upload(data)
print(json.dumps([digests, hashlib.sha256(data).hexdigest()]))
'''
    digests, sent = run(host, code)
    assert digests == [hashlib.sha256(storage.content).hexdigest()] * 2
    assert [(status, hashlib.sha256(data).hexdigest()) for status, data in storage.uploaded] == [(OK, sent)]


def test_a_stream_is_lost(host, storage):
    storage.break_after = 5 << 20
    code = STREAM + '''
errors = [attempt(download), attempt(lambda: upload(bytes(10 << 20)))]
print(json.dumps([errors, conn.isAlive(), conn.numOfDomains()]))
'''
    errors, alive, _ = run(host, code)
    for code, _, text in errors:
        assert code == NO_CONNECT and 'virtstoraged' in text
    assert alive == 1
    storage.break_after = None
    assert run(host, STREAM + 'print(json.dumps(download()))') == hashlib.sha256(storage.content).hexdigest()


# --- an ordinary user has nobody who listens for his daemons ---

@pytest.fixture
def session():
    """virtqemud of nobody, and no supervisor; gives a function that runs virsh on it."""
    if os.getuid() != 0:
        pytest.skip('needs root, to become another user')
    home = Path(tempfile.mkdtemp(prefix='vs.', dir='/tmp'))
    (home / 'bin').mkdir()
    (home / 'run').mkdir(mode=0o700)
    for name in ('virtqemud', 'virtnetworkd'):
        shutil.copy(BUILD / name / name, home / 'bin')
    for path in (home, home / 'bin'):
        path.chmod(0o755)
    for path in (home, home / 'run'):
        os.chown(path, 65534, 65534)
    env = {'PATH': os.environ['PATH'], 'HOME': str(home), 'XDG_RUNTIME_DIR': str(home / 'run'), 'LC_ALL': 'C'}
    user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    sock = home / 'run/libvirt/virtqemud-sock'
    daemon = subprocess.Popen([*user, home / 'bin/virtqemud', '--timeout=60'], env=env, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: sock.exists() or daemon.poll() is not None, 'virtqemud listens')

    def virsh(*command, **more):
        return subprocess.run([*user, 'virsh', '-c', f'qemu:///session?socket={sock}', *command], env={**env, **more},
                              capture_output=True, text=True, timeout=120)
    yield virsh
    daemon.terminate()
    daemon.wait()
    for stat in Path('/proc').glob('[0-9]*/exe'):
        try:
            if os.readlink(stat).startswith(str(home)):
                os.kill(int(stat.parent.name), signal.SIGTERM)
        except OSError:
            continue
    shutil.rmtree(home, ignore_errors=True)


def test_a_session_starts_its_daemons(session):
    done = session('net-list', '--all')
    assert done.returncode == 0, done.stderr
    assert 'Name' in done.stdout
    done = session('pool-list')
    assert 'virtstoraged is not installed' in done.stderr or (BUILD / 'virtstoraged').exists()
