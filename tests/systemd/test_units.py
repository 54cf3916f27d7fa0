"""The installed units under a real systemd: what an administrator sees, from the first client to a crash with guests."""
import json
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from container import DAEMONS, TOP, wait_until

EXPOSURE_LIMITS = {'virtqemud': 5.0, 'virtnetworkd': 4.0, 'virtsecretd': 2.5, 'virtstoraged': 5.5}  # libvirt's units: 9.6


def sockets_of(daemon):
    return [f'{daemon}.socket', f'{daemon}-ro.socket', f'{daemon}-admin.socket']


@pytest.fixture(scope='module', autouse=True)
def sockets(container):
    container.run('systemd-sysusers', check=True)
    container.run('systemd-tmpfiles', '--create', '/usr/lib/tmpfiles.d/virtd.conf', check=True)
    for daemon in DAEMONS:
        container.run('systemctl', 'start', *sockets_of(daemon), check=True)


def main_pid(container, daemon='virtqemud'):
    return int(container.property(f'{daemon}.service', 'MainPID'))


def state(container, daemon='virtqemud'):
    return container.property(f'{daemon}.service', 'ActiveState')


@pytest.mark.parametrize('daemon', DAEMONS)
def test_verify_finds_nothing(container, daemon):
    done = container.run('systemd-analyze', 'verify', '--man=no', f'{daemon}.service', *sockets_of(daemon))
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if daemon in line or 'gnoring' in line]
    assert complaints == []


@pytest.mark.parametrize('daemon', DAEMONS)
def test_exposure(container, daemon):
    done = container.run('systemd-analyze', 'security', '--offline=yes', '--json=short', f'{daemon}.service')
    total = container.run('systemd-analyze', 'security', '--offline=yes', f'--threshold={int(EXPOSURE_LIMITS[daemon] * 10)}',
                          f'{daemon}.service')
    print(total.stdout.splitlines()[-1])
    assert json.loads(done.stdout)
    assert total.returncode == 0, total.stdout.splitlines()[-1]


