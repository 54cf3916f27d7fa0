"""Guests on virtual networks: the card gets what the network gives, the port is counted and comes back whoever of the two
daemons dies, and each kind of connection carries packets."""
import os
import re
import signal

import pytest
from harness import wait_until
from netlab import Station, active, nat, write

HOST = {'netns': True}


@pytest.fixture(scope='module', autouse=True)
def loopback(host):
    host.run('ip', 'link', 'set', 'lo', 'up')


@pytest.fixture
def network(host):
    with active(host, 'net', nat('net', 'virbr-net')):
        yield 'net'


def card(network, extra='', model='virtio'):
    return f"<interface type='network'><source network='{network}'/><model type='{model}'/>{extra}</interface>"


def ports(host, network):
    return re.findall(r'[0-9a-f]{8}-[0-9a-f-]{27}', host.virsh('net-port-list', network))


def live(host, name):
    xml = host.virsh('dumpxml', name)
    return re.search('<interface.*?</interface>', xml, re.S).group(0)


def kill(host, *daemons):
    for daemon in daemons:
        host.run('pkill', '-KILL', '-x', daemon)


# --- a guest with an operating system ---

def test_a_guest_gets_its_address(host, guest, network):
    guest('dhcp', kind='kernel', extra=card(network)).create().wait_up()
    address = wait_until(lambda: re.search(r'ipv4 +(10\.91\.1\.\d+)/24', host.virsh('domifaddr', 'dhcp')), 'it has a lease').group(1)
    assert address in host.virsh('net-dhcp-leases', network)
    assert address in host.virsh('domifaddr', 'dhcp', '--source', 'arp')
    station = Station(host, 'gst', 'virbr-net')
    try:
        station.dhcp()
        assert station.reaches(address)
        kill(host, 'virtqemud', 'virtnetworkd')
        assert station.reaches(address)
        assert address in host.virsh('domifaddr', 'dhcp')
    finally:
        station.remove()


def test_a_guest_resolves_and_reaches_the_outside(host, guest):
    """By DHCP, a name from the network's DNS, and the address translation: the server knows no way to the guests' subnet."""
    server = Station(host, 'server', None)
    try:
        host.run('ip', 'addr', 'add', '198.51.100.1/24', 'dev', server.cable)
        server.address('198.51.100.2/24')
        page = host.root / 'www'
        page.mkdir()
        (page / 'index.html').write_text('a page from outside\n')
        server.run('busybox', 'httpd', '-p', '198.51.100.2:80', '-h', str(page))
        xml = nat('out', 'virbr-out').replace('<ip ', "<dns><host ip='198.51.100.2'><hostname>server.test</hostname></host></dns><ip ", 1)
        with active(host, 'out', xml):
            g = guest('reader', kind='kernel', extra=card('out'))
            g.path.write_text(g.xml.replace('panic=-1', 'panic=-1 virtd.fetch=http://server.test/'))
            g.create()
            wait_until(lambda: b'virtd-guest: fetched a page from outside' in g.console.read_bytes(), 'the guest has read the page')
            assert '10.91.1.' in host.virsh('net-dhcp-leases', 'out') and '10.91.1.' in host.virsh('domifaddr', 'reader')
            host.virsh('destroy', 'reader')
    finally:
        host.run('sh', '-c', f'ip netns pids {server.name} | xargs -r kill')
        server.remove()


# --- ports ---

def test_port_is_shown_and_counted(host, guest, network):
    guest('p', extra=card(network)).create()
    found = ports(host, network)
    assert len(found) == 1
    assert f"portid='{found[0]}'" in live(host, 'p') and "bridge='virbr-net'" in live(host, 'p')
    xml = host.virsh('net-port-dumpxml', network, found[0])
    assert '<name>p</name>' in xml and "<plug type='network' bridge='virbr-net'" in xml
    assert "connections='1'" in host.virsh('net-dumpxml', network)
    inactive = host.virsh('dumpxml', 'p', '--inactive')
    assert 'portid' not in inactive and "<interface type='network'>" in inactive and 'vnet' not in inactive
    assert re.search('"domain": "p"', (host.root / 'var/lib/libvirt/dnsmasq/virbr-net.macs').read_text())
    host.virsh('destroy', 'p')
    wait_until(lambda: not ports(host, network), 'the port is given back')
    assert 'connections' not in host.virsh('net-dumpxml', network)


