"""Pools of many volumes, and the content of volumes over the wire, beside cp(1) on the same disk."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import libvirt

from figures import cpu_us, daemon, median, ms, row

FILES = 10000
SIZE = 1 << 30
URI = 'storage:///system'


def pool_at(c, path, name='bench'):
    pool = c.storagePoolDefineXML(f"<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>")
    pool.create()
    return pool


def kill():
    pid = daemon('virtstoraged')
    os.kill(pid, signal.SIGKILL)
    while daemon('virtstoraged') == pid:
        time.sleep(0.002)


def pools(c, n):
    """A directory of 10,000 images: an image is a sparse qcow2 with a header to be read."""
    place = tempfile.mkdtemp(prefix='virtd-bench-pool.')
    template = pathlib.Path(place, 'v0')
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', template, '1G'], check=True)
    header = template.read_bytes()[:65536]
    for i in range(1, FILES):
        pathlib.Path(place, f'v{i}').write_bytes(header)
    c = libvirt.open(URI)
    cpu = cpu_us(daemon('virtstoraged'))
    took, pool = ms(pool_at, c, place)
    row('pools: start one of 10,000 images', 'ms', took)
    row('pools: start one of 10,000 images, CPU', 'ms', (cpu_us(daemon('virtstoraged')) - cpu) / 1000)
    took, volumes = ms(pool.listAllVolumes)
    assert len(volumes) == FILES, len(volumes)
    row('pools: list of 10,000', 'ms', median([took] + [ms(pool.listAllVolumes)[0] for _ in range(n)]))
    row('pools: look-up of one', 'ms', median([ms(pool.storageVolLookupByName, 'v4711')[0] for _ in range(20)]))
    row('pools: look-up of one by path', 'ms', median([ms(c.storageVolLookupByPath, f'{place}/v4711')[0] for _ in range(20)]))
    one = pool.storageVolLookupByName('v4711')
    row('pools: one looked at (info)', 'ms', median([ms(one.info)[0] for _ in range(20)]))

    def changed():
        pathlib.Path(place, 'v4711').write_bytes(header)
        return ms(pool.refresh)[0]
    row('pools: refresh after one change', 'ms', median([changed() for _ in range(2 * n)]))
    kill()
    own, (took, volumes) = None, ms(lambda: libvirt.open(URI).storagePoolLookupByName('bench').listAllVolumes())
    assert len(volumes) == FILES
    row('pools: kill -9 to the list of 10,000', 'ms', took)
    own = libvirt.open(URI)
    own.storagePoolLookupByName('bench').destroy()
    own.storagePoolLookupByName('bench').undefine()
    shutil.rmtree(place)


def rate(function):
    """(MiB/s, CPU seconds for a GiB of virtstoraged)"""
    pid = daemon('virtstoraged')
    cpu = cpu_us(pid)
    took = ms(function)[0]
    return SIZE / (1 << 20) / took * 1000, (cpu_us(pid) - cpu) / 1e6


def content(c, n):
    """1 GiB each way by virsh, and by cp."""
    place = tempfile.mkdtemp(prefix='virtd-bench-content.')
    os.mkdir(f'{place}/pool')
    with open(f'{place}/source', 'wb') as file:
        for _ in range(SIZE >> 24):
            file.write(os.urandom(1 << 24))
    c = libvirt.open(URI)
    pool = pool_at(c, f'{place}/pool')
    virsh = ['virsh', '-q', '-c', URI]
    runs = {'upload': [], 'download': [], 'cp': [], 'clone': []}
    for _ in range(n):
        subprocess.run([*virsh, 'vol-create-as', 'bench', 'v', str(SIZE), '--allocation', '0'], check=True)
        runs['upload'].append(rate(lambda: subprocess.run([*virsh, 'vol-upload', 'v', f'{place}/source', '--pool', 'bench'], check=True)))
        runs['download'].append(rate(lambda: subprocess.run([*virsh, 'vol-download', 'v', f'{place}/copy', '--pool', 'bench'], check=True)))
        assert subprocess.run(['cmp', f'{place}/source', f'{place}/copy']).returncode == 0
        os.unlink(f'{place}/copy')
        runs['cp'].append(rate(lambda: subprocess.run(['cp', '--reflink=never', f'{place}/source', f'{place}/copy'], check=True)))
        os.unlink(f'{place}/copy')
        runs['clone'].append(rate(lambda: subprocess.run([*virsh, 'vol-clone', 'v', 'w', '--pool', 'bench'], check=True)))
        for name in ('v', 'w'):
            pool.storageVolLookupByName(name).delete()
    limit = median([run[0] for run in runs['cp']])
    for what, budget in (('upload', '>= 650 MiB/s'), ('download', '>= 850 MiB/s'), ('clone', '')):
        row(f'content: {what} of 1 GiB, against cp', 'MiB/s', median([run[0] for run in runs[what]]), limit, budget)
        row(f'content: {what} of 1 GiB, CPU', 's', median([run[1] for run in runs[what]]), budget='<= 0.4 s' if budget else '')
    pool.destroy()
    pool.undefine()
    shutil.rmtree(place)


HANGING = """
import ctypes, os, sys, time
fuse = os.open('/dev/fuse', os.O_RDWR)
if ctypes.CDLL(None).mount(b'hanging', sys.argv[1].encode(), b'fuse', 0, f'fd={fuse},rootmode=40000,user_id=0,group_id=0'.encode()):
    sys.exit('no FUSE')