@pytest.mark.parametrize('daemon', DAEMONS)
def test_socket_modes(container, daemon):
    done = container.run('stat', '-c', '%a %n', f'/run/libvirt/{daemon}-sock', f'/run/libvirt/{daemon}-sock-ro',
                         f'/run/libvirt/{daemon}-admin-sock', check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ['666', '666', '600']


def test_polkit_knows_the_actions(tree):
    defaults = {}
    for path in (tree / 'usr/share/polkit-1/actions').glob('*.policy'):
        for action in ElementTree.parse(path).iter('action'):
            defaults[action.get('id')] = action.find('defaults/allow_any').text
    assert defaults['org.libvirt.unix.manage'] == 'auth_admin_keep' and defaults['org.libvirt.unix.monitor'] == 'yes'
    assert defaults['org.libvirt.api.domain.getattr'] == 'yes' and defaults['org.libvirt.api.connect.search-domains'] == 'yes'
    assert defaults['org.libvirt.api.domain.write'] == 'no' and len(defaults) > 80


def test_first_client_activates(container):
    container.run('systemctl', 'stop', 'virtqemud.service', check=True)
    assert main_pid(container) == 0
    assert 'Name' in container.virsh('list')
    assert main_pid(container) != 0


def test_read_only_client_activates(container):
    container.run('systemctl', 'stop', 'virtqemud.service', check=True)
    assert 'Name' in container.run('virsh', '-r', '-c', 'qemu:///system', 'list', check=True).stdout


def test_idle_exit_is_invisible(container):
    container.virsh('list')
    first = main_pid(container)
    wait_until(lambda: state(container) == 'inactive', 'virtqemud left when idle')
    assert container.property('virtqemud.service', 'Result') == 'success'
    assert 'Name' in container.virsh('list')
    assert main_pid(container) not in (0, first)


def test_restarted_after_a_crash(container):
    container.virsh('list')
    first = main_pid(container)
    container.run('kill', '-KILL', str(first), check=True)
    wait_until(lambda: main_pid(container) not in (0, first) and state(container) == 'active', 'virtqemud was restarted')
    assert 'Name' in container.virsh('list')


def test_reload_is_answered(container):
    container.virsh('list')
    first = main_pid(container)
    container.run('systemctl', 'reload', 'virtqemud.service', check=True)
    assert 'Name' in container.virsh('list')
    assert main_pid(container) == first


def test_secrets_are_kept(container):
    """Through the confined daemon: defined, set, read again after a restart; the files are root's alone."""
    xml = "<secret><description>unit</description><usage type='ceph'><name>unit</name></usage></secret>"
    (Path(f'/proc/{container.pid}/root') / 'tmp/secret.xml').write_text(xml)
    container.virsh('secret-define', '/tmp/secret.xml')
    uuid = container.virsh('secret-list').splitlines()[2].split()[0]
    container.virsh('secret-set-value', uuid, '--base64', 'c2VjcmV0')
    container.run('systemctl', 'restart', 'virtsecretd.service', check=True)
    assert container.virsh('secret-get-value', uuid).strip() == 'c2VjcmV0'
    modes = container.run('sh', '-c', 'stat -c %a /etc/libvirt/secrets /etc/libvirt/secrets/*', check=True).stdout.split()
    assert modes[0] == '700' and set(modes[1:]) == {'600'}
    container.virsh('secret-undefine', uuid)


NOBODY = "<host name='127.0.0.1' port='1'/>"


@pytest.mark.parametrize('xml, said', [
    (f"""<pool type='rbd' xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'><name>rbd</name><source>{NOBODY}<name>rbd</name></source>
         <rbd:config_opts><rbd:option name='client_mount_timeout' value='2'/></rbd:config_opts></pool>""",
     'failed to connect to the RADOS monitor'),
    (f"""<pool type='iscsi-direct'><name>iscsi</name><source>{NOBODY}<device path='iqn.2026-01.org.example:none'/>
         <initiator><iqn name='iqn.2026-01.org.example:unit'/></initiator></source></pool>""", 'connecting failed'),
], ids=['rbd', 'iscsi-direct'])
def test_libraries_of_servers_work_confined(container, xml, said):
    """They are loaded, have their threads and their sockets: what fails is that nobody is there."""
    (Path(f'/proc/{container.pid}/root') / 'tmp/pool.xml').write_text(xml)
    assert said in container.run('virsh', '-c', 'qemu:///system', 'pool-create', '/tmp/pool.xml').stderr


GUEST = '''<domain type='qemu'>
  <name>unit-guest</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <serial type='file'><source path='/tmp/unit-guest.console'/></serial>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/tmp/bootsector.img'/>
      <target dev='hda' bus='ide'/>
    </disk>
    <interface type='bridge'><source bridge='br-unit'/><model type='virtio'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
'''


@pytest.fixture(scope='module')
def guest(container):
    cache = subprocess.run([TOP / 'tests/guest/build'], capture_output=True, text=True, check=True).stdout.strip()
    root = Path(f'/proc/{container.pid}/root')
    (root / 'tmp/bootsector.img').write_bytes((Path(cache) / 'bootsector.img').read_bytes())
    (root / 'tmp/unit-guest.xml').write_text(GUEST)
    container.run('ip', 'link', 'add', 'br-unit', 'type', 'bridge', check=True)
    container.virsh('define', '/tmp/unit-guest.xml')
    container.virsh('start', 'unit-guest')
    console = root / 'tmp/unit-guest.console'
    wait_until(lambda: console.exists() and b'virtd-bootsector: up' in console.read_bytes(), 'the guest is up')
    yield 'unit-guest'
    container.virsh('destroy', 'unit-guest')
    container.virsh('undefine', 'unit-guest')


def guest_pid(container):
    return container.run('pgrep', '-f', 'guest=unit-guest', check=True).stdout.split()


@pytest.mark.parametrize('event', ['stop', 'restart', 'crash'])
def test_guest_runs_on(container, guest, event):
    before = guest_pid(container)
    assert len(before) == 1
    if event == 'crash':
        container.virsh('list')
        container.run('kill', '-KILL', str(main_pid(container)), check=True)
    else:
        container.run('systemctl', event, 'virtqemud.service', check=True)
    assert container.virsh('domstate', 'unit-guest').strip() == 'running'
    assert guest_pid(container) == before


def test_guest_outlives_the_idle_exit_or_keeps_the_daemon(container, guest):
    """Either is right, as long as the guest runs on and the next client sees it."""
    before = guest_pid(container)
    container.run('systemctl', 'stop', 'virtqemud.service', check=True)
    assert 'unit-guest' in container.virsh('list')
    assert guest_pid(container) == before


def test_guests_do_not_run_as_root(container, guest):
    user = container.run('ps', '-o', 'user:32=', '-p', guest_pid(container)[0], check=True).stdout.strip()
    assert user == 'libvirt-qemu'
