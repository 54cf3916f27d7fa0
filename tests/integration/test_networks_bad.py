"""What goes wrong with networks: definitions that cannot be, a host on which they cannot start, disks that are full, a dnsmasq
that is missing, refuses or hangs, scripts that hang, lease files with garbage, many clients at once and clients that leave. Each
is refused with libvirt's code and the reason, and nothing is left of it."""
import contextlib
import json
import re
import threading

import pytest
from harness import BUILD, python_inside, wait_until
from netlab import nat, traces, write

HOST = {'netns': True}
DNSMASQ = '/usr/sbin/dnsmasq'
UPDATE = ('net-update', 'net', 'add', 'dns-host', "<host ip='10.91.1.9'><hostname>abc</hostname></host>", '--live', '--config')


@pytest.fixture(scope='module', autouse=True)
def prepared(host):
    host.run('ip', 'link', 'set', 'lo', 'up')
    host.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1')
    host.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'up0')
    host.run('ip', 'link', 'set', 'up0', 'up')
    host.virsh('net-list')  # the daemon has made its directories


@pytest.fixture
def net(host):
    """The name of a network that is defined, and gone afterwards."""
    host.virsh('net-define', write(host, 'net', nat('net', 'virbr-net')))
    yield 'net'
    host.virsh('net-destroy', 'net', check=False)
    host.virsh('net-undefine', 'net')