print('hangs', flush=True)
time.sleep(3600)
"""


def dead(c, n):
    """A pool on a file system that answers nothing: what everybody else waits."""
    place = tempfile.mkdtemp(prefix='virtd-bench-dead.')
    os.mkdir(f'{place}/dead')
    os.mkdir(f'{place}/well')
    c = libvirt.open(URI)
    pool_at(c, f'{place}/dead', 'dead')
    pool_at(c, f'{place}/well', 'well')
    server = subprocess.Popen(['/usr/bin/python3', '-c', HANGING, f'{place}/dead'], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b'hangs\n'
    asking = subprocess.Popen(['virsh', '-q', '-c', URI, 'pool-refresh', 'dead'], stderr=subprocess.DEVNULL)

    def others(one, when):
        row(f'dead source, {when}: list of pools', 'ms', median([ms(one.listAllStoragePools)[0] for _ in range(20)]), budget='<= 20 ms')
        well = one.storagePoolLookupByName('well')
        row(f'dead source, {when}: volumes of another', 'ms', median([ms(well.listVolumes)[0] for _ in range(20)]), budget='<= 20 ms')
        row(f'dead source, {when}: its own state', 'ms', median([ms(one.storagePoolLookupByName('dead').info)[0] for _ in range(20)]),
            budget='<= 20 ms')
    others(c, 'being asked')
    assert asking.poll() is None
    kill()
    took, one = ms(libvirt.open, URI)
    row('dead source: start of the daemon to the list', 'ms', took + ms(one.listAllStoragePools)[0], budget='<= 20 ms')
    others(one, 'new life')
    while one.storagePoolLookupByName('dead').info()[0] != libvirt.VIR_STORAGE_POOL_DEGRADED:
        time.sleep(0.1)
    others(one, 'degraded')
    asking.wait()
    server.kill()
    server.wait()
    subprocess.run(['umount', '-l', f'{place}/dead'], check=True)
    took = ms(lambda: [time.sleep(0.05) for _ in iter(lambda: one.storagePoolLookupByName('dead').info()[0], libvirt.VIR_STORAGE_POOL_RUNNING)])[0]
    row('dead source: well again, to running', 's', took / 1000)
    for name in ('dead', 'well'):
        one.storagePoolLookupByName(name).destroy()
        one.storagePoolLookupByName(name).undefine()
    shutil.rmtree(place)
