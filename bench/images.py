"""A pool of 1,000 images in Ceph, a real cluster of one node (tests/integration/ceph.py): what we need, and Ceph's own tool beside it."""
import base64
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import libvirt

from figures import cpu_us, daemon, median, ms, pss_mib, row

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'tests/integration'))
import ceph  # noqa: E402
import harness  # noqa: E402

IMAGES = 1000
CLIENTS = 8
URI = 'storage:///system'


class Here:
    """The private host that this runs on, as the cluster of the tests wants one."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='virtd-bench-ceph.'))
        self.root.chmod(0o755)

    @staticmethod
    def run(*command, check=True, timeout=None):
        return subprocess.run(command, check=check, timeout=timeout, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    @staticmethod
    def spawn(*command):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return harness.Lines(process, ' '.join(command))

    @staticmethod
    def processes(pattern):
        return [int(pid) for pid in subprocess.run(['pgrep', 'ceph-(mon|osd|mgr)'], capture_output=True, text=True).stdout.split()]


def start_pool(cluster):
    secrets = libvirt.open('secret:///system')
    secret = secrets.secretDefineXML("<secret private='yes'><usage type='ceph'><name>bench</name></usage></secret>")
    secret.setValue(base64.b64decode(cluster.key))
    c = libvirt.open(URI)
    pool = c.storagePoolDefineXML(
        f"<pool type='rbd'><name>images</name><source><host name='127.0.0.1' port='{ceph.MONITOR}'/><name>{ceph.POOL}</name>"
        f"<auth type='ceph' username='{ceph.USER}'><secret uuid='{secret.UUIDString()}'/></auth></source></pool>")
    pool.create()
    return c, pool


def make(first):
    pool = libvirt.open(URI).storagePoolLookupByName('images')
    for i in range(first, IMAGES, CLIENTS):
        pool.createXML(f"<volume><name>image{i}</name><capacity unit='G'>10</capacity></volume>")


def make_all():
    threads = [threading.Thread(target=make, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def images(c, n):
    cluster = ceph.Ceph(Here())
    c, pool = start_pool(cluster)
    pid = daemon('virtstoraged')
    row(f'images: make {IMAGES}, {CLIENTS} clients', 'ms each', ms(make_all)[0] / IMAGES)

    def by_hand():
        assert len(cluster.rbd('ls', '-l', '-p', ceph.POOL).splitlines()) == IMAGES + 1
    limit = ms(by_hand)[0]
    cpu = cpu_us(pid)
    row('images: refresh of 1,000, against rbd ls -l', 'ms', median([ms(pool.refresh)[0] for _ in range(2 * n)]), limit)
    row('images: refresh of 1,000, CPU', 'ms', (cpu_us(pid) - cpu) / 1000 / (2 * n))
    took, volumes = ms(pool.listAllVolumes)
    assert len(volumes) == IMAGES, len(volumes)
    row('images: list of 1,000', 'ms', median([took] + [ms(pool.listAllVolumes)[0] for _ in range(n)]))
    row('images: look-up of one', 'ms', median([ms(pool.storageVolLookupByName, 'image471')[0] for _ in range(20)]))
    one = pool.storageVolLookupByName('image471')
    row('images: one looked at (info), against rbd info', 'ms', median([ms(one.info)[0] for _ in range(20)]),
        median([ms(cluster.rbd, 'info', f'{ceph.POOL}/image471')[0] for _ in range(3)]))

    def changed(i):
        one.resize((11 + i) << 30)
        return ms(pool.refresh)[0]
    row('images: refresh after one change', 'ms', median([changed(i) for i in range(2 * n)]))
    os.kill(pid, signal.SIGKILL)
    while daemon('virtstoraged') == pid:
        time.sleep(0.002)
    took, volumes = ms(lambda: libvirt.open(URI).storagePoolLookupByName('images').listAllVolumes())
    assert len(volumes) == IMAGES
    row('images: kill -9 to the list of 1,000', 'ms', took)
    row('images: memory after that', 'MiB', pss_mib(daemon('virtstoraged')))
    pool = libvirt.open(URI).storagePoolLookupByName('images')
    pool.destroy()
    pool.undefine()
    cluster.end()