@pytest.mark.parametrize('dead', [['virtqemud'], ['virtnetworkd'], ['virtqemud', 'virtnetworkd']], ids='+'.join)
def test_port_outlives_daemons(host, guest, network, dead):
    guest('p', extra=card(network)).create()
    before = ports(host, network)
    kill(host, *dead)
    assert ports(host, network) == before and before[0] in live(host, 'p')


@pytest.mark.parametrize('dead', [['virtqemud'], ['virtnetworkd'], ['virtqemud', 'virtnetworkd']], ids='+'.join)
def test_port_comes_back_when_the_guest_dies_unseen(host, guest, network, dead):
    """The guest dies while one or both daemons are dead; the next calls bring everything in order."""
    guest('p', extra=card(network)).create()
    pid = host.qemu_pid('p')
    kill(host, *dead)
    host.run('pkill', '-KILL', '-f', '^/usr/bin/qemu.*guest=p,')
    wait_until(lambda: not host.processes(r'guest=p[,\0]'), f'{pid} is gone')
    wait_until(lambda: 'p' not in host.virsh('list', '--name').split(), 'its end was noticed')
    wait_until(lambda: not ports(host, network), 'the port is given back')


def test_a_network_stopped_and_started_under_a_guest(host, guest, network):
    guest('p', extra=card(network)).create()
    tap = re.search("<target dev='([^']+)'", live(host, 'p')).group(1)
    host.virsh('net-destroy', network)
    host.virsh('net-create', write(host, 'net', nat('net', 'virbr-net')))
    kill(host, 'virtqemud')
    host.virsh('list')
    wait_until(lambda: len(ports(host, network)) == 1, 'the port is claimed again')
    wait_until(lambda: tap in host.run('ip', 'link', 'show', 'master', 'virbr-net').stdout, 'the tap is back on the bridge')


def test_network_that_is_not_active(host, guest):
    g = guest('lost', extra=card('nowhere'))
    done = host.virsh('create', str(g.path), check=False)
    assert "network 'nowhere'" in done.stderr and 'Network not found' in done.stderr
    host.virsh('net-define', write(host, 'off', nat('off', 'virbr-off')))
    g = guest('lost', extra=card('off'))
    done = host.virsh('create', str(g.path), check=False)
    assert "network 'off' is not active" in done.stderr
    host.virsh('net-undefine', 'off')
    assert host.virsh('list', '--all', '--name').split() == []


def test_guest_and_network_start_with_the_host(host, guest):
    """As after a boot: both are started by their daemons at the same time, and the guest does not come too early."""
    host.virsh('net-define', write(host, 'boot', nat('boot', 'virbr-boot')))
    host.virsh('net-autostart', 'boot')
    guest('early', extra=card('boot')).define()
    host.virsh('autostart', 'early')
    for daemon in 'virtqemud', 'virtnetworkd':
        host.run('pkill', '-TERM', '-x', daemon)
        wait_until(lambda: not host.daemon_pid(daemon), f'{daemon} is gone')
    for marker in host.root.glob('run/libvirt/*/autostarted'):
        marker.unlink()
    try:
        host.virsh('list')
        wait_until(lambda: host.virsh('domstate', 'early').strip() == 'running', 'the guest runs')  # it is listed before
        assert host.virsh('net-list', '--name').split() == ['boot'] and len(ports(host, 'boot')) == 1
    finally:
        host.virsh('destroy', 'early', check=False)
        host.virsh('autostart', '--disable', 'early')
        host.virsh('net-destroy', 'boot', check=False)
        host.virsh('net-undefine', 'boot')


def test_destroyed_while_it_starts(host, guest):
    """A start that waits for another daemon gives up at once when the guest is destroyed, and leaves nothing."""
    with active(host, 'slow', nat('slow', 'virbr-slow')):
        guest('hasty', extra=card('slow')).define()
        daemon = host.daemon_pid('virtnetworkd')
        os.kill(daemon, signal.SIGSTOP)
        try:
            start = host.spawn('virsh', 'start', 'hasty')
            wait_until(lambda: host.virsh('list', '--name').split() == ['hasty'], 'the guest is on its way')
            host.virsh('destroy', 'hasty')
            assert host.virsh('domstate', '--reason', 'hasty').strip() == 'shut off (destroyed)'
            start.expect("domain 'hasty' was destroyed while it started")
            assert start.process.wait(10) == 1
        finally:
            os.kill(daemon, signal.SIGCONT)
        wait_until(lambda: not ports(host, 'slow'), 'the port is given back')
        host.virsh('start', 'hasty')
        assert len(ports(host, 'slow')) == 1
        host.virsh('destroy', 'hasty')
        host.virsh('undefine', 'hasty')