def fails(host, *command):
    done = host.virsh(*command, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


def dnsmasq(host, name='net'):
    return host.processes(rf'dnsmasq\0.*/{name}\.conf')


# --- definitions ---

INTERNAL, XML, XML_DETAIL, UNSUPPORTED, FAILED = 1, 27, 35, 67, 9
IP = "<ip address='10.5.5.1' netmask='255.255.255.0'>{}</ip>"


def dhcp(text):
    return IP.format(f'<dhcp>{text}</dhcp>')


def entry(last, ip, name=''):
    return f"<host mac='52:54:00:00:00:0{last}' ip='{ip}' {name}/>"


def bridge(name, forward=''):
    return f"{forward}<bridge name='{name}'/>{IP.format('')}"


# what, content, when it is refused, libvirt's code, what the text names
REFUSED = [
    ('reversed range', dhcp("<range start='10.5.5.20' end='10.5.5.10'/>"), 'define', INTERNAL, '10.5.5.20 - 10.5.5.10'),
    ('overlapping ranges', dhcp("<range start='10.5.5.2' end='10.5.5.10'/><range start='10.5.5.9' end='10.5.5.20'/>"), 'define', XML,
     "start='10.5.5.9'"),
    ('range outside', dhcp("<range start='10.5.6.2' end='10.5.6.10'/>"), 'define', INTERNAL, '10.5.5.1/24'),
    ('range half outside', dhcp("<range start='10.5.5.250' end='10.5.6.10'/>"), 'define', INTERNAL, '10.5.5.1/24'),
    ('host outside', dhcp(entry(1, '10.5.6.2')), 'define', XML, '10.5.6.2'),
    ('MAC address twice', dhcp(entry(1, '10.5.5.2') + entry(1, '10.5.5.3')), 'define', XML, '52:54:00:00:00:01'),
    ('address twice', dhcp(entry(1, '10.5.5.2') + entry(2, '10.5.5.2')), 'define', XML, '10.5.5.2'),
    ('name twice', dhcp(entry(1, '10.5.5.2', "name='a'") + entry(2, '10.5.5.3', "name='a'")), 'define', XML, "'a'"),
    ('bridge of 16 bytes', bridge('abcdefghijklmnop'), 'define', XML, '15 bytes'),
    ('bridge in another directory', bridge('../x'), 'define', XML, "'../x'"),
    ('bridge that exists', bridge('up0'), 'start', INTERNAL, "'up0' exists"),
    ('loop', bridge('virbr-l', "<forward mode='nat' dev='virbr-l'/>"), 'define', XML, 'its own bridge'),
    ('host bridge that is missing', "<forward mode='bridge'/><bridge name='nobr'/>", 'start', INTERNAL, "'nobr'"),
    ('host bridge that is none', "<forward mode='bridge'/><bridge name='up0'/>", 'start', INTERNAL, "'up0' is no bridge"),
    ('pool of a missing interface', "<forward mode='private'><interface dev='nope0'/></forward>", 'start', INTERNAL, "'nope0'"),
    ('pool with one twice', "<forward mode='private'><interface dev='up0'/><interface dev='up0'/></forward>", 'define', XML, "'up0'"),
    ('functions of a missing interface', "<forward mode='hostdev'><pf dev='nope0'/></forward>", 'start', INTERNAL, "'nope0'"),
    ('subnet in use', "<ip address='192.0.2.100' prefix='24'/>", 'start', INTERNAL, 'interface up0'),
    ('part of a subnet in use', "<ip address='192.0.2.130' prefix='25'/>", 'start', INTERNAL, 'interface up0'),
    ('zone without firewalld', f"<bridge name='virbr-z' zone='home'/>{IP.format('')}", 'start', UNSUPPORTED, "'home'"),
    ('TFTP from nowhere', IP.format("<tftp root='/nope/x'/>"), 'start', FAILED, '/nope/x'),
    ('DHCP on two subnets', dhcp("<range start='10.5.5.2' end='10.5.5.3'/>") +
     "<ip address='10.5.6.1' prefix='24'><dhcp><range start='10.5.6.2' end='10.5.6.3'/></dhcp></ip>", 'define', UNSUPPORTED, '<dhcp>'),
    ('option smuggled in', f"<domain name='a&#10;dhcp-script=/bin/sh'/>{IP.format('')}", 'define', XML, 'no domain name'),
    ('host name smuggled in', f"<dns><host ip='10.5.5.9'><hostname>a&#10;b</hostname></host></dns>{IP.format('')}", 'define', XML_DETAIL,
     'no host name'),
    ('portgroup twice', f"{IP.format('')}<portgroup name='a'/><portgroup name='a'/>", 'define', UNSUPPORTED, "'a'"),
]

TRY = '''
import json, libvirt
libvirt.registerErrorHandler(lambda *_: None, None)
c, results = libvirt.open('qemu:///system'), []
for xml in json.loads({texts!r}):
    when, network = 'define', None
    try:
        network = c.networkDefineXML(xml)
        when = 'start'
        network.create()
        network.destroy()
        results.append(['never', 0, ''])
    except libvirt.libvirtError as error:
        results.append([when, error.get_error_code(), str(error)])
    if network:
        network.undefine()
print(json.dumps(results))
'''


def test_refused_with_code_and_reason(host):
    before = traces(host)
    texts = json.dumps([f"<network><name>bad</name>{content}</network>" for _, content, *_ in REFUSED])
    results = python_inside(host, TRY.format(texts=texts))
    wrong = [(what, result) for (what, _, when, code, names), result in zip(REFUSED, results, strict=True)
             if result[:2] != [when, code] or names not in result[2]]
    assert not wrong
    after = traces(host)
    # dnsmasq's files of a persistent network stay until it is undefined
    assert after == before


# --- dnsmasq ---

@contextlib.contextmanager
def instead(host, path, script=None):
    """A program that is another one for a while; without script it can't be executed."""
    other = host.root / 'other-program'
    other.write_text(script or '')
    other.chmod(0o755 if script else 0o644)
    host.run('mount', '--bind', str(other), path)
    try:
        yield
    finally:
        host.run('umount', path)


@pytest.mark.parametrize(('script', 'reason'), [
    (None, 'dnsmasq is not installed'),
    ('#!/bin/sh\nexit 0\n', 'ended as soon as it had started'),
    ('#!/bin/sh\necho "dnsmasq: not today" >&2; exit 2\n', 'dnsmasq: not today'),
], ids=['missing', 'ends', 'refuses'])
def test_dnsmasq_that_cannot_be_had(host, net, script, reason):
    host.virsh('net-start', net)  # its files are there then, and stay
    host.virsh('net-destroy', net)
    before = traces(host)
    with instead(host, DNSMASQ, script):
        assert reason in fails(host, 'net-start', net)
    assert traces(host) == before
    host.virsh('net-start', net)


def test_dnsmasq_comes_back_whoever_missed_it(host, net):
    """A failed change and a restart of the daemon do not end the attempts."""
    host.virsh('net-start', net)
    with instead(host, DNSMASQ):
        host.run('pkill', '-KILL', '-x', 'dnsmasq')
        assert 'not installed' in fails(host, *UPDATE)
        assert 'hostname' not in host.virsh('net-dumpxml', net)
    wait_until(lambda: dnsmasq(host), 'dnsmasq runs after a change that failed')
    with instead(host, DNSMASQ):
        host.run('pkill', '-KILL', '-x', 'virtnetworkd')
        host.run('pkill', '-KILL', '-x', 'dnsmasq')
        assert net in host.virsh('net-list', '--name').split()
    wait_until(lambda: dnsmasq(host), 'dnsmasq runs after a restart of the daemon')


def test_dnsmasq_that_hangs_is_ended(host, net):
    before = traces(host)
    host.virsh('net-start', net)
    host.run('pkill', '-STOP', '-x', 'dnsmasq')
    host.virsh('net-update', net, 'add', 'ip-dhcp-host', "<host mac='52:54:00:00:00:01' ip='10.91.1.9'/>", '--live')
    host.virsh('net-destroy', net)
    assert not dnsmasq(host)
    assert traces(host)['links'] == before['links']


# --- leases ---

def test_lease_files_with_garbage(host, net):
    """Never more than an error that names the file; what makes no sense in it is passed over; nobody waits for a FIFO."""
    host.virsh('net-start', net)
    path = host.root / 'var/lib/libvirt/dnsmasq/virbr-net.status'
    good = {'ip-address': '10.91.1.7', 'mac-address': '52:54:00:00:00:07', 'expiry-time': 4102444800}
    for damaged in '[', '{}', 'null', '[garbage', '\x00\x01', '[' * 5000:
        path.write_text(damaged)
        assert str(path) in fails(host, 'net-dhcp-leases', net), damaged
    for odd in [], [1, 2], [{'ip-address': 5}], [{**good, 'ip-address': 'zz'}], [{**good, 'expiry-time': 'x'}]:
        path.write_text(json.dumps([*odd, good]))
        leases = host.virsh('-q', 'net-dhcp-leases', net)
        assert '10.91.1.7' in leases and len(leases.splitlines()) == 1, odd
    nameless = {**good, 'ip-address': '10.91.1.8', 'mac-address': None}
    path.write_text(json.dumps([nameless, good, nameless]))
    assert len(host.virsh('-q', 'net-dhcp-leases', net).splitlines()) == 3
    path.unlink()
    host.run('mkfifo', str(path))
    host.virsh('net-dhcp-leases', net)
    path.unlink()
    path.write_text('[garbage')
    helper = host.spawn('env', 'DNSMASQ_INTERFACE=virbr-net', f'VIRTD_LEASE_FILE={path}', f'VIRTD_LEASE_LOCK={host.root}/helper.lock',
                        str(BUILD / 'virtnetworkd/libvirt_leaseshelper'), 'add', '52:54:00:00:00:01', '10.91.1.11', 'na"me')
    helper.expect(r'kept as .*\.damaged')
    wait_until(lambda: '10.91.1.11' in host.virsh('net-dhcp-leases', net), 'a new lease is shown')
    assert path.with_name('virbr-net.status.damaged').read_text() == '[garbage'
    path.with_name('virbr-net.status.damaged').unlink()


# --- the host ---

@contextlib.contextmanager
def full(host, directory):
    """A directory on a disk of its own on which nothing fits any more; what is written there is gone afterwards."""
    path = host.root / directory
    host.run('sh', '-ec', f'kept=$(mktemp -d); cp -a {path}/. $kept; mount -t tmpfs -o size=32k tmpfs {path}; '
                          f'rm -f $kept/.*.journal; cp -a $kept/. {path}; rm -r $kept; '
                          f'dd if=/dev/zero of={path}/fill bs=4k 2>/dev/null || :; ! echo x >{path}/more || exit 1; rm {path}/more')
    try:
        yield
    finally:
        host.run('umount', str(path))


@pytest.mark.parametrize('directory', ['var/lib/libvirt/dnsmasq', 'run/libvirt/network', 'etc/libvirt/qemu/networks'])
def test_full_disk(host, net, directory):
    host.virsh('net-start', net)
    with full(host, directory):
        assert 'No space left' in fails(host, *UPDATE)
        assert '>abc<' not in host.virsh('net-dumpxml', net) and '>abc<' not in host.virsh('net-dumpxml', '--inactive', net)
        host.virsh('net-destroy', net)  # may be what makes room
        assert host.virsh('net-list', '--name').split() == []
    host.virsh('net-destroy', net, check=False)
    before = traces(host)
    if directory.startswith('etc'):
        return
    conf = host.root / 'var/lib/libvirt/dnsmasq/net.conf'
    conf.unlink()  # it would not be written if it were right
    before['files'].discard(str(conf.relative_to(host.root)))
    with full(host, directory):
        assert 'No space left' in fails(host, 'net-start', net)
    assert traces(host) == before
    host.virsh('net-start', net)
    host.virsh(*UPDATE)
    assert '>abc<' in host.virsh('net-dumpxml', net) and '>abc<' in host.virsh('net-dumpxml', '--inactive', net)


def test_settings_that_cannot_be_changed(host, net):
    """A network that must forward does not start; with what it needs already so, it does."""
    before = traces(host)
    host.run('sysctl', '-qw', 'net.ipv4.ip_forward=0')
    host.run('mount', '--bind', '/proc/sys', '/proc/sys')
    host.run('mount', '-o', 'remount,ro,bind', '/proc/sys')
    try:
        assert 'ip_forward to 1, it is 0: Read-only' in fails(host, 'net-start', net)
        after = traces(host)
        assert {**after, 'files': None} == {**before, 'files': None}
    finally:
        host.run('umount', '/proc/sys')
        host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    host.run('mount', '--bind', '/proc/sys', '/proc/sys')
    host.run('mount', '-o', 'remount,ro,bind', '/proc/sys')
    try:
        host.virsh('net-start', net)
    finally:
        host.run('umount', '/proc/sys')


def test_hook_that_hangs(host, net):
    """It holds its own network only; and the daemon that dies meanwhile leaves nothing half made."""
    hook = host.root / 'etc/libvirt/hooks/network'
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$2" = start ] || exit 0\necho asked >&2\nexec sleep 86399\n')
    hook.chmod(0o755)
    before = traces(host)
    starter = threading.Thread(target=host.virsh, args=('net-start', net), kwargs={'check': False})
    starter.start()
    try:
        wait_until(lambda: host.processes(r'sleep\x0086399'), 'the script runs')
        host.virsh('net-define', write(host, 'other', nat('other', 'virbr-other')))
        host.virsh('net-undefine', 'other')
        assert 'inactive' in host.virsh('net-list', '--all')
        host.run('pkill', '-KILL', '-x', 'virtnetworkd')
        starter.join()
        assert 'inactive' in host.virsh('net-list', '--all')
        wait_until(lambda: traces(host) == before, 'what had begun is undone')
    finally:
        host.run('pkill', '-f', 'sleep 86399', check=False)
        hook.unlink()
        starter.join()
    host.virsh('net-start', net)


def test_two_start_with_one_subnet(host, net):
    """The second is refused while the first still waits for its script and has no address yet."""
    hook = host.root / 'etc/libvirt/hooks/network'
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\n[ "$1 $2" = "net start" ] || exit 0\ntouch {host.root}/asked\n'
                    f'while [ ! -e {host.root}/go ]; do sleep 0.05; done\n')
    hook.chmod(0o755)
    starter = threading.Thread(target=host.virsh, args=('net-start', net))
    starter.start()
    try:
        wait_until((host.root / 'asked').exists, 'the script runs')
        assert "network 'net', which is being started" in fails(host, 'net-create', write(host, 'same', nat('same', 'virbr-same')))
    finally:
        (host.root / 'go').touch()
        starter.join()
        hook.unlink()
    assert host.virsh('net-list', '--name').split() == [net]


