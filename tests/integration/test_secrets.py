"""Secrets by the stock virsh: every secret-* command, values that outlive the daemon and are in no file others can read, private
ones that no client sees, and the events."""
import base64
import json
import re
import stat

import pytest

UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}')
VALUE = base64.b64encode(b'\0secret\xff value').decode()


def define(host, usage="<usage type='ceph'><name>client.a</name></usage>", attributes='', uuid=''):
    path = host.root / 'secret.xml'
    path.write_text(f'<secret {attributes}>{f"<uuid>{uuid}</uuid>" if uuid else ""}<description>d</description>{usage}</secret>')
    path.chmod(0o644)
    return UUID.search(host.virsh('secret-define', str(path))).group(0)


@pytest.fixture(autouse=True)
def none_left(host):
    yield
    for uuid in UUID.findall(host.virsh('secret-list')):
        host.virsh('secret-undefine', uuid)


def kill(host):
    host.run('pkill', '-KILL', '-x', 'virtsecretd', check=False)


def files(host):
    return sorted(path.name for path in (host.root / 'etc/libvirt/secrets').iterdir() if not path.name.startswith('.') and path.is_file())


def test_a_value_outlives_the_daemon(host):
    uuid = define(host)
    assert 'does not have a value' in host.virsh('secret-get-value', uuid, check=False).stderr
    host.virsh('secret-set-value', uuid, '--base64', VALUE)
    kill(host)
    assert host.virsh('secret-get-value', uuid).strip() == VALUE
    assert re.search(rf'{uuid} +ceph client\.a', host.virsh('secret-list'))
    for path in (host.root / 'etc/libvirt/secrets').iterdir():
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
    host.virsh('secret-undefine', uuid)
    assert files(host) == []
    kill(host)
    assert UUID.findall(host.virsh('secret-list')) == []


def test_an_empty_value_is_none(host):
    """As a file of a host that moves over may be: the error says so, where a client would know of no cause."""
    uuid = define(host)
    kill(host)
    (host.root / f'etc/libvirt/secrets/{uuid}.base64').write_text('')
    assert f"secret '{uuid}' does not have a value" in host.virsh('secret-get-value', uuid, check=False).stderr


def test_values_are_not_shown(host):
    """Not in a log, not in the XML, not on a command line of a child."""
    uuid = define(host)
    host.virsh('secret-set-value', uuid, '--base64', VALUE)
    assert VALUE not in host.virsh('secret-dumpxml', uuid)
    for log in (host.root / 'var/log/libvirt').glob('*.log'):
        assert VALUE not in log.read_text()


def test_private_secrets_are_told_to_nobody(host):
    uuid = define(host, attributes="private='yes'")
    host.virsh('secret-set-value', uuid, '--base64', VALUE)
    assert 'secret is private' in host.virsh('secret-get-value', uuid, check=False).stderr
    path = host.root / 'secret.xml'
    path.write_text(path.read_text().replace("private='yes'", f"private='no'").replace('<description>', f'<uuid>{uuid}</uuid><description>'))
    assert 'private flag' in host.virsh('secret-define', str(path), check=False).stderr


def test_ephemeral_secrets_are_in_no_file(host):
    uuid = define(host, attributes="ephemeral='yes'")
    host.virsh('secret-set-value', uuid, '--base64', VALUE)
    assert files(host) == [] and host.virsh('secret-get-value', uuid).strip() == VALUE
    define(host, uuid=uuid)  # it is to last now
    assert len(files(host)) == 2
    kill(host)
    assert host.virsh('secret-get-value', uuid).strip() == VALUE
    define(host, attributes="ephemeral='yes'", uuid=uuid)
    assert files(host) == [] and host.virsh('secret-get-value', uuid).strip() == VALUE
    kill(host)
    assert UUID.findall(host.virsh('secret-list')) == []


def test_filters(host):
    uuids = {(e, p): define(host, f"<usage type='tls'><name>{e}{p}</name></usage>", f"ephemeral='{e}' private='{p}'")
             for e in ('yes', 'no') for p in ('yes', 'no')}

    def listed(*options):
        return set(UUID.findall(host.virsh('secret-list', *options)))
    assert listed() == set(uuids.values())
    assert listed('--ephemeral') == {uuids['yes', 'yes'], uuids['yes', 'no']}
    assert listed('--no-ephemeral', '--private') == {uuids['no', 'yes']}


def test_one_use_one_secret(host):
    uuid = define(host)
    path = host.root / 'secret.xml'
    assert f'a secret with UUID {uuid} already defined for use with client.a' in host.virsh('secret-define', str(path), check=False).stderr
    path.write_text(path.read_text().replace('<description>', f'<uuid>{uuid}</uuid><description>').replace('client.a', 'client.b'))
    assert 'already defined for use with client.a' in host.virsh('secret-define', str(path), check=False).stderr


def test_events(host):
    code = '''
import json, libvirt
libvirt.virEventRegisterDefaultImpl()
conn, seen = libvirt.open(), []
conn.secretEventRegisterAny(None, libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE, lambda c, s, e, d, x: seen.append(e), None)
conn.secretEventRegisterAny(None, libvirt.VIR_SECRET_EVENT_ID_VALUE_CHANGED, lambda c, s, x: seen.append('value'), None)
secret = conn.secretDefineXML("<secret><usage type='iscsi'><target>t</target></usage></secret>")
secret.setValue(b'x'); secret.undefine()
while len(seen) < 3:
    libvirt.virEventRunDefaultImpl()
print(json.dumps(seen))
'''
    assert json.loads(host.run('/usr/bin/python3', '-c', code).stdout) == [0, 'value', 1]


def test_unknown_secrets(host):
    done = host.virsh('secret-dumpxml', '12345678-1234-1234-1234-123456789abc', check=False)
    assert 'Secret not found' in done.stderr