def test_destroyed_while_its_port_is_made(host, guest):
    """The network's daemon has begun to make the port and goes on: nobody awaits it any more, but it is given back."""
    hook = host.root / 'etc/libvirt/hooks/network'
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(f'#!/bin/sh\n[ "$2" = port-created ] || exit 0\ntouch {host.root}/made\nwhile [ ! -e {host.root}/go-on ]; do sleep 0.05; done\n')
    hook.chmod(0o755)
    with active(host, 'made', nat('made', 'virbr-made')):
        try:
            guest('hurried', extra=card('made')).define()
            start = host.spawn('virsh', 'start', 'hurried')
            wait_until((host.root / 'made').exists, 'the port is being made')
            host.virsh('destroy', 'hurried')
            assert start.process.wait(10) == 1
            assert len(ports(host, 'made')) == 1
            (host.root / 'go-on').touch()
            wait_until(lambda: not ports(host, 'made'), 'the port is given back')
            for mark in ('made', 'go-on'):
                (host.root / mark).unlink()
            guest('patient', extra=card('made')).define()
            first = host.spawn('virsh', 'start', 'patient')
            wait_until((host.root / 'made').exists, 'the port of another guest is being made')
            start = host.spawn('virsh', 'start', 'hurried')
            wait_until(lambda: 'hurried' in host.virsh('list', '--name').split(), 'this one waits behind it')
            host.virsh('destroy', 'hurried')
            assert start.process.wait(10) == 1
            (host.root / 'go-on').touch()
            first.expect('started')
            wait_until(lambda: len(ports(host, 'made')) == 1, "the one that was waited for is there, the other's is given back")
            host.virsh('destroy', 'patient')
            wait_until(lambda: not ports(host, 'made'), 'both are given back')
        finally:
            (host.root / 'go-on').touch()
            hook.unlink()
        host.virsh('undefine', 'hurried')
        host.virsh('undefine', 'patient')


def test_port_group(host, guest):
    xml = nat('groups', 'virbr-gr').replace('</network>', "<portgroup name='slow' default='yes'><bandwidth><inbound average='1000'/>"
                                            "<outbound average='500'/></bandwidth></portgroup></network>")
    with active(host, 'groups', xml):
        guest('g', extra=card('groups')).create()
        assert "<inbound average='1000'" in live(host, 'g')
        g = guest('h', extra=card('groups').replace("'groups'", "'groups' portgroup='none'"))
        assert "port group 'none'" in host.virsh('create', str(g.path), check=False).stderr
        host.virsh('destroy', 'g')


# --- other connections ---

def test_host_bridge_network(host, guest):
    host.run('ip', 'link', 'add', 'br-host', 'type', 'bridge')
    host.run('ip', 'link', 'set', 'br-host', 'up')
    with active(host, 'hb', "<network><name>hb</name><forward mode='bridge'/><bridge name='br-host'/></network>"):
        guest('b', extra=card('hb')).create()
        shown = live(host, 'b')
        assert "<interface type='bridge'>" in shown and "network='hb'" in shown and "bridge='br-host'" in shown
        tap = re.search("<target dev='([^']+)'", shown).group(1)
        assert tap in host.run('ip', 'link', 'show', 'master', 'br-host').stdout
        assert "<interface type='network'>" in host.virsh('dumpxml', 'b', '--inactive')
        host.virsh('destroy', 'b')
        wait_until(lambda: not ports(host, 'hb'), 'the port is given back')
    assert 'br-host' in host.run('ip', 'link').stdout  # it is the host's
    host.run('ip', 'link', 'del', 'br-host')


@pytest.fixture
def uplink(host):
    host.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1')
    host.run('ip', 'link', 'set', 'up0', 'up')
    host.run('ip', 'link', 'set', 'up1', 'up')
    yield 'up0'
    host.run('ip', 'link', 'del', 'up0')


