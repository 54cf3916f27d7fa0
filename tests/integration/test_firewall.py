"""virtnetworkd's firewall against the real kernel: packets between namespaces show what each forward mode lets through, nft shows
that nothing is written twice, that others' tables are left alone and that what others break is mended."""
import os
import re
import subprocess

import pytest

import harness
from namespaces import Namespace, wire

FWCTL = harness.BUILD / 'tests' / 'firewall' / 'fwctl'
PROTOCOLS = ['tcp', 'udp', 'icmp']
ADDRESS = {  # node: (IPv4, IPv6)
    'a1': ('10.1.0.11', 'fd01::11'), 'a2': ('10.1.0.12', 'fd01::12'), 'b1': ('10.2.0.11', 'fd02::11'),
    'out': ('10.9.0.2', 'fd09::2'), 'far': ('10.8.0.2', 'fd08::2'),
}
HOST_SIDE = {'a': ('10.1.0.1', 'fd01::1'), 'b': ('10.2.0.1', 'fd02::1'), 'out': ('10.9.0.1', 'fd09::1'), 'far': ('10.8.0.1', 'fd08::1')}
NETWORK_A = 'name=A,bridge=virbr-a,subnet=10.1.0.0/24,subnet=fd01::/64,dhcp4,dhcp6,dns'
NETWORK_B = 'name=B,bridge=virbr-b,subnet=10.2.0.0/24,subnet=fd02::/64'

pytestmark = [pytest.mark.skipif(os.getuid() != 0, reason='network namespaces are made as root'),
              pytest.mark.skipif(not FWCTL.exists(), reason='fwctl is not built')]


class Fwctl:
    """The firewall in a namespace; each command gives (answer, warnings)."""
    took = ''

    def __init__(self, namespace, **options):
        self.process = namespace.spawn(str(FWCTL), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)

    def __call__(self, *words):
        self.process.stdin.write(' '.join(words) + '\n')
        self.process.stdin.flush()
        warnings = []
        while True:
            word, _, rest = self.process.stdout.readline().rstrip('\n').partition(' ')
            assert word, 'fwctl ended'
            if word != 'warning':
                assert word != 'error', rest
                self.took = rest
                return word, warnings
            warnings.append(rest)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=harness.DEADLINE) == 0


class World:
    """Guests a1 and a2 on one bridge, b1 on another, two places outside, and the host between them."""

    def __init__(self):
        self.host = Namespace()
        self.nodes = {name: Namespace() for name in ADDRESS}
        self.host.write('ipv4/ip_forward', '1')
        self.host.write('ipv6/conf/all/forwarding', '1')
        for bridge in 'a', 'b':
            self.host.run(f'ip link add virbr-{bridge} type bridge', f'ip link set virbr-{bridge} up')
            self.address(self.host, f'virbr-{bridge}', *HOST_SIDE[bridge])
        for name, node in self.nodes.items():
            wire(self.host, f'up-{name}', node, 'eth0')
            self.address(node, 'eth0', *ADDRESS[name])
            side = HOST_SIDE.get(name) or HOST_SIDE[name[0]]
            if name in HOST_SIDE:
                self.address(self.host, f'up-{name}', *side)
            else:
                self.host.run(f'ip link set up-{name} master virbr-{name[0]}')
            node.run(f'ip route add default via {side[0]}', f'ip -6 route add default via {side[1]}')
            node.serve()
        self.host.serve()
        self.fw = Fwctl(self.host)

    @staticmethod
    def address(node, interface, v4, v6):
        node.run(f'ip addr add {v4}/24 dev {interface}', f'ip addr add {v6}/64 dev {interface} nodad')

    def reached(self, source, target, family, protocol):
        addresses = ADDRESS.get(target) or HOST_SIDE[target]
        return self.nodes[source].reaches(protocol, addresses[family])

    def end(self):
        self.fw.end()
        for node in [self.host, *self.nodes.values()]:
            node.end()


