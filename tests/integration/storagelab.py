"""What tests of pools share: definitions, listings, digests, passphrases. `host` is a harness.Host."""
import base64
import hashlib
import json
import re


def write(host, name, text):
    path = host.root / name
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


def names(text):
    return [line.split()[0] for line in text.splitlines()[2:] if line.strip()]


def start_dir_pool(host, name='p', extra=''):
    path = host.root / 'pools' / name
    host.virsh('pool-define', write(host, 'pool.xml', f"<pool type='dir'><name>{name}</name><target><path>{path}</path>{extra}</target></pool>"))
    host.virsh('pool-build', name)
    host.virsh('pool-start', name)
    return path


def remove_pools(host):
    for name in names(host.virsh('pool-list', '--all')):
        host.virsh('pool-destroy', name, check=False)
        host.virsh('pool-undefine', name, check=False)
    assert names(host.virsh('pool-list', '--all')) == []


def volumes(host, pool='p'):
    return names(host.virsh('vol-list', pool))


def info(host, volume, pool='p'):
    """type, capacity, allocation"""
    return json.loads(host.run('/usr/bin/python3', '-c', f'''
import json, libvirt
c = libvirt.openReadOnly()
print(json.dumps(c.storagePoolLookupByName({pool!r}).storageVolLookupByName({volume!r}).info()))''').stdout)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kill(host, daemon='virtstoraged'):
    host.run('pkill', '-KILL', '-x', daemon, check=False)


def make_secret(host, usage, name, value):
    """Of that usage ('volume', 'ceph', 'iscsi') and name, with that value. Its UUID."""
    element = {'volume': 'volume', 'iscsi': 'target'}.get(usage, 'name')
    path = write(host, 'secret.xml', f"<secret private='yes'><usage type='{usage}'><{element}>{name}</{element}></usage></secret>")
    uuid = re.search(r'[0-9a-f]{8}-[0-9a-f-]{27}', host.virsh('secret-define', path)).group(0)
    host.virsh('secret-set-value', uuid, '--base64', base64.b64encode(value).decode())
    return uuid


def remove_secrets(host):
    for uuid in re.findall(r'[0-9a-f]{8}-[0-9a-f-]{27}', host.virsh('secret-list')):
        host.virsh('secret-undefine', uuid)
