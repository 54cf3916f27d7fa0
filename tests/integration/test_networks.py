"""Virtual networks as a user of virsh sees them: defined, started, listed, stopped, undefined, with the events of each; what a
network serves its guests; and that nothing is left of one that ended or could not start."""
import json
import re

import pytest
from harness import SOURCE, python_inside, wait_until
from netlab import Station, active, nat, traces, write

HOST = {'netns': True}


@pytest.fixture(scope='module', autouse=True)
def prepared(host):
    host.run('ip', 'link', 'set', 'lo', 'up')
    host.virsh('net-list')  # the daemon has made its directories


def fails(host, *command):
    done = host.virsh(*command, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


# --- definitions ---

def test_define_show_undefine(host):
    path = write(host, 'd', nat('d', 'virbr-d'))
    assert 'defined' in host.virsh('net-define', '--validate', path)
    xml = host.virsh('net-dumpxml', 'd')
    assert "<bridge name='virbr-d' stp='on' delay='0'/>" in xml and re.search("<mac address='52:54:00:", xml)
    assert host.virsh('net-uuid', 'd').strip() in xml and host.virsh('net-name', host.virsh('net-uuid', 'd').strip()).strip() == 'd'
    again = write(host, 'again', xml)
    host.virsh('net-define', again)
    assert host.virsh('net-dumpxml', 'd') == xml
    host.virsh('net-undefine', 'd')
    assert 'Network not found' in fails(host, 'net-info', 'd')


def test_bridge_names_are_chosen(host):
    names = set()
    for i in range(3):
        xml = f"<network><name>auto{i}</name><ip address='10.92.{i}.1' netmask='255.255.255.0'/></network>"
        host.virsh('net-define', write(host, 'auto', xml))
        names.add(re.search("bridge name='(virbr[0-9]+)'", host.virsh('net-dumpxml', f'auto{i}')).group(1))
    assert len(names) == 3
    for i in range(3):
        host.virsh('net-undefine', f'auto{i}')


def test_clashes_are_named(host):
    host.virsh('net-define', write(host, 'one', nat('one', 'virbr-one')))
    uuid = host.virsh('net-uuid', 'one').strip()
    assert "already in use by network 'one'" in fails(host, 'net-define', write(host, 'two', nat('two', 'virbr-one')))
    other = nat('two', 'virbr-two').replace('<name>', f'<uuid>{uuid}</uuid><name>')
    assert "network 'one' is already defined with uuid" in fails(host, 'net-define', write(host, 'two', other))
    assert "already exists with uuid" in fails(host, 'net-define', write(host, 'one', nat('one', 'virbr-one')))
    host.virsh('net-undefine', 'one')


def test_lists_and_filters(host):
    host.virsh('net-define', write(host, 'kept', nat('kept', 'virbr-k')))
    host.virsh('net-autostart', 'kept')
    with active(host, 'passing', nat('passing', 'virbr-p')):
        def names(*filters):
            return host.virsh('net-list', '--name', *filters).split()
        assert names() == ['passing'] and names('--all') == ['kept', 'passing'] and names('--inactive') == ['kept']
        assert names('--all', '--persistent') == ['kept'] and names('--all', '--transient') == ['passing']
        assert names('--all', '--autostart') == ['kept'] and names('--all', '--no-autostart') == ['passing']
        old = python_inside(host, 'import json, libvirt; c = libvirt.open(); print(json.dumps([c.listNetworks(), '
                                  'c.listDefinedNetworks(), c.numOfNetworks(), c.numOfDefinedNetworks()]))')
        assert old == [['passing'], ['kept'], 1, 1]
    assert host.virsh('net-list', '--all', '--name').split() == ['kept']
    host.virsh('net-autostart', 'kept', '--disable')
    host.virsh('net-undefine', 'kept')


def test_definitions_outlive_the_daemon(host):
    host.virsh('net-define', write(host, 'kept', nat('kept', 'virbr-k')))
    host.virsh('net-autostart', 'kept')
    before = host.virsh('net-dumpxml', 'kept')
    host.run('pkill', '-KILL', '-x', 'virtnetworkd')
    assert host.virsh('net-dumpxml', 'kept') == before
    assert 'Autostart:      yes' in host.virsh('net-info', 'kept')
    host.virsh('net-undefine', 'kept')
    host.run('pkill', '-KILL', '-x', 'virtnetworkd')
    assert host.virsh('net-list', '--all', '--name').split() == []


# --- life ---

EVENTS = '''
import json, libvirt, subprocess, sys
libvirt.virEventRegisterDefaultImpl()
conn = libvirt.open()
seen = []
conn.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, lambda c, n, event, detail, data: seen.append([n.name(), event]), None)
path = sys.argv[1]
net = conn.networkDefineXML(open(path).read())
net.create(); net.destroy(); net.undefine()
conn.networkCreateXML(open(path).read()).destroy()
while len(seen) < 6:
    libvirt.virEventRunDefaultImpl()
print(json.dumps(seen))
'''


def test_events(host):
    path = write(host, 'ev', nat('ev', 'virbr-ev'))
    done = host.run('/usr/bin/python3', '-c', EVENTS, path)
    assert json.loads(done.stdout) == [['ev', e] for e in (0, 2, 3, 1, 2, 3)]  # defined, started, stopped, undefined, started, stopped


def test_start_and_stop_leave_nothing(host):
    host.virsh('net-define', write(host, 'gone', nat('gone', 'virbr-g')))
    before = traces(host)
    for _ in range(3):
        host.virsh('net-start', 'gone')
        assert host.processes('dnsmasq') and 'virbr-g' in traces(host)['links']
        assert 'already active' in fails(host, 'net-start', 'gone')
        host.virsh('net-destroy', 'gone')
        assert 'not active' in fails(host, 'net-destroy', 'gone')
    after = traces(host)
    after['files'] -= {f for f in after['files'] if 'dnsmasq/' in f}  # configuration and leases wait for the next start
    assert after == before
    host.virsh('net-undefine', 'gone')
    assert not [f for f in traces(host)['files'] if 'gone' in f or 'virbr-g' in f]


def test_undefine_of_an_active_network(host):
    host.virsh('net-define', write(host, 'half', nat('half', 'virbr-h')))
    host.virsh('net-start', 'half')
    host.virsh('net-undefine', 'half')
    assert 'Persistent:     no' in host.virsh('net-info', 'half')
    host.virsh('net-destroy', 'half')
    assert 'Network not found' in fails(host, 'net-info', 'half')


def test_redefined_while_active(host):
    host.virsh('net-define', write(host, 'r', nat('r', 'virbr-r')))
    host.virsh('net-start', 'r')
    uuid = host.virsh('net-uuid', 'r').strip()
    host.virsh('net-define', write(host, 'r', nat('r', 'virbr-r', prefix='10.93.7').replace('<name>', f'<uuid>{uuid}</uuid><name>')))
    assert '10.91.1.1' in host.virsh('net-dumpxml', 'r') and '10.93.7.1' in host.virsh('net-dumpxml', 'r', '--inactive')
    host.virsh('net-destroy', 'r')
    assert '10.93.7.1' in host.virsh('net-dumpxml', 'r')
    host.virsh('net-undefine', 'r')


# --- what can't start ---

def test_a_subnet_in_use_is_refused(host):
    host.run('ip', 'link', 'add', 'uplink0', 'type', 'veth', 'peer', 'name', 'uplink1')
    host.run('ip', 'addr', 'add', '10.91.1.77/24', 'dev', 'uplink0')
    host.run('ip', 'link', 'set', 'uplink0', 'up')
    host.virsh('net-define', write(host, 'taken', nat('taken', 'virbr-t')))
    before = traces(host)
    error = fails(host, 'net-start', 'taken')
    assert '10.91.1.0/24' in error and 'uplink0' in error
    assert traces(host) == before
    host.run('ip', 'addr', 'flush', 'dev', 'uplink0')
    host.run('ip', 'link', 'set', 'uplink1', 'up')
    host.run('ip', 'addr', 'add', '10.200.0.1/24', 'dev', 'uplink0')
    host.run('ip', 'route', 'add', '10.91.1.128/25', 'via', '10.200.0.2')
    assert 'uplink0' in fails(host, 'net-start', 'taken')
    host.run('ip', 'route', 'del', '10.91.1.128/25')
    host.run('ip', 'route', 'add', '10.88.0.0/13', 'via', '10.200.0.2')  # a larger network elsewhere is no obstacle
    host.virsh('net-start', 'taken')
    host.virsh('net-destroy', 'taken')
    host.virsh('net-undefine', 'taken')
    host.run('ip', 'link', 'del', 'uplink0')


def test_an_interface_of_that_name_is_refused(host):
    host.run('ip', 'link', 'add', 'virbr-x', 'type', 'bridge')
    host.virsh('net-define', write(host, 'x', nat('x', 'virbr-x')))
    assert 'virbr-x' in fails(host, 'net-start', 'x')
    assert 'virbr-x' in traces(host)['links']  # it was there before
    host.run('ip', 'link', 'del', 'virbr-x')
    host.virsh('net-undefine', 'x')


def test_dnsmasq_that_refuses(host):
    """Port 53 of the address is another's: dnsmasq's own words reach the user, and nothing is left."""
    before = traces(host)
    xml = nat('refused', 'virbr-f').replace('<network>', "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>")
    xml = xml.replace('</network>', "<dnsmasq:options><dnsmasq:option value='no-such-option'/></dnsmasq:options></network>")
    error = fails(host, 'net-create', write(host, 'refused', xml))
    assert 'dnsmasq' in error and 'no-such-option' in error or 'bad option' in error
    assert traces(host) == before


# --- what it serves ---

def test_dhcp_and_dns(host):
    with active(host, 'serve', nat('serve', 'virbr-s')):
        station = Station(host, 'sta', 'virbr-s', mac='52:54:00:91:00:01')
        try:
            address = station.dhcp(hostname='walnut')
            assert address.startswith('10.91.1.')
            leases = host.virsh('net-dhcp-leases', 'serve')
            assert '52:54:00:91:00:01' in leases and f'{address}/24' in leases and 'walnut' in leases
            assert address in host.virsh('net-dhcp-leases', 'serve', '--mac', '52:54:00:91:00:01')
            assert address not in host.virsh('net-dhcp-leases', 'serve', '--mac', '52:54:00:91:00:02')
            assert address in station.run('busybox', 'nslookup', 'walnut', '10.91.1.1', check=False).stdout
            host.run('pkill', '-KILL', '-x', 'virtnetworkd')
            assert address in host.virsh('net-dhcp-leases', 'serve')
        finally:
            station.remove()


def test_dnsmasq_is_started_again(host):
    with active(host, 'again', nat('again', 'virbr-a')):
        station = Station(host, 'stb', 'virbr-a', mac='52:54:00:91:00:03')
        try:
            address = station.dhcp()
            first = host.processes('dnsmasq')
            host.run('pkill', '-KILL', '-x', 'dnsmasq')
            wait_until(lambda: (now := host.processes('dnsmasq')) and not set(now) & set(first), 'dnsmasq runs again')
            assert station.dhcp() == address  # it was given its leases back
        finally:
            station.remove()


def test_update_of_a_host_entry(host):
    host.virsh('net-define', write(host, 'u', nat('u', 'virbr-u')))
    host.virsh('net-start', 'u')
    station = Station(host, 'stc', 'virbr-u', mac='52:54:00:91:00:04')
    try:
        pids = host.processes('dnsmasq')
        entry = "<host mac='52:54:00:91:00:04' name='fixed' ip='10.91.1.200'/>"
        host.virsh('net-update', 'u', 'add-last', 'ip-dhcp-host', entry, '--live', '--config')
        assert host.processes('dnsmasq') == pids  # told, not restarted
        assert wait_until(lambda: station.dhcp() == '10.91.1.200', 'the fixed address is given')
        assert 'fixed' in host.virsh('net-dumpxml', 'u') and 'fixed' in host.virsh('net-dumpxml', 'u', '--inactive')
        record = "<host ip='10.91.1.50'><hostname>elsewhere</hostname></host>"
        host.virsh('net-update', 'u', 'add-last', 'dns-host', record, '--live')
        wait_until(lambda: '10.91.1.50' in station.run('busybox', 'nslookup', 'elsewhere', '10.91.1.1', check=False).stdout, 'the record is served')
        assert host.processes('dnsmasq') == pids
        host.virsh('net-update', 'u', 'delete', 'dns-host', record, '--live')
        wait_until(lambda: '10.91.1.50' not in station.run('busybox', 'nslookup', 'elsewhere', '10.91.1.1', check=False).stdout, 'the record is gone')
    finally:
        station.remove()
        host.virsh('net-destroy', 'u')
        host.virsh('net-undefine', 'u')


def test_a_host_entry_taken_out_is_forgotten(host):
    """Its lease and the name go with it, at once, not when the lease expires."""
    host.virsh('net-define', write(host, 'v', nat('v', 'virbr-v')))
    host.virsh('net-start', 'v')
    entry = "<host mac='52:54:00:91:00:05' name='leaving' ip='10.91.1.201'/>"
    host.virsh('net-update', 'v', 'add-last', 'ip-dhcp-host', entry, '--live', '--config')
    leaving, staying = Station(host, 'std', 'virbr-v', mac='52:54:00:91:00:05'), Station(host, 'ste', 'virbr-v', mac='52:54:00:91:00:06')

    def known(name):
        return 'Name:' in leaving.run('busybox', 'nslookup', name, '10.91.1.1', check=False).stdout
    try:
        assert leaving.dhcp('leaving') == '10.91.1.201'
        other = staying.dhcp('staying')
        assert known('leaving') and known('staying')
        host.virsh('net-update', 'v', 'delete', 'ip-dhcp-host', entry, '--live', '--config')
        wait_until(lambda: not known('leaving'), 'the name is gone')
        leases = host.virsh('net-dhcp-leases', 'v')
        assert '10.91.1.201' not in leases and other in leases and known('staying')
    finally:
        leaving.remove()
        staying.remove()
        host.virsh('net-destroy', 'v')
        host.virsh('net-undefine', 'v')


def test_metadata(host):
    host.virsh('net-define', write(host, 'm', nat('m', 'virbr-m')))
    code = '''
import json, libvirt
net = libvirt.open().networkLookupByName('m')
net.setMetadata(libvirt.VIR_NETWORK_METADATA_TITLE, 'a title', None, None)
net.setMetadata(libvirt.VIR_NETWORK_METADATA_ELEMENT, "<x at='1'/>", 'k', 'http://example.org/k')
print(json.dumps([net.metadata(libvirt.VIR_NETWORK_METADATA_TITLE, None), net.metadata(libvirt.VIR_NETWORK_METADATA_ELEMENT, 'http://example.org/k')]))
'''
    if 'networkSetMetadata' not in host.run('/usr/bin/python3', '-c', 'import libvirtmod; print(dir(libvirtmod))').stdout:
        host.virsh('net-undefine', 'm')
        pytest.skip('this python3-libvirt does not know metadata of networks (9.7 does)')
    title, element = python_inside(host, code)
    assert title == 'a title' and 'at=' in element
    assert 'a title' in host.virsh('net-dumpxml', 'm')
    host.virsh('net-undefine', 'm')


def test_hook_script(host):
    """The administrator's script is told of each step, with the network on its standard input, and may refuse a start."""
    hooks = host.root / 'etc/libvirt/hooks'
    hooks.mkdir(parents=True, exist_ok=True)
    script = hooks / 'network'
    told = host.root / 'told'
    script.write_text(f'#!/bin/sh\necho "$@ $(grep -c "<network" -)" >>{told}\n[ ! -e {host.root}/refuse ] || {{ echo not today >&2; exit 1; }}\n')
    script.chmod(0o755)
    try:
        with active(host, 'hooked', nat('hooked', 'virbr-h')):
            pass
        assert told.read_text().splitlines() == ['hooked start begin - 1', 'hooked started begin - 1', 'hooked stopped end - 1']
        (host.root / 'refuse').touch()
        before = traces(host)
        assert 'not today' in fails(host, 'net-create', write(host, 'hooked', nat('hooked', 'virbr-h')))
        assert traces(host) == before
    finally:
        script.unlink()


# --- what others do ---

def log_of(host):
    return (host.root / 'var/log/libvirt/virtnetworkd.log').read_text()


def tables(host):
    """The rules, whatever the order of their tables."""
    return sorted(t.removeprefix('table ').strip() for t in host.run('nft', 'list', 'ruleset').stdout.split('\ntable '))


def test_flushed_rules_are_mended(host):
    with active(host, 'fl', nat('fl', 'virbr-fl')):
        before = tables(host)
        assert 'virbr-fl' in str(before)
        for flush in (['flush', 'ruleset'], ['delete', 'table', 'ip', 'virtd_network'], ['flush', 'chain', 'ip', 'virtd_network', 'to_virbr-fl']):
            host.run('nft', *flush)
            wait_until(lambda: tables(host) == before, 'the rules are as before')


def test_foreign_rules_are_named(host):
    host.run('nft', 'add', 'table', 'ip', 'docker')
    host.run('nft', 'add', 'chain', 'ip', 'docker', 'FORWARD', '{ type filter hook forward priority 0 ; policy drop ; }')
    try:
        with active(host, 'fo', nat('fo', 'virbr-fo')):
            wait_until(lambda: "chain 'FORWARD' in table 'ip docker'" in log_of(host), 'the warning names the chain')
            host.run('nft', 'add', 'table', 'inet', 'strict')
            host.run('nft', 'add', 'chain', 'inet', 'strict', 'IN', '{ type filter hook input priority 10 ; }')
            host.run('nft', 'add', 'rule', 'inet', 'strict', 'IN', 'iifname', 'virbr-fo', 'reject')
            wait_until(lambda: "chain 'IN' in table 'inet strict'" in log_of(host), 'the warning names the rule that came later')
    finally:
        host.run('nft', 'flush', 'ruleset')


def test_a_bridge_taken_away(host):
    with active(host, 'ta', nat('ta', 'virbr-ta')):
        host.run('ip', 'link', 'del', 'virbr-ta')
        wait_until(lambda: host.virsh('net-list', '--name').split() == [], 'the network is inactive')
    wait_until(lambda: not host.processes('dnsmasq'), 'its dnsmasq is gone')


# --- the network of the package ---

def test_the_network_of_the_package(host):
    """Put in place by the installation, it takes another subnet when the host is in its own, is the same for ever after, and once
    removed stays so."""
    def forget_daemon():
        host.run('pkill', '-TERM', '-x', 'virtnetworkd', check=False)
        wait_until(lambda: not host.daemon_pid('virtnetworkd'), 'the daemon is gone')
    networks = host.root / 'etc/libvirt/qemu/networks'
    forget_daemon()
    host.run('ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1')
    host.run('ip', 'addr', 'add', '192.168.122.9/24', 'dev', 'lan0')
    host.run('ip', 'link', 'set', 'lan0', 'up')
    (networks / 'default.xml').write_text((SOURCE / 'units/default-network.xml').read_text())
    (networks / 'autostart/default.xml').symlink_to(networks / 'default.xml')
    try:
        assert 'default' in host.virsh('net-list', '--all', '--name')
        wait_until(lambda: '<uuid>' in (networks / 'default.xml').read_text(), 'the definition is settled')
        xml = host.virsh('net-dumpxml', 'default')
        assert re.search(r"address='192\.168\.(\d+)\.1'", xml).group(1) != '122' and re.search(r"start='192\.168\.(\d+)\.2'", xml).group(1) != '122'
        assert 'Autostart:      yes' in host.virsh('net-info', 'default')
        forget_daemon()
        assert host.virsh('net-dumpxml', 'default') == xml
        host.virsh('net-start', 'default')
        host.virsh('net-destroy', 'default')
        host.virsh('net-undefine', 'default')
        forget_daemon()
        assert 'default' not in host.virsh('net-list', '--all', '--name')
        done = host.run(str(SOURCE / 'units/install-default-network'), str(SOURCE / 'units/default-network.xml'), str(networks))
        assert done.returncode == 0 and not (networks / 'default.xml').exists()
    finally:
        host.run('ip', 'link', 'del', 'lan0')