@pytest.fixture(scope='module')
def world():
    made = World()
    yield made
    made.end()


@pytest.fixture(autouse=True)
def without_rules(world):
    yield
    world.fw('sync')
    assert 'virtd_network' not in world.host.run('nft list ruleset')
    world.host.run('nft flush ruleset')


# mode, and where packets get through: (from, to). 'a' is the host's address on the bridge of a1 and a2.
GUESTS_AND_HOST = {('a1', 'a2'), ('a1', 'a'), ('b1', 'b')}
MATRIX = {
    'isolated': GUESTS_AND_HOST,
    'nat': GUESTS_AND_HOST | {('a1', 'out'), ('a1', 'far')},
    'route': GUESTS_AND_HOST | {('a1', 'out'), ('a1', 'far'), ('out', 'a1'), ('far', 'a1')},
    'open': GUESTS_AND_HOST | {('a1', 'out'), ('a1', 'far'), ('out', 'a1'), ('far', 'a1')},
    'nat,dev=up-out': GUESTS_AND_HOST | {('a1', 'out')},
    'route,dev=up-out': GUESTS_AND_HOST | {('a1', 'out'), ('out', 'a1')},
}
PAIRS = [('a1', 'a2'), ('a1', 'a'), ('b1', 'b'), ('a1', 'out'), ('a1', 'far'), ('out', 'a1'), ('far', 'a1'), ('a1', 'b1'), ('b1', 'a1')]


@pytest.mark.parametrize('family', [0, 1], ids=['ipv4', 'ipv6'])
@pytest.mark.parametrize('mode', MATRIX)
def test_who_reaches_whom(world, mode, family):
    """Network B is isolated: nothing passes between it and A, whatever A is."""
    answer, warnings = world.fw('sync', f'{NETWORK_A},natv6,mode={mode}', f'{NETWORK_B},mode=isolated')
    assert (answer, warnings) == ('changed', [])
    found = {(source, target, protocol) for source, target in PAIRS for protocol in PROTOCOLS
             if world.reached(source, target, family, protocol)}
    expected = {(source, target, protocol) for source, target in MATRIX[mode] for protocol in PROTOCOLS}
    assert found == expected


@pytest.mark.parametrize('family', [0, 1], ids=['ipv4', 'ipv6'])
def test_between_networks(world, family):
    """A routed network is reached from a translated one, and not the other way round."""
    world.fw('sync', f'{NETWORK_A},natv6,mode=nat', f'{NETWORK_B},mode=route')
    for protocol in PROTOCOLS:
        assert world.reached('a1', 'b1', family, protocol)
        assert not world.reached('b1', 'a1', family, protocol)


@pytest.mark.parametrize('family', [0, 1], ids=['ipv4', 'ipv6'])
def test_translation(world, family):
    """Outside sees the host; a routed network's guests show themselves; IPv6 is translated only when asked for."""
    host, guest = HOST_SIDE['out'][family], ADDRESS['a1'][family]
    seen = {}
    for plan in 'mode=nat,natv6', 'mode=nat', 'mode=route':
        world.fw('sync', f'{NETWORK_A},{plan}')
        seen[plan] = {world.reached('a1', 'out', family, protocol).split()[0] for protocol in ('tcp', 'udp')}
    assert seen == {'mode=nat,natv6': {host}, 'mode=nat': {guest if family else host}, 'mode=route': {guest}}


def test_addresses_and_ports_to_translate_to(world):
    world.host.run('ip addr add 10.9.0.50/24 dev up-out', 'ip addr add 10.9.0.51/24 dev up-out')
    world.fw('sync', f'{NETWORK_A},mode=nat,range=10.9.0.50-10.9.0.51,ports=5000-5009')
    for protocol in 'tcp', 'udp':
        address, port = world.reached('a1', 'out', 0, protocol).split()
        assert address in ('10.9.0.50', '10.9.0.51') and 5000 <= int(port) <= 5009
    assert world.reached('a1', 'out', 0, 'icmp')


