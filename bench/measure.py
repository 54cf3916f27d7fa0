#!/usr/bin/python3
"""Measures the daemon of this host through its sockets, and the machine's own limits beside it. See README.md; use ./run.

Prints one row per figure: what, ours, the limit measured on this machine in the same run (where there is one), the ratio,
and the budget. Wall times are medians; CPU is the daemon's own, from its scheduler statistics.
"""
import argparse
import contextlib
import glob
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import libvirt

import images
import storage
from figures import ROWS, cpu_us, daemon, median, ms, pss_mib, row
from wire import GET_LIB_VERSION, LIST_ALL_NETWORKS, Wire

URI, RUN = 'qemu:///system', '/run/libvirt'
libvirt.registerErrorHandler(lambda *_: None, None)
libvirt.virEventRegisterDefaultImpl()


def restart_daemon():
    if pid := daemon():
        os.kill(pid, signal.SIGTERM)
        while daemon() == pid:
            time.sleep(0.005)


def first_reply():
    wire = Wire(f'{RUN}/virtqemud-sock')
    wire.call(GET_LIB_VERSION)
    wire.close()


def per_call(function, count):
    """(wall us, daemon CPU us) of one of count calls."""
    pid = daemon()
    before, start = cpu_us(pid), time.monotonic()
    for _ in range(count):
        function()
    return (time.monotonic() - start) / count * 1e6, (cpu_us(pid) - before) / count


def domain_xml(name, memory=16, disk='', kind=None):
    kind = kind or ('kvm' if os.access('/dev/kvm', os.R_OK | os.W_OK) else 'qemu')
    return (f"<domain type='{kind}'><name>{name}</name><memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>"
            f"<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>{disk}"
            "<serial type='null'/><video><model type='none'/></video></devices></domain>")


# --- the suites ---

def activation(c, n, root):
    definitions = pathlib.Path(root) / 'etc/libvirt/qemu'

    def once():
        restart_daemon()
        return ms(first_reply)[0]
    first_reply()
    row('activation: first reply, no definitions', 'ms', median([once() for _ in range(n)]), budget='<= 5 ms')
    for i in range(1000):
        (definitions / f'many{i}.xml').write_text(
            f"<domain type='qemu'>\n  <name>many{i}</name>\n  <uuid>{i:08x}-0000-4000-8000-000000000001</uuid>\n"
            "  <memory unit='KiB'>16384</memory>\n  <os>\n    <type arch='x86_64' machine='pc'>hvm</type>\n  </os>\n</domain>\n")
    row('activation: first reply, 1,000 definitions', 'ms', median([once() for _ in range(n)]), budget='<= 5 ms')
    restart_daemon()
    took, count = ms(lambda: len(libvirt.open(URI).listAllDomains()))
    assert count == 1000, count
    row('activation to the full list of 1,000', 'ms', took, budget='<= 300 ms for 10,000')
    restart_daemon()
    for path in definitions.glob('many*.xml'):
        path.unlink()


def ping_pong(count):
    """The cheapest answer there can be: a thread that echoes over a socket pair. us per round."""
    a, b = socket.socketpair()

    def echo():
        while data := b.recv(64):
            b.sendall(data)
    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    start = time.monotonic()
    for _ in range(count):
        a.sendall(b'x' * 28)
        a.recv(64)
    a.close()
    return (time.monotonic() - start) / count * 1e6