def macvtaps(host):
    return re.findall(r'^\d+: ([^:@]+)@', host.run('ip', 'link', 'show', 'type', 'macvtap').stdout, re.M)


@pytest.mark.parametrize('how', ['network', 'direct'])
def test_macvtap_carries_packets(host, guest, uplink, how):
    host.run('ip', 'addr', 'add', '10.95.0.1/24', 'dev', 'up1')
    host.virsh('net-create', write(host, 'mv', f"<network><name>mv</name><forward mode='bridge'><interface dev='{uplink}'/></forward></network>"))
    extra = card('mv') if how == 'network' else f"<interface type='direct'><source dev='{uplink}' mode='bridge'/><model type='virtio'/></interface>"
    g = guest('m', kind='kernel', extra=extra, serial="<serial type='pty'/>")
    g.create('--paused')
    shown = live(host, 'm')
    assert "<interface type='direct'>" in shown and f"dev='{uplink}'" in shown and "mode='bridge'" in shown
    assert len(macvtaps(host)) == 1
    terminal = host.terminal('virsh', '-c', host.uri, 'console', 'm')
    try:
        terminal.expect(b'Escape character')
        host.virsh('resume', 'm')
        terminal.ask(b'\r', b'guest# ')
        terminal.type(b'ip address add 10.95.0.2/24 dev eth0; ip link set eth0 up; ping -c 1 -w 30 10.95.0.1\r')
        terminal.expect(b'1 packets received')
    finally:
        terminal.end()
    host.virsh('destroy', 'm')
    wait_until(lambda: not macvtaps(host), 'the macvtap is deleted')
    host.virsh('net-destroy', 'mv')


def test_macvtap_is_deleted_by_the_next_life(host, guest, uplink):
    guest('m', extra=f"<interface type='direct'><source dev='{uplink}' mode='bridge'/><model type='virtio'/></interface>").create()
    assert len(macvtaps(host)) == 1
    kill(host, 'virtqemud')
    host.run('pkill', '-KILL', '-f', '^/usr/bin/qemu.*guest=m,')
    host.virsh('list')
    wait_until(lambda: not macvtaps(host), 'the macvtap is deleted')


def test_pool_of_passthrough_interfaces(host, guest, uplink):
    xml = "<network><name>pool</name><forward mode='passthrough'><interface dev='up0'/></forward></network>"
    with active(host, 'pool', xml):
        guest('one', extra=card('pool')).create()
        assert "connections='1'" in host.virsh('net-dumpxml', 'pool')
        two = guest('two', extra=card('pool'))
        assert 'in use' in host.virsh('create', str(two.path), check=False).stderr
        host.virsh('destroy', 'one')
        two.create()  # the interface is free again, without waiting
        host.virsh('destroy', 'two')


def test_ethernet_runs_its_script(host, guest):
    script = host.root / 'ifup'
    script.write_text(f'#!/bin/sh\necho "$1" >>{host.root}/ifup.log\n')
    script.chmod(0o755)
    guest('e', extra=f"<interface type='ethernet'><script path='{script}'/><target dev='etap'/><model type='virtio'/></interface>").create()
    assert (host.root / 'ifup.log').read_text() == 'etap\n'
    host.virsh('destroy', 'e')


def test_user_network_needs_nobody(host, guest):
    guest('u', extra="<interface type='user'><model type='virtio'/></interface>").create()
    assert "<interface type='user'>" in live(host, 'u')
    host.virsh('destroy', 'u')


def test_filters_are_refused(host, guest, network):
    g = guest('f', extra=card(network, "<filterref filter='clean-traffic'/>"))
    assert "network filter 'clean-traffic'" in host.virsh('create', str(g.path), check=False).stderr
    assert not ports(host, network)


def test_isolated_ports_do_not_talk(host, guest):
    with active(host, 'iso', nat('iso', 'virbr-iso').replace('</network>', "<port isolated='yes'/></network>")):
        guest('i', extra=card('iso')).create()
        tap = re.search("<target dev='([^']+)'", live(host, 'i')).group(1)
        assert 'isolated on' in host.run('bridge', '-d', 'link', 'show', 'dev', tap).stdout
        host.virsh('destroy', 'i')