# --- clients ---

CROWD = '''
import json, libvirt, random, threading
libvirt.registerErrorHandler(lambda *_: None, None)
FINE = {{libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_NETWORK, libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_INTERNAL_ERROR}}
odd = []

def xml(i, uuid=''):
    return (f"<network><name>crowd{{i}}</name>{{uuid}}<forward mode='nat'/><bridge name='virbr-c{{i}}'/>"
            f"<ip address='10.77.{{i}}.1' prefix='24'><dhcp><range start='10.77.{{i}}.2' end='10.77.{{i}}.9'/></dhcp></ip></network>")

def client(seed):
    rng, c = random.Random(seed), libvirt.open('qemu:///system')
    for _ in range({rounds}):
        i = rng.randrange({shared})
        action = rng.choice(['define', 'create', 'start', 'start', 'destroy', 'undefine', 'update', 'list', 'xml', 'autostart'])
        try:
            if action == 'define':
                c.networkDefineXML(xml(i))
            elif action == 'create':
                c.networkCreateXML(xml(i))
            elif action == 'list':
                for network in c.listAllNetworks():
                    network.name()
            else:
                network = c.networkLookupByName(f'crowd{{i}}')
                {{'start': network.create, 'destroy': network.destroy, 'undefine': network.undefine, 'xml': network.XMLDesc,
                 'autostart': lambda: network.setAutostart(rng.randrange(2)),
                 'update': lambda: network.update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, libvirt.VIR_NETWORK_SECTION_DNS_TXT, -1,
                                                  f"<txt name='t{{rng.randrange(10**6)}}' value='x'/>", 0)}}[action]()
        except libvirt.libvirtError as error:
            if error.get_error_code() not in FINE:
                odd.append([action, error.get_error_code(), str(error)])
    c.close()

threads = [threading.Thread(target=client, args=({seed} + n,)) for n in range({clients})]
[t.start() for t in threads]
[t.join() for t in threads]
print(json.dumps(odd))
'''