def generation(world):
    """The number the kernel gives each state of the rules: nft's own JSON does not tell it."""
    return world.host.call(_generation)


def _generation():
    import socket
    import struct
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
        s.send(struct.pack('=IHHIIBBH', 20, (10 << 8) | 16, 1, 1, 0, 0, 0, 0))
        return struct.unpack('!I', s.recv(4096)[24:28])[0]


def test_nothing_is_written_twice(world):
    plans = [f'{NETWORK_A},mode=nat,natv6', f'{NETWORK_B},mode=route']
    assert world.fw('sync', *plans)[0] == 'changed'
    before = generation(world)
    assert world.fw('sync', *plans)[0] == 'kept'
    assert world.fw('add', plans[1])[0] == 'kept'
    other = Fwctl(world.host)  # a restarted daemon, which knows nothing
    assert other('sync', *reversed(plans))[0] == 'kept'
    other.end()
    assert generation(world) == before


def test_one_network_leaves_the_others_alone(world):
    listed = 'nft -a list chain ip virtd_network from_virbr-b'
    world.fw('sync', f'{NETWORK_B},mode=route')
    before = world.host.run(listed)
    assert world.fw('add', f'{NETWORK_A},mode=nat')[0] == 'changed'
    assert world.host.run(listed) == before
    assert world.fw('add', f'{NETWORK_A},mode=isolated')[0] == 'changed'
    assert not world.reached('a1', 'out', 0, 'tcp')
    assert 'nat_virbr-a' not in world.host.run('nft list ruleset')
    assert world.fw('remove', 'virbr-a')[0] == 'changed'
    assert world.host.run(listed) == before
    assert 'virbr-a' not in world.host.run('nft list ruleset')
    assert world.fw('remove', 'virbr-a')[0] == 'kept'
    assert world.fw('remove', 'virbr-b')[0] == 'changed'
    assert world.host.run('nft list ruleset') == ''


def our_tables(world):
    return [world.host.run(f'nft -s list table {family} virtd_network', check=False) for family in ('ip', 'ip6')]


DAMAGE = {
    'everything flushed': 'flush ruleset',
    'a rule deleted': 'flush chain ip virtd_network to_virbr-a',
    'a rule added': 'add rule ip6 virtd_network from_virbr-a counter drop',
    'a base chain gone': 'delete table ip virtd_network; add table ip virtd_network',
    'a policy changed': 'add chain ip virtd_network guest_forward { policy drop; }',
    'an entry deleted': 'delete element ip virtd_network from { "virbr-a" }',
    'an entry misled': 'delete element ip virtd_network to { "virbr-a" }; '
                       'add element ip virtd_network to { "virbr-a" : jump from_virbr-a }',
    'put to sleep': 'add table ip virtd_network { flags dormant; }',
    'a leftover network': 'add chain ip virtd_network from_virbr9; add element ip virtd_network from { "virbr9" : jump from_virbr9 }',
    'held by a rule of somebody else': 'add chain ip virtd_network from_virbr9; add chain ip virtd_network mine; '
                                       'add rule ip virtd_network mine jump from_virbr9',
}


@pytest.mark.parametrize('what', DAMAGE)
def test_damage_is_mended(world, what):
    world.fw('sync', f'{NETWORK_A},mode=nat')
    whole = our_tables(world)
    world.host.run(f"nft '{DAMAGE[what]}'")
    assert our_tables(world) != whole
    assert world.fw('sync', f'{NETWORK_A},mode=nat')[0] == 'changed'
    assert our_tables(world) == whole
    assert world.reached('a1', 'out', 0, 'tcp')


def test_others_tables_are_left_alone(world):
    world.host.run('nft add table inet other', 'nft add chain inet other c', 'nft add rule inet other c counter')
    before = world.host.run('nft -s list table inet other')
    world.fw('sync', f'{NETWORK_A},mode=nat')
    world.fw('sync')
    assert world.host.run('nft -s list ruleset') == before


