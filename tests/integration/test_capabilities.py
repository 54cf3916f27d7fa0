"""What the host and its emulators can do, as the stock tools ask and read it: virsh's commands, virt-install's choices."""
import os
import re
import time
import xml.etree.ElementTree as ET

import pytest

HOST = {'no_kvm': False}
KVM = os.access('/dev/kvm', os.R_OK | os.W_OK)
X86 = os.uname().machine == 'x86_64'
pytestmark = pytest.mark.skipif(not X86, reason='written for x86 hosts')


def xml(host, *arguments):
    return ET.fromstring(host.virsh(*arguments))


def test_capabilities(host):
    caps = xml(host, 'capabilities')
    assert caps.findtext('host/cpu/arch') == 'x86_64'
    assert caps.find('host/cpu/model') is not None
    cpus = caps.findall('host/topology/cells/cell/cpus/cpu')
    assert len(cpus) == int(host.virsh('nodecpumap').split()[2])
    guest = caps.find("guest/arch[@name='x86_64']")
    emulator = guest.findtext('emulator')
    assert os.access(emulator, os.X_OK)
    machines = {m.text: m for m in guest.findall('machine')}
    assert machines['q35'].get('canonical') in machines and 'none' not in machines
    assert [d.get('type') for d in guest.findall('domain')] == (['qemu', 'kvm'] if KVM else ['qemu'])


def test_capabilities_are_quick_once_known(host):
    host.virsh('capabilities')
    start = time.monotonic()
    for _ in range(5):
        host.virsh('capabilities')
    with_answer = time.monotonic() - start
    start = time.monotonic()
    for _ in range(5):
        host.virsh('uri')
    assert with_answer - (time.monotonic() - start) < 5 * 0.1  # generous: the machine may be busy; the budget is 10 ms


@pytest.mark.parametrize('machine', ['q35', 'pc', 'microvm'])
def test_domain_capabilities(host, machine):
    caps = xml(host, 'domcapabilities', '--virttype', 'qemu', '--machine', machine)
    assert caps.findtext('domain') == 'qemu' and caps.findtext('arch') == 'x86_64'
    assert int(caps.find('vcpu').get('max')) > 1
    buses = {v.text for v in caps.findall("devices/disk/enum[@name='bus']/value")}
    assert 'virtio' in buses and ('ide' in buses) == (machine == 'pc')
    modes = {m.get('name'): m for m in caps.findall('cpu/mode')}
    assert modes['host-passthrough'].get('supported') == 'no'
    assert modes['host-model'].findtext('model')
    models = {m.text: m for m in modes['custom'].findall('model')}
    blocked = {b.get('model') for b in modes['custom'].findall('blockers')}
    assert models['qemu64'].get('usable') == 'yes'
    assert all((m.get('usable') == 'no') == (name in blocked) for name, m in models.items())


@pytest.mark.skipif(not KVM, reason='this machine has no /dev/kvm')
def test_domain_capabilities_of_kvm(host):
    caps = xml(host, 'domcapabilities')
    assert caps.findtext('domain') == 'kvm'
    assert caps.find("cpu/mode[@name='host-passthrough']").get('supported') == 'yes'


@pytest.mark.parametrize('arguments, words', [
    (['--emulatorbin', '/no/such/emulator'], 'No such file'),
    (['--machine', 'no-such-machine'], "machine 'no-such-machine' is not supported"),
    (['--machine', 'none'], "machine 'none' is not supported"),
    (['--virttype', 'xen'], "domain type 'xen'"),
    (['--emulatorbin', '/usr/bin/qemu-system-x86_64', '--arch', 'aarch64'], "given architecture 'aarch64'"),
])
def test_domain_capabilities_of_what_is_not(host, arguments, words):
    done = host.virsh('domcapabilities', *arguments, check=False)
    assert done.returncode != 0 and words in done.stderr


def test_models(host):
    models = host.virsh('cpu-models', 'x86_64').split()
    assert {'qemu64', 'EPYC', 'Skylake-Server-IBRS', 'Westmere-v2'} <= set(models)
    assert 'POWER9' in host.virsh('cpu-models', 'ppc64').split()


def test_host_model_is_what_the_hypervisor_can_do(host):
    """A guest of the host-model that domcapabilities shows is accepted by the same hypervisor."""
    caps = xml(host, 'domcapabilities', '--virttype', 'qemu')
    mode = caps.find("cpu/mode[@name='host-model']")
    cpu = ET.Element('cpu', match='exact')
    cpu.extend(mode)
    path = host.root / 'cpu.xml'
    path.write_text(ET.tostring(cpu, encoding='unicode'))
    assert 'superset' in host.virsh('hypervisor-cpu-compare', '--virttype', 'qemu', str(path)) or \
        'identical' in host.virsh('hypervisor-cpu-compare', '--virttype', 'qemu', str(path))
    baseline = ET.fromstring(host.virsh('hypervisor-cpu-baseline', '--virttype', 'qemu', str(path)))
    assert baseline.findtext('model') == mode.findtext('model')