def test_mtu_of_the_network(host, guest):
    with active(host, 'big', nat('big', 'virbr-big').replace('<ip ', "<mtu size='9000'/><ip ", 1)):
        guest('b', extra=card('big')).create()
        assert "<mtu size='9000'/>" in live(host, 'b')
        tap = re.search("<target dev='([^']+)'", live(host, 'b')).group(1)
        assert 'mtu 9000' in host.run('ip', 'link', 'show', tap).stdout
        host.virsh('destroy', 'b')


def test_cable_unplugged(host, guest, network):
    guest('d', extra=card(network, "<link state='down'/>")).create()
    tap = re.search("<target dev='([^']+)'", live(host, 'd')).group(1)
    assert 'state DOWN' in host.run('ip', 'link', 'show', tap).stdout
    host.virsh('destroy', 'd')


def test_hook_script(host, guest, network):
    hooks = host.root / 'etc/libvirt/hooks'
    hooks.mkdir(parents=True, exist_ok=True)
    told = host.root / 'qemu-told'
    script = hooks / 'qemu'
    script.write_text(f'#!/bin/sh\necho "$1 $2 $3 $(grep -c "<domain" -)" >>{told}\n[ "$2" != "$(cat {host.root}/refuse-at)" ] || exit 3\n')
    script.chmod(0o755)
    (host.root / 'refuse-at').write_text('')
    try:
        guest('h', extra=card(network)).create()
        host.virsh('destroy', 'h')
        assert [line.split()[1:] for line in told.read_text().splitlines()] == [
            ['prepare', 'begin', '1'], ['start', 'begin', '1'], ['started', 'begin', '1'], ['stopped', 'end', '1'], ['release', 'end', '1']]
        (host.root / 'refuse-at').write_text('start')
        g = guest('h', extra=card(network))
        assert 'exit status 3' in host.virsh('create', str(g.path), check=False).stderr
        wait_until(lambda: not ports(host, network), 'the port is given back')
    finally:
        script.unlink()


# --- bandwidth ---

def test_limits_of_a_card(host, guest, network):
    limits = "<bandwidth><inbound average='1000' peak='2000' burst='64'/><outbound average='500'/></bandwidth>"
    guest('l', extra=card(network, limits)).create()
    tap = re.search("<target dev='([^']+)'", live(host, 'l')).group(1)
    assert 'htb' in host.run('tc', 'qdisc', 'show', 'dev', tap).stdout
    assert re.search('rate 8Mbit ceil 16Mbit', host.run('tc', 'class', 'show', 'dev', tap).stdout)
    host.virsh('destroy', 'l')
    assert not re.search(r': qos\d+', host.run('ip', 'link').stdout)


def test_guaranteed_rates_are_divided(host, guest):
    xml = nat('div', 'virbr-div').replace('<ip ', "<bandwidth><inbound average='1000' peak='1000'/></bandwidth><ip ", 1)
    floor = "<bandwidth><inbound average='100' floor='600'/></bandwidth>"
    with active(host, 'div', xml):
        def classes():
            return host.run('tc', 'class', 'show', 'dev', 'virbr-div').stdout
        guest('one', extra=card('div', floor)).create()
        assert len(re.findall('class htb', classes())) == 3 and 'rate 4800Kbit' in classes()
        two = guest('two', extra=card('div', floor))
        assert 'guarantee' in host.virsh('create', str(two.path), check=False).stderr
        kill(host, 'virtnetworkd')
        assert '<class id=' in host.virsh('net-port-dumpxml', 'div', ports(host, 'div')[0])
        host.virsh('destroy', 'one')
        wait_until(lambda: len(re.findall('class htb', classes())) == 2, 'the class is free again')
        two.create()
        host.virsh('destroy', 'two')


def test_parameters_of_a_port(host, guest, network):
    from harness import python_inside
    guest('q', extra=card(network)).create()
    code = ("import json, libvirt; p = libvirt.open().networkLookupByName('net').listAllPorts()[0]; "
            "p.setParameters({'inbound.average': 100, 'inbound.peak': 200}); print(json.dumps(p.parameters()))")
    assert python_inside(host, code)['inbound.peak'] == 200
    assert "peak='200'" in host.virsh('net-port-dumpxml', network, ports(host, network)[0])
    host.virsh('destroy', 'q')