def rpc(c, n):
    wire, count = Wire(f'{RUN}/virtqemud-sock'), 2000 * n
    wall, cpu = per_call(lambda: wire.call(GET_LIB_VERSION), count)
    row('trivial call, one at a time: wall', 'us', wall, ping_pong(count))
    row('trivial call, one at a time: CPU', 'us', cpu, budget='<= 6 us')
    pid = daemon()
    for depth in (5, 32):
        before, start = cpu_us(pid), time.monotonic()
        wire.pipelined(GET_LIB_VERSION, depth, count // depth)
        took = time.monotonic() - start
        row(f'trivial call, {depth} in flight: CPU', 'us', (cpu_us(pid) - before) / (count // depth * depth))
        row(f'trivial call, {depth} in flight: rate', '1/ms', count / took / 1000)
    wire.close()
    wall, cpu = per_call(lambda: Wire(f'{RUN}/virtqemud-sock').close(), 200 * n)
    row('open and close: CPU', 'us', cpu)


def definitions(c, n):
    count = 300 * n
    names = [f'def{i}' for i in range(count)]
    pid = daemon()
    before, start = cpu_us(pid), time.monotonic()
    for name in names:
        c.defineXML(domain_xml(name, kind='qemu'))
    row('define: rate', '1/s', count / (time.monotonic() - start))
    row('define: CPU', 'us', (cpu_us(pid) - before) / count)

    def many(part):
        own = libvirt.open(URI)
        for name in part:
            own.defineXML(domain_xml(name, kind='qemu'))
    more = [[f'par{t}-{i}' for i in range(count // 8)] for t in range(8)]
    threads = [threading.Thread(target=many, args=(part,)) for part in more]
    start = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    row('define, 8 clients: rate', '1/s', count // 8 * 8 / (time.monotonic() - start))
    d = c.lookupByName(names[0])
    d.XMLDesc()
    wall, cpu = per_call(d.XMLDesc, 500)
    row('XML of a domain: CPU', 'us', cpu)
    total = len(c.listAllDomains())
    wall, cpu = per_call(c.listAllDomains, 50)
    row('list: CPU per 1,000 domains', 'us', cpu / total * 1000, budget='<= 55 us')
    row('memory with these definitions', 'MiB', pss_mib(pid), budget='<= 4 KiB each')
    start = time.monotonic()
    everyone = [d for d in c.listAllDomains() if d.name().startswith(('def', 'par'))]
    for d in everyone:
        d.undefine()
    row('undefine: rate', '1/s', len(everyone) / (time.monotonic() - start))


def bare_qemu():
    """QEMU started by hand as a guest of ours, to its greeting and handshake; then killed. ms, ms."""
    with tempfile.TemporaryDirectory() as directory:
        path = f'{directory}/m'
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        accel = 'kvm' if os.access('/dev/kvm', os.R_OK | os.W_OK) else 'tcg'
        start = time.monotonic()
        process = subprocess.Popen(['qemu-system-x86_64', '-S', '-no-user-config', '-nodefaults', '-display', 'none', '-machine', 'pc',
                                    '-accel', accel, '-m', '16', '-chardev', f'socket,id=m,fd={listener.fileno()},server=on,wait=off',
                                    '-mon', 'chardev=m,mode=control', '-device', 'virtio-balloon-pci'], pass_fds=[listener.fileno()])
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        stream = client.makefile('rw')
        stream.readline()
        stream.write('{"execute":"qmp_capabilities"}\n')
        stream.flush()
        stream.readline()
        started = (time.monotonic() - start) * 1000
        start = time.monotonic()
        process.kill()
        process.wait()
        return started, (time.monotonic() - start) * 1000


def guests(c, n):
    d = c.defineXML(domain_xml('bench'))
    bare, start, stop = [], [], []
    for _ in range(5 * n):
        bare.append(bare_qemu())
        start.append(ms(lambda: d.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED))[0])
        stop.append(ms(d.destroy)[0])
    row('guest start', 'ms', median(start), median(b[0] for b in bare), '<= 1.25x bare')
    row('guest destroy', 'ms', median(stop), median(b[1] for b in bare), '<= 25 ms')
    d.undefine()
    many = [c.defineXML(domain_xml(f'many{i}')) for i in range(20)]
    threads = [threading.Thread(target=m.createWithFlags, args=(libvirt.VIR_DOMAIN_START_PAUSED,)) for m in many]
    start = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    row('start 20 guests at once', 'ms', (time.monotonic() - start) * 1000, budget='<= 1,200 ms')
    for m in many:
        m.destroy()
        m.undefine()


def save(c, n, image):
    disk = f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/><target dev='hda' bus='ide'/></disk>"
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('save and restore: left out, there is no KVM to fill the guest\'s memory quickly')
        return
    d = c.defineXML(domain_xml('saved', 256, disk))
    d.create()
    deadline = time.monotonic() + 30
    while d.memoryStats()['rss'] < 250 * 1024 and time.monotonic() < deadline:
        time.sleep(0.1)
    saves, restores = [], []
    for _ in range(max(n, 2)):
        saves.append(ms(d.managedSave)[0])
        restores.append(ms(d.create)[0])
    d.destroy()
    d.undefine()
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(image)) as f:
        block = os.urandom(1 << 20)
        write = ms(lambda: ([f.write(block) for _ in range(240)], f.flush(), os.fsync(f.fileno())))[0]
    row('managed save, 256 MiB', 'ms', median(saves), write, '<= 1.25x bare; limit: writing as much')
    row('restore, 256 MiB', 'ms', median(restores), budget='<= 1.25x bare')


def statistics_of_many(c, n):
    many = [c.createXML(domain_xml(f'stat{i}'), libvirt.VIR_DOMAIN_START_PAUSED) for i in range(50)]
    took = median([ms(c.getAllDomainStats)[0] for _ in range(5 * n)])
    row('bulk statistics of 50 guests', 'ms', took, budget='<= 60 ms')
    stuck = many[0]
    pid = next(int(p.split('/')[2]) for p in glob.glob('/proc/[0-9]*/cmdline')
               if f'guest={stuck.name()},' in pathlib.Path(p).read_text(errors='replace'))
    os.kill(pid, signal.SIGSTOP)
    caller = threading.Thread(target=lambda: libvirt.open(URI).getAllDomainStats())
    caller.start()
    time.sleep(0.1)
    other = many[1]
    for what, call in (('list', c.listAllDomains), ('its own state', stuck.state), ('its own XML', stuck.XMLDesc),
                       ("another's suspend and resume", lambda: (other.resume(), other.suspend()))):
        row(f'beside a stopped QEMU: {what}', 'ms', max(ms(call)[0] for _ in range(5)), budget='<= 5 ms')
    caller.join()
    os.kill(pid, signal.SIGCONT)
    for m in many:
        m.destroy()


def fanout(c, n):
    seen, lock, done = [], threading.Lock(), threading.Event()

    def heard(conn, domain, event, detail, data):
        with lock:
            seen.append(time.monotonic())
            if len(seen) % 100 == 0:
                done.set()
    threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
    listeners = [libvirt.open(URI) for _ in range(100)]
    for one in listeners:
        one.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, heard, None)
    d = c.defineXML(domain_xml('fan', kind='qemu'))
    time.sleep(0.3)
    pid, cpu, rounds = daemon(), [], 5 * n
    for _ in range(rounds):
        seen.clear()
        done.clear()
        before = cpu_us(pid)
        c.defineXML(d.XMLDesc())
        done.wait(10)
        cpu.append(cpu_us(pid) - before)
    row('one event to 100 subscribers: CPU with its define', 'us', median(cpu))
    d.undefine()
    for one in listeners:
        one.close()


def relay(c, n):
    """The list of ten networks, asked of virtnetworkd itself (the limit) and of virtqemud, which passes it on."""
    for i in range(10):
        c.networkDefineXML(f'<network><name>relay{i}</name></network>')
    paths = {'through': (f'{RUN}/virtqemud-sock', URI), 'direct': (f'{RUN}/virtnetworkd-sock', 'network:///system')}
    wires = {how: Wire(*path) for how, path in paths.items()}
    want = struct.pack('>iI', 1, 0)
    for wire in wires.values():
        wire.call(LIST_ALL_NETWORKS, want)
    count, pid = 1000 * n, daemon()
    wall, cpu = {'through': [], 'direct': []}, cpu_us(pid)
    for _ in range(5):  # in turns, so that both meet the same machine
        for how, wire in wires.items():
            wall[how].append(per_call(lambda w=wire: w.call(LIST_ALL_NETWORKS, want), count // 5)[0])
    row('relayed call, one at a time: wall', 'us', median(wall['through']), median(wall['direct']), 'limit: direct')
    row('relayed call, one at a time: our CPU', 'us', (cpu_us(pid) - cpu) / count)
    rates = {'through': [], 'direct': []}
    for _ in range(5):
        for how, wire in wires.items():
            rates[how].append(ms(wire.pipelined, LIST_ALL_NETWORKS, 32, count // 160, want)[0] * 1000 / (count // 160 * 32))
    row('relayed call, 32 in flight: wall', 'us', median(rates['through']), median(rates['direct']), 'limit: direct')

    def opened(how):
        wire = Wire(*paths[how])
        wire.call(LIST_ALL_NETWORKS, want)
        wire.close()
    first = {how: median([ms(opened, how)[0] * 1000 for _ in range(50 * n)]) for how in paths}
    row('open, first relayed call, close: wall', 'us', first['through'], first['direct'], 'limit: direct')
    for i in range(10):
        c.networkLookupByName(f'relay{i}').undefine()


NETWORKS = 200


def network_xml(i):
    return (f"<network><name>net{i}</name><forward mode='nat'/><bridge name='vb{i}'/><ip address='10.{i // 250}.{i % 250}.1' prefix='24'>"
            f"<dhcp><range start='10.{i // 250}.{i % 250}.100' end='10.{i // 250}.{i % 250}.200'/></dhcp></ip></network>")


def dnsmasq_alone(count):
    """Starting so many dnsmasq by hand, one after the other, beside the networks, to where they serve; then ended. ms each."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        start = time.monotonic()
        for i in range(count):
            subprocess.run(['/usr/sbin/dnsmasq', '--conf-file=/dev/null', '--bind-dynamic', '--except-interface=lo', '--port=5300',
                            f'--interface=vb{i}', f'--pid-file={directory}/{i}'], check=True)
        took = (time.monotonic() - start) * 1000
        for i in range(count):
            os.kill(int(pathlib.Path(f'{directory}/{i}').read_text()), signal.SIGTERM)
    return took / count


def cpu_of_all(program):
    """Microseconds, of those that live."""
    sum_us = 0
    for path in pathlib.Path('/proc').glob('[0-9]*/comm'):
        try:
            if path.read_text().strip() == program:
                sum_us += cpu_us(path.parent.name)
        except OSError:
            pass
    return sum_us


def in_parallel(function, items, clients=8):
    """function(connection, item) for all, by so many clients; ms."""
    def work(part):
        own = libvirt.open('network:///system')
        for item in part:
            function(own, item)
        own.close()
    threads = [threading.Thread(target=work, args=(items[t::clients],)) for t in range(clients)]
    return ms(lambda: ([t.start() for t in threads], [t.join() for t in threads]))[0]


@contextlib.contextmanager
def inotify_instances(count):
    """Each dnsmasq that serves DNS takes one of root's, of which a kernel gives 128."""
    path = pathlib.Path('/proc/sys/fs/inotify/max_user_instances')
    before = path.read_text()
    path.write_text(str(max(count, int(before))))
    try:
        yield
    finally:
        path.write_text(before)


@inotify_instances(NETWORKS + 128)
def networks(c, n):
    """200 NAT networks, each with its dnsmasq: define, start, list, restart of the daemon, stop. CPU is virtnetworkd's."""
    names = [f'net{i}' for i in range(NETWORKS)]

    def gone():
        """End virtnetworkd as a crash would; what it has in the kernel stays."""
        if pid := daemon('virtnetworkd'):
            os.kill(pid, signal.SIGKILL)
            while daemon('virtnetworkd') == pid:
                time.sleep(0.001)

    def listed():
        own = Wire(f'{RUN}/virtnetworkd-sock', 'network:///system')
        own.call(LIST_ALL_NETWORKS, struct.pack('>iI', 1, 0))
        own.close()

    def adopted(own):
        """Changing calls queue behind each network's adoption."""
        for name in names:
            own.networkLookupByName(name).setAutostart(0)

    def phase(what, function):
        pid = daemon('virtnetworkd')
        before, others = cpu_us(pid), cpu_of_all('dnsmasq')
        took = function()
        row(f'networks: {what}', 'ms each', took / NETWORKS)
        row(f'networks: {what}, CPU', 'ms each', (cpu_us(pid) - before) / 1000 / NETWORKS)
        if (others := cpu_of_all('dnsmasq') - others) > 0:
            row(f'networks: {what}, CPU of all dnsmasq', 'ms each', others / 1000 / NETWORKS)

    own = libvirt.open('network:///system')
    empty = pss_mib(daemon('virtnetworkd'))
    phase('define', lambda: ms(lambda: [own.networkDefineXML(network_xml(i)) for i in range(NETWORKS)])[0])
    own.close()
    gone()
    row('networks: activation to the list, 200 inactive', 'ms', median([(gone(), ms(listed)[0])[1] for _ in range(3 * n)]))
    own = libvirt.open('network:///system')
    phase('start, one client', lambda: ms(lambda: [own.networkLookupByName(name).create() for name in names])[0])
    row('networks: a dnsmasq by hand beside them', 'ms each', dnsmasq_alone(20))
    row('networks: memory for each active', 'KiB', (pss_mib(daemon('virtnetworkd')) - empty) * 1024 / NETWORKS)
    wall, cpu = [], cpu_us(daemon('virtnetworkd'))
    for _ in range(20):
        wall.append(ms(lambda: own.listAllNetworks())[0])
    row('networks: list, warm', 'ms', median(wall))
    row('networks: list, warm: CPU', 'us', (cpu_us(daemon('virtnetworkd')) - cpu) / 20)
    own.close()
    gone()
    took = ms(listed)[0]  # once: what was adopted once is warm
    own = libvirt.open('network:///system')
    everything = took + ms(adopted, own)[0]
    row('networks: kill -9 to the list, 200 active', 'ms', took)
    row('networks: kill -9 to the last one adopted', 'ms', everything)
    row('networks: kill -9 to the last one adopted, CPU', 'ms', cpu_us(daemon('virtnetworkd')) / 1000)
    row('networks: memory after that', 'MiB', pss_mib(daemon('virtnetworkd')))
    phase('stop, one client', lambda: ms(lambda: [own.networkLookupByName(name).destroy() for name in names])[0])
    phase('start, 8 clients', lambda: in_parallel(lambda one, name: one.networkLookupByName(name).create(), names))
    phase('stop, 8 clients', lambda: in_parallel(lambda one, name: one.networkLookupByName(name).destroy(), names))
    for name in names:
        own.networkLookupByName(name).setAutostart(1)
    own.close()
    gone()
    pathlib.Path(f'{RUN}/network/autostarted').unlink()
    start = time.monotonic()
    listed()
    own = libvirt.open('network:///system')
    while own.numOfNetworks() < NETWORKS:
        time.sleep(0.005)
    row('networks: autostart of 200', 'ms each', (time.monotonic() - start) * 1000 / NETWORKS)
    for name in names:
        own.networkLookupByName(name).destroy()
        own.networkLookupByName(name).undefine()
    own.close()


def footprint(c, n):
    restart_daemon()
    first_reply()
    time.sleep(0.2)
    pid = daemon()
    before = cpu_us(pid)
    time.sleep(2)
    row('idle: memory', 'MiB', pss_mib(pid), budget='<= 2 MiB')
    row('idle: threads', '', len(os.listdir(f'/proc/{pid}/task')), budget='1-2')
    row('idle: CPU', 'us/s', (cpu_us(pid) - before) / 2, budget='no wake-ups')
    for _ in range(1000):
        Wire(f'{RUN}/virtqemud-sock').close()
    row('after 1,000 connections: memory', 'MiB', pss_mib(pid))


SUITES = {'activation': activation, 'rpc': rpc, 'definitions': definitions, 'guests': guests, 'save': save,
          'statistics': statistics_of_many, 'fanout': fanout, 'relay': relay,
          'networks': networks, 'pools': storage.pools, 'content': storage.content, 'dead': storage.dead, 'images': images.images,
          'footprint': footprint}


def main():
    parser = argparse.ArgumentParser(description='Measures the virtqemud of this host.')
    parser.add_argument('--quick', action='store_true', help='fewer rounds')
    parser.add_argument('--suite', default=','.join(SUITES), help='which, comma separated')
    parser.add_argument('--image', required=True, help='the boot sector that fills memory')
    parser.add_argument('--root', required=True, help="the private host's root directory")
    parser.add_argument('--out', help='also write the rows as JSON')
    options = parser.parse_args()
    print(f'{"what":<46} {"ours":>10} {"unit":<7} {"limit":>9} {"ratio":>9}  budget')
    for name in options.suite.split(','):
        connection = libvirt.open(URI)
        extra = {'save': (options.image,), 'activation': (options.root,)}.get(name, ())
        SUITES[name](connection, 1 if options.quick else 4, *extra)
        try:
            connection.close()
        except libvirt.libvirtError:
            pass  # the suite restarted the daemon
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(ROWS, indent=1))


if __name__ == '__main__':
    sys.exit(main())
