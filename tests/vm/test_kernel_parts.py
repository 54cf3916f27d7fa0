"""What a distribution's kernel can do and the test machine's may not (policing, VLANs on bridges, loading modules as they are needed),
and what is said when a part of the kernel is missing: the same programs, where we choose which modules there are."""
import re
from pathlib import Path

import host
import pytest

NETWORK = 'name=default,bridge=virbr0,mode=nat,subnet=192.168.122.0/24,subnet=fd00::/64,natv6,dhcp4,dns'
REJECTS = ['nft_reject_inet', 'nft_reject_ipv4', 'nft_reject_ipv6', 'nft_reject']
FORBIDDEN = Path('/etc/modprobe.d/virtd-vm-without.conf')


def unload(module):
    """Remove a module, and before it those that hold on to it."""
    place = Path('/sys/module') / module
    for holder in list((place / 'holders').glob('*')) if place.exists() else []:
        unload(holder.name)
    host.wait_until(lambda: not place.exists() or host.run('rmmod', module, check=False).returncode == 0, f'{module} is unloaded')


@pytest.fixture
def without():
    """Modules that cannot be loaded during the test."""
    def forbid(*modules):
        host.run('nft', 'flush', 'ruleset', check=False)
        FORBIDDEN.write_text(''.join(f'install {module} /bin/false\n' for module in modules))
        for module in modules:
            unload(module)
    yield forbid
    FORBIDDEN.unlink(missing_ok=True)
    host.run('nft', 'flush', 'ruleset', check=False)


def program(name, **options):
    done = host.run(host.PROGRAMS / name, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def firewall():
    """What is said when a network's rules are made, twice, and what the kernel has then."""
    _, said = program('fwctl', stdin=f'sync {NETWORK}\nsync {NETWORK}\n')
    return said, host.output('nft', 'list', 'ruleset', check=False)


def test_netlink():
    status, said = program('test_netlink')
    assert status == 0 and 'SKIPPED' not in said and 'cannot have VLANs' not in said, said


def test_limits():
    status, said = program('test_qos')
    assert status == 0 and 'what is received is policed here' in said, said


def test_firewall():
    said, rules = firewall()
    assert re.search(r'^changed.*\nkept', said), said
    assert rules.count('masquerade') == 6


def test_firewall_parts_missing(without):
    """Each is one warning, and the rest works."""
    without(*REJECTS, 'nft_masq', 'nft_ct')
    said, rules = firewall()
    first = said.partition('changed')[0]
    for part in 'CONFIG_NFT_MASQ', 'CONFIG_NFT_CT', 'CONFIG_NFT_REJECT':
        assert first.count(part) == 1, said
    assert first.count('warning') == 3
    assert 'drop comment "default"' in rules and 'reject' not in rules


def test_no_translation(without):
    without('nft_chain_nat')
    said, rules = firewall()
    assert said.partition('changed')[0].count('warning') == 1 and 'CONFIG_NFT_NAT' in said, said
    assert 'guest_nat' not in rules and 'guest_forward' in rules


def test_no_packet_filter(without):
    without('nf_tables')
    said, _ = firewall()
    assert said.startswith('error this kernel has no nftables (CONFIG_NF_TABLES)'), said


@pytest.mark.parametrize('modules, text', [(['sch_htb'], 'CONFIG_NET_SCH_HTB'), (['act_police'], 'what is received is shaped here'),
                                           (['act_police', 'ifb'], 'CONFIG_NET_ACT_POLICE'), (['sch_ingress'], 'CONFIG_NET_SCH_INGRESS')],
                         ids=lambda value: '+'.join(value) if isinstance(value, list) else None)
def test_limits_parts_missing(without, modules, text):
    """What is received is shaped on a device of its own instead of policed, if there are such; else it is not limited, with a warning."""
    without(*modules)
    _, said = program('test_qos')
    assert text in said and '[  FAILED  ]' not in said, said
