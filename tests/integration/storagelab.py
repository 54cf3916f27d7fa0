"""What tests of pools share: definitions, listings, digests, passphrases. `host` is a harness.Host."""
import base64
import hashlib
import json
import os
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


def random_file(host, name, size):
    path = host.root / name
    path.write_bytes(os.urandom(size))
    return path


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


def boot_from(host, guest, disk):
    """Start a guest whose only disk is this one, until it says that it has booted from it."""
    guest.path.write_text(re.sub(r"<disk type='file' device='disk'>.*?</disk>", disk, guest.xml, count=1, flags=re.S))
    guest.define().start().wait_up()


def at_every_point(host, change, check, most=60, prepare=lambda: None, must=frozenset()):
    """
    change() is a finished virsh, made, after prepare(), again and again with the daemon killed at its first, second, ... fault point until it gets through;
    check(got_through) looks at what is there each time. The steps at which it was killed, which are those of must and others: work of the
    daemon's own passes points too, so that one may be missed the first time.
    """
    killed = []
    for _ in range(4):
        killed += once_through(host, change, check, most, prepare)
        if must <= set(killed):
            return killed
    raise AssertionError(f'never killed at {must - set(killed)}')


def once_through(host, change, check, most, prepare):
    killed = []
    for point in range(1, most):
        prepare()
        host.kill_at(point)
        done = change()
        passed = host.points_passed()
        host.kill_at(0)
        # More were passed where it was killed before virsh came, at work of its own (a checkpoint of its journal).
        assert done.returncode == 0 or len(passed) >= point, f'{passed}: {done.stderr}'
        check(done.returncode == 0)
        if done.returncode == 0 and len(passed) < point:
            return killed
        killed.append(passed[-1].split()[0])
    raise AssertionError(f'still killed at point {most}')
