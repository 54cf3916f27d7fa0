"""Storage by the confined daemons: a pool and what is done with its volumes, a passphrase that virtstoraged fetches from virtsecretd with
the host's token, a pool that starts with the host, a kill."""
import base64
from pathlib import Path

import pytest

from container import wait_until
from test_units import sockets  # noqa: F401 (a fixture)


def put(container, name, text):
    (Path(f'/proc/{container.pid}/root') / 'tmp' / name).write_text(text)
    return f'/tmp/{name}'


@pytest.fixture
def pool(container):
    container.virsh('pool-define-as', 'unit', 'dir', '--target', '/srv/unit')
    for step in ('build', 'start', 'autostart'):
        container.virsh(f'pool-{step}', 'unit')
    yield '/srv/unit'
    for name in volumes(container):
        container.virsh('vol-delete', name, '--pool', 'unit')
    for step in ('destroy', 'delete', 'undefine'):
        container.virsh(f'pool-{step}', 'unit')


def volumes(container):
    return [line.split()[0] for line in container.virsh('vol-list', 'unit').splitlines()[2:] if line.strip()]


def test_volumes(container, pool):
    container.virsh('vol-create-as', 'unit', 'raw', '4M')
    container.virsh('vol-create-as', 'unit', 'top', '4M', '--format', 'qcow2', '--backing-vol', 'raw', '--backing-vol-format', 'raw')
    container.virsh('vol-upload', 'raw', '/usr/bin/qemu-img', '--pool', 'unit')
    container.virsh('vol-download', 'raw', '/tmp/back', '--pool', 'unit')
    container.run('cmp', '-n', '1000000', '/usr/bin/qemu-img', '/tmp/back', check=True)
    container.virsh('vol-clone', 'top', 'flat', '--pool', 'unit')
    container.virsh('vol-resize', 'flat', '8M', '--pool', 'unit')
    container.virsh('vol-wipe', 'raw', '--pool', 'unit', '--algorithm', 'random')
    assert volumes(container) == ['flat', 'raw', 'top']
    container.run('touch', f'{pool}/new', check=True)
    wait_until(lambda: 'new' in volumes(container), 'a file of others is seen')


def test_a_private_passphrase(container, pool):
    secret = put(container, 'secret.xml', "<secret private='yes'><usage type='volume'><name>/srv/unit/v</name></usage></secret>".replace(
        'name>', 'volume>'))
    container.virsh('secret-define', secret)
    uuid = container.virsh('secret-list').splitlines()[2].split()[0]
    container.virsh('secret-set-value', uuid, '--base64', base64.b64encode(b'passphrase').decode())
    xml = put(container, 'vol.xml', "<volume><name>v</name><capacity>1048576</capacity><target><format type='raw'/><encryption format='luks'>"
                                    f"<secret type='passphrase' uuid='{uuid}'/></encryption></target></volume>")
    container.virsh('vol-create', 'unit', xml)
    assert container.run('head', '-c', '4', f'{pool}/v', check=True).stdout == 'LUKS'
    container.virsh('secret-undefine', uuid)


def test_a_killed_daemon(container, pool):
    container.virsh('vol-create-as', 'unit', 'v', '1M')
    first = container.property('virtstoraged.service', 'MainPID')
    container.run('kill', '-KILL', first, check=True)
    wait_until(lambda: container.property('virtstoraged.service', 'MainPID') not in ('0', first), 'virtstoraged is there again')
    assert volumes(container) == ['v'] and 'running' in container.virsh('pool-info', 'unit')
