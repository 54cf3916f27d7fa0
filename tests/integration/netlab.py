"""What the tests of networks share: definitions, hosts on a bridge that are namespaces, and what a network may not leave."""
import contextlib
import json
import time

from harness import wait_until

NAT = '''<network>
  <name>{name}</name>
  <forward mode='nat'/>
  <bridge name='{bridge}'/>
  <ip address='{prefix}.1' netmask='255.255.255.0'>
    <dhcp><range start='{prefix}.2' end='{prefix}.254'/></dhcp>
  </ip>
</network>
'''


def write(host, name, xml):
    path = host.root / f'{name}.xml'
    path.write_text(xml)
    path.chmod(0o644)
    return str(path)


def nat(name, bridge, prefix='10.91.1'):
    return NAT.format(name=name, bridge=bridge, prefix=prefix)


@contextlib.contextmanager
def active(host, name, xml):
    """A transient network while the block runs."""
    host.virsh('net-create', write(host, name, xml))
    try:
        yield name
    finally:
        host.virsh('net-destroy', name, check=False)


def traces(host):
    """Whatever a network makes: interfaces, rules, processes, files. Equal before and after, or something was left."""
    links = {link['ifname'] for link in json.loads(host.run('ip', '-j', 'link').stdout)}
    files = {str(path.relative_to(host.root)) for top in ('etc', 'run', 'var') for path in (host.root / top).rglob('*')
             if not path.is_socket() and '/log/' not in str(path) and '/common' not in str(path)}
    ignored = {'run/virtqemud.pid', 'run/virtnetworkd.pid', 'run/leaseshelper.pid'}
    return {'links': links, 'rules': host.run('nft', 'list', 'ruleset').stdout, 'files': files - ignored,
            'processes': host.processes(r'dnsmasq|leaseshelper'), 'routes': host.run('ip', 'route').stdout,
            'routes6': [line for line in host.run('ip', '-6', 'route').stdout.splitlines() if 'fe80' not in line]}


class Station:
    """A machine on a bridge: a network namespace behind a pair of virtual cables, with the tools of busybox."""

    def __init__(self, host, name, bridge, mac=None):
        self.host, self.cable = host, f'c-{name}'
        self.name = f'{host.root.name}.{name}'  # names of namespaces are this machine's: other tests run beside us
        host.run('ip', 'netns', 'add', self.name)
        host.run('ip', 'link', 'add', self.cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', self.name)
        if mac:
            self.run('ip', 'link', 'set', 'eth0', 'address', mac)
        if bridge:
            host.run('ip', 'link', 'set', self.cable, 'master', bridge)
        host.run('ip', 'link', 'set', self.cable, 'up')
        self.run('ip', 'link', 'set', 'lo', 'up')
        self.run('ip', 'link', 'set', 'eth0', 'up')

    def run(self, *command, check=True, **options):
        return self.host.run('ip', 'netns', 'exec', self.name, *command, check=check, **options)

    def spawn(self, *command):
        return self.host.spawn('ip', 'netns', 'exec', self.name, *command)

    def address(self, text):
        self.run('ip', 'addr', 'add', text, 'dev', 'eth0', *(['nodad'] if ':' in text else []))

    def route(self, gateway):
        self.run('ip', *(['-6'] if ':' in gateway else []), 'route', 'replace', 'default', 'via', gateway)

    def dhcp(self, hostname='station'):
        """Ask for an address; the address that was given."""
        script = self.host.root / 'udhcpc'
        if not script.exists():
            script.write_text('#!/bin/sh\n[ "$1" = bound ] || exit 0\nip addr flush dev $interface\nip addr add $ip/$mask dev $interface\n'
                              '[ -z "$router" ] || ip route replace default via $router\necho "lease $ip dns $dns router $router"\n')
            script.chmod(0o755)

        def ask():
            done = self.run('busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', '5', '-T', '1', '-s', str(script),
                            '-x', f'hostname:{hostname}', check=False)
            words = done.stdout.split()
            return words[words.index('lease') + 1] if 'lease' in words else None
        return wait_until(ask, f'{self.name} has an address')

    def reaches(self, address):
        """Does it answer a ping? Asked until it does, for a while: bridges and neighbours take their time."""
        return self._pings(address, 10)

    def misses(self, address):
        """It does not answer; one try with a second of patience is enough once the way was seen to work for others."""
        return not self._pings(address, 1)

    def _pings(self, address, tries):
        for _ in range(tries):
            if self.run('busybox', 'ping', '-c', '1', '-W', '1', address, check=False).returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def remove(self):
        self.host.run('ip', 'link', 'del', self.cable, check=False)
        self.host.run('ip', 'netns', 'del', self.name, check=False)