def sweep(host):
    for name in host.virsh('net-list', '--all', '--name').split():
        host.virsh('net-destroy', name, check=False)
        host.virsh('net-undefine', name, check=False)


def test_twenty_clients_at_the_same_networks(host):
    before, pid = traces(host), host.daemon_pid('virtnetworkd')
    odd = python_inside(host, CROWD.format(rounds=25, shared=4, clients=20, seed=1))
    assert not odd
    assert host.daemon_pid('virtnetworkd') == pid
    names = host.virsh('net-list', '--name').split()
    for name in names:
        assert dnsmasq(host, name), name
        assert name in host.run('nft', 'list', 'ruleset').stdout
    links = {link for link in traces(host)['links'] if link.startswith('virbr-c')}
    assert links == {f'virbr-c{name.removeprefix("crowd")}' for name in names}
    sweep(host)
    assert traces(host) == before


LEAVES = '''
import json, os, random, signal, time, libvirt
libvirt.registerErrorHandler(lambda *_: None, None)
rng = random.Random(5)
for n in range(12):
    child = os.fork()
    if child == 0:
        try:
            own = libvirt.open('qemu:///system' if n % 2 else 'network:///system')
            network = own.networkLookupByName('net')
            (network.destroy if network.isActive() else network.create)()
        finally:  # the call of the one before may have come in between
            os._exit(0)
    time.sleep(rng.uniform(0.02, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(json.dumps([libvirt.open('qemu:///system').networkLookupByName('net').name()]))
'''


def test_clients_that_leave_in_the_middle(host, net):
    before, pid = traces(host), host.daemon_pid('virtnetworkd')
    assert python_inside(host, LEAVES) == [net]
    assert host.daemon_pid('virtnetworkd') == pid
    host.virsh('net-destroy', net, check=False)
    host.virsh('net-start', net)
    assert dnsmasq(host) and re.search(r'net +active', host.virsh('net-list'))
    host.virsh('net-destroy', net)
    after = traces(host)
    assert {**after, 'files': None} == {**before, 'files': None}
