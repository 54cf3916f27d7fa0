"""What a distribution's kernel can do and the test machine's may not (policing, VLANs on bridges, loading modules as they are
needed), and what is said when a part of the kernel is missing: the same programs, in a virtual machine whose modules we choose."""
import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import harness

# Programs of the build and of the system, with the libraries they need. A real shell: busybox prefers its own `ip`.
OURS = ['tests/unit/test_netlink', 'tests/unit/test_qos', 'tests/firewall/fwctl']
TOOLS = ['ip', 'tc', 'bridge', 'nft', 'yes', 'head', 'sed', 'dash']
APPLETS = ['mount', 'umount', 'rm', 'rmdir', 'find', 'modprobe', 'poweroff', 'cat', 'echo', 'mkdir']
MODULE_FOLDERS = ['net', 'lib', 'crypto', 'drivers/net']
NETWORK = 'name=default,bridge=virbr0,mode=nat,subnet=192.168.122.0/24,subnet=fd00::/64,natv6,dhcp4,dns'
INIT = f'''#!/bin/sh
export PATH=/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /tmp; mount -t tmpfs r /run
for m in $(sed 's/.*without=\\([^ ]*\\).*/\\1/; s/,/ /g' /proc/cmdline); do find /lib/modules -name "$m.ko*" -exec rm {{}} \\; ; done
for m in tun veth bridge; do modprobe $m; done
echo
for t in netlink qos; do echo "== test_$t"; test_$t 2>&1; echo "== ended with $?"; done
echo "== firewall"
(echo "sync {NETWORK}"; echo "sync {NETWORK}") | fwctl 2>&1
nft list ruleset
echo "== end"
poweroff -f
'''

pytestmark = [pytest.mark.skipif(not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/sbin'), reason=f'there is no {tool} here')
              for tool in ['qemu-system-x86_64', 'busybox', 'cpio', *TOOLS]]


def kernel_package():
    """The kernel of the tests' guests, with all its modules."""
    if subprocess.run([harness.SOURCE / 'tests/guest/build'], capture_output=True).returncode != 0:
        pytest.skip('no kernel to be had for a guest')
    cache = Path(os.environ.get('VIRTD_CACHE') or Path.home() / '.cache' / 'virtd')
    found = sorted((cache / 'packages').glob('linux-image-[0-9]*-cloud-amd64.d'))
    return found[-1] if found else pytest.skip('the kernel of the guests is not in the cache')


def install(root, program, name):
    shutil.copy(os.path.realpath(program), root / 'bin' / name)
    for library in re.findall(r'(/\S+) \(0x', subprocess.run(['ldd', program], capture_output=True, text=True).stdout):
        target = root / library.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)


@pytest.fixture(scope='module')
def machine(tmp_path_factory):
    """(kernel, initrd) of a machine that runs INIT."""
    if any(not (harness.BUILD / path).exists() for path in OURS):
        pytest.skip('not all programs are built')
    package = kernel_package()
    root = tmp_path_factory.mktemp('machine') / 'root'
    for folder in 'bin', 'sbin', 'dev', 'proc', 'sys', 'tmp', 'run', 'etc':
        (root / folder).mkdir(parents=True)
    shutil.copy(shutil.which('busybox'), root / 'bin' / 'busybox')
    for applet in APPLETS:
        (root / 'bin' / applet).symlink_to('busybox')
    (root / 'sbin' / 'modprobe').symlink_to('../bin/busybox')
    for path in OURS:
        install(root, harness.BUILD / path, Path(path).name)
    for tool in TOOLS:
        install(root, shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/sbin'), tool)
    (root / 'bin' / 'sh').symlink_to('dash')
    modules = next((package / 'lib/modules').iterdir())
    for folder in MODULE_FOLDERS:
        if (modules / 'kernel' / folder).exists():
            shutil.copytree(modules / 'kernel' / folder, root / 'lib/modules' / modules.name / 'kernel' / folder)
    for listing in modules.glob('modules.*'):
        shutil.copy(listing, root / 'lib/modules' / modules.name)
    subprocess.run(['busybox', 'depmod', '-b', root, modules.name], check=True)
    (root / 'init').write_text(INIT)
    (root / 'init').chmod(0o755)
    names = subprocess.run(['find', '.'], cwd=root, capture_output=True, check=True).stdout
    archive = subprocess.run(['cpio', '--quiet', '-o', '-H', 'newc'], cwd=root, input=names, capture_output=True, check=True).stdout
    initrd = root.parent / 'initrd'
    initrd.write_bytes(gzip.compress(archive, 1))
    shutil.rmtree(root)
    return next((package / 'boot').glob('vmlinuz-*')), initrd


def boot(machine, without=''):
    """What the machine says, by the headings of INIT."""
    kernel, initrd = machine
    done = subprocess.run(['qemu-system-x86_64', '-m', '640', '-nographic', '-no-reboot', '-accel', 'tcg', '-nic', 'none', '-kernel', kernel,
                           '-initrd', initrd, '-append', f'console=ttyS0 quiet panic=-1 without={without}'],
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=10 * harness.DEADLINE)
    text = done.stdout.decode(errors='replace').replace('\r', '')
    assert '== end' in text, text
    return dict(re.findall(r'^== (test_netlink|test_qos|firewall)\n(.*?)(?=^== )', text, re.M | re.S)), text


def test_everything_there(machine):
    said, text = boot(machine)
    assert re.findall('== ended with (.*)', text) == ['0', '0'], text
    assert 'what is received is policed here' in said['test_qos']
    assert 'SKIPPED' not in said['test_netlink'] + said['test_qos'], text
    assert 'cannot have VLANs' not in said['test_netlink']
    assert re.match(r'changed.*\nkept', said['firewall']), said['firewall']
    assert said['firewall'].count('masquerade') == 6


def test_parts_missing(machine):
    """Each is one warning, and the rest works."""
    rejects = 'nft_reject,nft_reject_inet,nft_reject_ipv4,nft_reject_ipv6'
    said, text = boot(machine, without=f'{rejects},nft_masq,nft_ct,sch_htb,act_police')
    first = said['firewall'].partition('changed')[0]
    for part in 'CONFIG_NFT_MASQ', 'CONFIG_NFT_CT', 'CONFIG_NFT_REJECT':
        assert first.count(part) == 1, text
    assert first.count('warning') == 3
    assert 'drop comment "default"' in said['firewall'] and 'reject' not in said['firewall'].partition('table')[2]
    for part in 'CONFIG_NET_SCH_HTB', 'CONFIG_NET_ACT_POLICE':
        assert part in said['test_qos'], text
    assert '[  FAILED  ]' not in text


def test_no_translation(machine):
    said, text = boot(machine, without='nft_chain_nat,sch_ingress')
    assert said['firewall'].partition('changed')[0].count('warning') == 1 and 'CONFIG_NFT_NAT' in said['firewall'], text
    assert 'guest_nat' not in said['firewall'] and 'guest_forward' in said['firewall']
    assert 'CONFIG_NET_SCH_INGRESS' in said['test_qos']


def test_no_packet_filter(machine):
    said, text = boot(machine, without='nf_tables')
    assert said['firewall'].startswith('error this kernel has no nftables (CONFIG_NF_TABLES)'), text
