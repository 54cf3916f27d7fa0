"""A Ceph cluster of one node for the tests of rbd pools: monitor, manager and OSD on the loopback of a private host, with cephx.

Everything is below one directory of the private host and ends with it. The host needs a network of its own (`netns`).
"""
import json
import signal
import subprocess
import uuid

import harness

MONITOR = 6789
POOL = 'rbd'
USER = 'virt'  # may use that pool, and nothing else

CONF = '''[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:3300,v1:127.0.0.1:{port}]
mon initial members = a
public addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon pg warn min per osd = 0
mgr initial modules =
osd objectstore = memstore
memstore device bytes = {store}
osd memory target = 939524096
osd op num shards = 2
osd client watch timeout = 4
keyring = {root}/$name.keyring
mon data = {root}/mon
osd data = {root}/osd
mgr data = {root}/mgr
log file = {root}/$name.log
run dir = {root}/run
admin socket = {root}/run/$name.asok
exporter sock dir = {root}/run
'''


class Ceph:
    def __init__(self, host, store_mib=1024):
        self.host, self.root = host, host.root / 'ceph'
        for name in '', 'mon', 'osd', 'mgr', 'run':
            (self.root / name).mkdir(mode=0o755)
        self.conf = self.root / 'ceph.conf'
        self.conf.write_text(CONF.format(fsid=uuid.uuid4(), port=MONITOR, root=self.root, store=store_mib << 20))
        self.daemons = {}
        host.run('ip', 'link', 'set', 'lo', 'up')
        self._make()
        self.start()
        self.ceph('osd', 'pool', 'create', POOL, '8')
        self.rbd('pool', 'init', POOL)
        self.key = self.ceph('auth', 'get-or-create-key', f'client.{USER}', 'mon', 'profile rbd', 'osd', f'profile rbd pool={POOL}').strip()
        # What a pool holds is known to the manager, which tells the monitors now and then.
        harness.wait_until(lambda: json.loads(self.ceph('df', '--format', 'json'))['stats']['total_bytes'] > 0, 'the manager reports sizes')

    def _tool(self, name, *arguments, check=True, timeout=harness.DEADLINE):
        return self.host.run(name, '-c', str(self.conf), *arguments, check=check, timeout=timeout)

    def ceph(self, *arguments):
        return self._tool('ceph', '--connect-timeout', '30', *arguments).stdout

    def rbd(self, *arguments):
        return self._tool('rbd', *arguments).stdout

    def rados(self, *arguments):
        return self._tool('rados', '-p', POOL, *arguments).stdout

    def empty(self):
        """Remove all images of the pool; clones before what they lie upon."""
        def none():
            names = self.rbd('ls', '-p', POOL).split()
            for name in names:
                for snapshot in json.loads(self.rbd('snap', 'ls', f'{POOL}/{name}', '--format', 'json')):
                    self._tool('rbd', 'snap', 'unprotect', f'{POOL}/{name}@{snapshot["name"]}', check=False)
                self._tool('rbd', 'snap', 'purge', f'{POOL}/{name}', '--no-progress', check=False)
                self._tool('rbd', 'rm', f'{POOL}/{name}', '--no-progress', check=False)
            return not names
        harness.wait_until(none, 'all images are removed')

    def _make(self):
        keyring = f'{self.root}/mon.keyring', f'{self.root}/client.admin.keyring'
        self.host.run('ceph-authtool', '--create-keyring', keyring[0], '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
        self.host.run('ceph-authtool', '--create-keyring', keyring[1], '--gen-key', '-n', 'client.admin', '--cap', 'mon', 'allow *',
                      '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *')
        self.host.run('ceph-authtool', keyring[0], '--import-keyring', keyring[1])
        self._tool('ceph-mon', '--mkfs', '-i', 'a', '--keyring', keyring[0])
        self._spawn('mon', 'a')
        for name, mon, extra in ('osd.0', 'allow profile osd', ()), ('mgr.x', 'allow profile mgr', ('mds', 'allow *')):
            self.ceph('auth', 'get-or-create', name, 'mon', mon, 'osd', 'allow *', *extra, '-o', f'{self.root}/{name}.keyring')
        osd = str(uuid.uuid4())
        self.ceph('osd', 'new', osd, '0')
        self._tool('ceph-osd', '--mkfs', '-i', '0', '--osd-uuid', osd)

    def _spawn(self, kind, name):
        if kind not in self.daemons:
            self.daemons[kind] = self.host.spawn(f'ceph-{kind}', '-c', str(self.conf), '-f', '-i', name)

    def start(self):
        for kind, name in ('mon', 'a'), ('osd', '0'), ('mgr', 'x'):
            self._spawn(kind, name)

    def _pids(self):
        return self.host.processes(r'^ceph-(mon|osd|mgr)\0')

    def freeze(self):
        """They keep their connections and answer nothing."""
        subprocess.run(['kill', '-STOP', *map(str, self._pids())], check=True)

    def thaw(self):
        # What entered the private host with them stopped itself when they were.
        wrappers = [lines.process.pid for lines in self.daemons.values()]
        subprocess.run(['kill', '-CONT', *map(str, self._pids() + wrappers)], check=True)

    def end(self):
        self.thaw()
        for pid in self._pids():
            subprocess.run(['kill', f'-{signal.SIGKILL}', str(pid)], check=False)
        for lines in self.daemons.values():
            lines.process.wait()
        self.daemons.clear()
