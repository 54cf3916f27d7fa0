"""What tests of pools on servers share: definitions, secrets, and what virsh says of volumes."""
import json
import os
import re

UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}')


def write(host, name, text):
    path = host.root / name
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


def secret(host, kind, usage, value):
    """Define a secret that has a value (base64); its UUID."""
    element = {'ceph': 'name', 'iscsi': 'target'}[kind]
    xml = f"<secret><usage type='{kind}'><{element}>{usage}</{element}></usage></secret>"
    uuid = UUID.search(host.virsh('secret-define', write(host, 'secret.xml', xml))).group(0)
    host.virsh('secret-set-value', uuid, '--base64', value)
    return uuid


def names(text):
    """The first column of a table of virsh."""
    return [line.split()[0] for line in text.splitlines()[2:] if line.strip()]


def volumes(host, pool):
    return names(host.virsh('vol-list', pool))


def info(host, pool, volume):
    """(type, capacity, allocation) of a volume."""
    return json.loads(host.run('/usr/bin/python3', '-c', f'''
import json, libvirt
c = libvirt.openReadOnly()
print(json.dumps(c.storagePoolLookupByName({pool!r}).storageVolLookupByName({volume!r}).info()))''').stdout)


def kill(host):
    host.run('pkill', '-KILL', '-x', 'virtstoraged', check=False)


def end_all(host):
    for name in names(host.virsh('pool-list', '--all')):
        host.virsh('pool-destroy', name, check=False)
        host.virsh('pool-undefine', name, check=False)
    assert names(host.virsh('pool-list', '--all')) == []


def mentions(host, value):
    """Where a value that is nobody's business shows: files of the private host that others may read, and command lines."""
    found = []
    for directory, _, files in os.walk(host.root):
        for name in files:
            path = os.path.join(directory, name)
            if os.path.islink(path) or not os.path.isfile(path) or not os.stat(path).st_mode & 0o004 or os.stat(path).st_size > 1 << 24:
                continue
            with open(path, 'rb') as file:
                if value.encode() in file.read():
                    found.append(path)
    return found + host.processes(re.escape(value))