NAT = f'{NETWORK_A},mode=nat,natv6'
GUESTS_OUT = "network 'A': packets of its guests to the outside are stopped by "
DOCKER = 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; %s jump DOCKER; ' \
         'ct state established,related accept; oifname "docker0" accept; iifname "docker0" accept; } ' \
         'chain DOCKER { iifname "docker0" return; oifname "docker0" drop; } }'
FIREWALLD = 'table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; policy accept; ' \
            'ct state established,related accept; ct status dnat accept; iifname "lo" accept; ct state invalid drop; ' \
            'jump zones; reject with icmpx admin-prohibited; } ' \
            'chain zones { iifname "eth7" goto public; %s } chain public { tcp dport 22 accept; } chain libvirt { accept; } }'
FOREIGN = {
    'docker': (DOCKER % '', [GUESTS_OUT + "the policy 'drop' of chain 'FORWARD' in table 'ip filter'"]),
    'docker, and us': (DOCKER % 'iifname "virbr-a" accept;', []),
    'docker, and us by wildcard': (DOCKER % 'iifname "virbr*" tcp dport 1-65535 accept;', []),
    'docker, and us by a set': (DOCKER % 'iifname { "eth1", "virbr-a" } accept;', []),
    'docker, and others by a set': (DOCKER % 'iifname { "eth1", "virbr-b" } accept;',
                                    [GUESTS_OUT + "the policy 'drop' of chain 'FORWARD' in table 'ip filter'"]),
    'docker, and us by address': (DOCKER % 'ip saddr 10.0.0.0/8 accept;', []),
    'docker, and others by address': (DOCKER % 'ip saddr 10.3.0.0/24 accept;',
                                      [GUESTS_OUT + "the policy 'drop' of chain 'FORWARD' in table 'ip filter'"]),
    'firewalld': (FIREWALLD % '', [GUESTS_OUT + "rule N ('reject') of chain 'filter_FORWARD' in table 'inet firewalld'"]),
    'firewalld, in a zone': (FIREWALLD % 'iifname "virbr-a" goto libvirt;', []),
    'firewalld, in a zone by a map': (FIREWALLD % 'iifname vmap { "virbr-a" : goto libvirt, "eth8" : goto public };', []),
    'named': ('table ip6 mine { chain c { type filter hook forward priority 0; counter iifname "virbr-a" ip6 saddr fd00::/8 drop; } }',
              [GUESTS_OUT + "rule N ('drop') of chain 'c' in table 'ip6 mine'"]),
    'others named': ('table ip mine { chain c { type filter hook forward priority 0; iifname "virbr-b" drop; '
                     'iifname != "virbr-a" drop; ip daddr 1.2.3.4 drop; tcp dport 25 reject; limit rate 1/second drop; } }', []),
    'services': ('table inet mine { chain c { type filter hook input priority 0; policy drop; iifname "lo" accept; '
                 'udp dport { 53, 5353 } accept; } }',
                 [f"network 'A': its guests' requests for addresses ({name}) are stopped by the policy 'drop' of chain 'c' in table "
                  "'inet mine'" for name in ('DHCP',)]),
    'our own': ('table inet mine { chain c { type filter hook output priority 0; policy accept; } }', []),
}


@pytest.mark.parametrize('what', FOREIGN)
def test_foreign_rules_are_named(world, what):
    rules, expected = FOREIGN[what]
    world.fw('sync', NAT)
    lines = re.sub(r'} (chain|}$)', r'}\n\1', rules)  # nft wants chains to end with their line
    world.host.run(f"nft -f - <<'END'\n{lines}\nEND")
    _, warnings = world.fw('foreign', NAT)
    assert [re.sub(r'rule \d+', 'rule N', text) for text in warnings] == expected
    for handle in re.findall(r'rule (\d+) ', ' '.join(warnings)):
        assert f'# handle {handle}\n' in world.host.run('nft -a list ruleset')