def test_host_cpu_is_compatible_with_itself(host):
    caps = xml(host, 'capabilities')
    path = host.root / 'hostcpu.xml'
    path.write_text(ET.tostring(caps.find('host/cpu'), encoding='unicode'))
    assert re.search('identical|superset', host.virsh('cpu-compare', str(path)))
    path.write_text("<cpu><arch>x86_64</arch><model>KnightsMill</model><feature name='vmx-vnmi'/></cpu>")
    done = host.virsh('cpu-compare', '--error', str(path), check=False)
    assert done.returncode != 0 and 'vmx-vnmi' in done.stderr


def test_baseline(host):
    path = host.root / 'two.xml'
    path.write_text('\n'.join(f'<cpu><arch>x86_64</arch><model>{m}</model><vendor>Intel</vendor></cpu>'
                              for m in ('Nehalem', 'Penryn')))
    cpu = ET.fromstring(host.virsh('cpu-baseline', str(path)))
    assert cpu.findtext('model') == 'Penryn' and cpu.findtext('vendor') == 'Intel'


def test_sysinfo(host):
    done = host.virsh('sysinfo', check=False)
    if os.path.exists('/sys/firmware/dmi/tables/DMI'):
        assert ET.fromstring(done.stdout).get('type') == 'smbios'
    else:
        assert 'SMBIOS information is not available' in done.stderr


def test_memory_parameters(host):
    done = host.virsh('node-memory-tune', check=False)
    if os.path.isdir('/sys/kernel/mm/ksm'):
        assert 'shm_pages_to_scan' in done.stdout
    else:
        assert done.returncode != 0


def test_most_vcpus(host):
    assert int(host.virsh('maxvcpus', '--type', 'qemu')) > 1
    if KVM:
        assert int(host.virsh('maxvcpus', '--type', 'kvm')) > 1


@pytest.mark.parametrize('options', [['--virt-type', 'qemu'], ['--virt-type', 'qemu', '--machine', 'q35', '--boot', 'uefi'], []])
def test_virt_install_chooses(host, options):
    """virt-install asks for the capabilities first and writes its definition from them."""
    if '--boot' in options and not os.path.isdir('/usr/share/qemu/firmware'):
        pytest.skip('no firmware descriptors are installed')
    done = host.run('virt-install', '--connect', host.uri, '--name', 'chosen', '--memory', '512', '--import', '--disk', 'none',
                    '--network', 'none', '--osinfo', 'detect=off,require=off', '--print-xml', *options)
    domain = ET.fromstring(done.stdout)
    assert domain.get('type') == ('qemu' if options or not KVM else 'kvm')
    assert domain.findtext('devices/emulator') == '/usr/bin/qemu-system-x86_64'
    if '--boot' in options:
        assert domain.find('os').get('firmware') == 'efi'


@pytest.mark.parametrize('kind', ['qemu'] + (['kvm'] if KVM else []))
def test_host_model_is_fixed_when_a_guest_starts(host, kind):
    """The running guest names its model and features, QEMU took them, and the definition still says host-model."""
    path = host.root / 'hostmodel.xml'
    path.write_text(f"""<domain type='{kind}'><name>hostmodel</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <cpu mode='host-model'><feature policy='disable' name='popcnt'/></cpu></domain>""")
    wanted = xml(host, 'domcapabilities', '--virttype', kind).find("cpu/mode[@name='host-model']")
    host.virsh('define', str(path))
    try:
        host.virsh('start', '--paused', 'hostmodel')
        cpu = xml(host, 'dumpxml', 'hostmodel').find('cpu')
        assert (cpu.get('mode'), cpu.get('check')) == ('custom', 'full')
        assert cpu.findtext('model') == wanted.findtext('model')
        policies = {f.get('name'): f.get('policy') for f in cpu.findall('feature')}
        assert policies.pop('popcnt') == 'disable'
        assert policies.items() <= {f.get('name'): f.get('policy') for f in wanted.findall('feature')}.items()
        assert xml(host, 'dumpxml', '--inactive', 'hostmodel').find('cpu').get('mode') == 'host-model'
    finally:
        host.virsh('destroy', 'hostmodel', check=False)
        host.virsh('undefine', 'hostmodel')