# As the two kinds of libvirt leave them: with a table of its own, and with chains in the tables of iptables.
LIBVIRTS = '''
table ip libvirt_network {{ chain guest_output {{ oifname "virbr-a" reject; }}; chain forward {{ type filter hook forward priority 0; jump guest_output; }}; }}
table ip6 libvirt_network {{ chain guest_output {{ oifname "virbr-a" reject; }}; }}
table ip filter {{ chain LIBVIRT_FWI {{ {rule} }}; chain FORWARD {{ type filter hook forward priority 0; jump LIBVIRT_FWI; ip saddr 192.0.2.1 drop; }}; }}
table ip nat {{ chain LIBVIRT_PRT {{ {translate} }}; }}
table ip other {{ chain guest_output {{ oifname "virbr-a" counter; }}; }}
'''


def test_what_libvirt_left_goes(world):
    """Its table, the rules in its chains; not the chains, which others' rules lead to, and nothing of others."""
    left = LIBVIRTS.format(rule='oifname "virbr-a" reject;', translate='ip saddr 10.1.0.0/24 masquerade;')
    world.host.run(f"nft -f - <<'END'\n{left}\nEND")
    world.fw('sync', f'{NETWORK_A},mode=route')
    ours = world.host.run('nft list table ip virtd_network')
    assert world.fw('drop-libvirt')[0] == 'changed'
    assert 'libvirt_network' not in world.host.run('nft list tables')
    assert 'masquerade' not in world.host.run('nft list table ip nat')
    chains = world.host.run('nft list table ip filter')
    assert 'reject' not in chains and 'jump LIBVIRT_FWI' in chains and 'ip saddr 192.0.2.1 drop' in chains
    assert 'counter' in world.host.run('nft list table ip other')
    assert world.host.run('nft list table ip virtd_network') == ours
    assert world.fw('sync', f'{NETWORK_A},mode=route')[0] == 'kept'


def test_changes_of_others_are_noticed(world):
    """Ours are not: a repair must not cause the next one."""
    world.fw('watch')
    world.fw('sync', NAT)
    world.fw('add', f'{NETWORK_B},mode=route')
    world.host.run('nft add table ip other')
    assert world.fw('await')[1] == [' foreign']
    world.host.run('nft flush ruleset')
    assert world.fw('await')[1] == ['ours foreign']
    assert world.fw('sync', NAT)[0] == 'changed'
    assert world.reached('a1', 'out', 0, 'tcp')
    world.host.run('nft delete element ip virtd_network from { \\"virbr-a\\" }')
    assert world.fw('await')[1] == ['ours']
    assert world.fw('sync', NAT)[0] == 'changed'
    world.host.run('nft add table ip other')
    assert world.fw('await')[1] == [' foreign']


def test_two_hundred_networks(world, capsys):
    plans = [f'name=net{i},bridge=virbr{i},mode=nat,subnet=10.{i}.0.0/24,subnet=fd00:{i:x}::/64,dhcp4,dns,tftp' for i in range(200)]
    took = {}

    def timed(what, *words):
        answer = world.fw(*words)[0]
        took[what] = world.fw.took
        return answer

    assert timed('start all', 'sync', *plans) == 'changed'
    assert world.host.run('nft list chain ip virtd_network guest_forward').count('vmap') == 2, 'a packet walks more than one network'
    assert timed('nothing to do', 'sync', *plans) == 'kept'
    assert timed('one more', 'add', f'{NETWORK_A},mode=nat') == 'changed'
    assert world.reached('a1', 'out', 0, 'tcp')
    assert timed('one less', 'remove', 'virbr7') == 'changed'
    world.host.run('nft flush ruleset')
    assert timed('mend after a flush', 'sync', *plans) == 'changed'
    other = Fwctl(world.host)
    assert other('sync', *plans)[0] == 'kept'
    took['read all after a restart'] = other.took
    other.end()
    with capsys.disabled():
        print('\n200 networks:', ', '.join(f'{what} {time}' for what, time in took.items()))
