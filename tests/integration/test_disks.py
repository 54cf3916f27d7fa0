"""Disks of guests as people have them: encrypted images and servers that want a password, whose secrets come from virtsecretd and
are shown nowhere."""
import base64
import http.server
import re
import subprocess
import threading

import pytest
from harness import wait_until
from storagelab import remove_pools, start_dir_pool

PASSPHRASE = 'a pass phrase for nobody'
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}')


def secret(host, usage, value, attributes=''):
    """Define a secret with that value; its UUID."""
    path = host.root / 'images' / 'secret.xml'
    path.write_text(f'<secret {attributes}>{usage}</secret>')
    uuid = UUID.search(host.virsh('secret-define', str(path))).group(0)
    host.virsh('secret-set-value', uuid, '--base64', base64.b64encode(value.encode()).decode())
    return uuid


@pytest.fixture(autouse=True)
def no_secrets_left(host):
    yield
    for uuid in UUID.findall(host.virsh('secret-list')):
        host.virsh('secret-undefine', uuid)


def replace_disk(guest, disk):
    """The guest with that disk in the place of its own."""
    guest.path.write_text(re.sub(r"<disk type='file' device='disk'>.*?</disk>", disk, guest.xml, count=1, flags=re.S))


def encrypted(host, source, name, fmt):
    """A copy of the image source, encrypted with PASSPHRASE."""
    image, key = host.root / 'images' / name, host.root / 'images' / (name + '.key')
    key.write_text(PASSPHRASE)
    options = {'luks': ['-O', 'luks', '-o', 'key-secret=s,iter-time=10'],
               'qcow2': ['-O', 'qcow2', '-o', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10']}[fmt]
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '--object', f'secret,id=s,file={key}', *options, source, image], check=True)
    key.unlink()
    image.chmod(0o666)
    return image


def assert_shown_nowhere(host, guest, *values):
    """Not on QEMU's command line, not in a log, not in the XML, not in a file that others may read."""
    pid = host.qemu_pid(guest.name)
    words = [form for value in values for form in (value, base64.b64encode(value.encode()).decode())]
    shown = {'the command line': open(f'/proc/{pid}/cmdline').read(), 'the environment': open(f'/proc/{pid}/environ').read(),
             'the XML': host.virsh('dumpxml', guest.name)}
    for directory in ('var/log', 'run/libvirt', 'var/lib/libvirt', 'var/cache'):
        for path in (host.root / directory).rglob('*'):
            if path.is_file() and (path.stat().st_mode & 0o044 or path.suffix == '.log'):
                shown[str(path)] = path.read_text(errors='replace')
    assert [(where, word) for where, text in shown.items() for word in words if word in text] == []
    keys = list((host.root / 'var/lib/libvirt/qemu').glob('domain-*/master-key.aes'))
    assert len(keys) == 1 and keys[0].stat().st_mode & 0o077 == 0


@pytest.mark.parametrize('fmt,driver', [('luks', 'raw'), ('qcow2', 'qcow2')])
@pytest.mark.parametrize('private', ['no', 'yes'])
def test_a_guest_boots_from_an_encrypted_image(host, guest, fmt, driver, private):
    g = guest('luks-' + fmt)
    image = encrypted(host, host.root / 'images' / f'{g.name}.img', g.name + '.luks', fmt)
    uuid = secret(host, f'<usage type="volume"><volume>{image}</volume></usage>', PASSPHRASE, f'ephemeral="no" private="{private}"')
    replace_disk(g, f"<disk type='file' device='disk'><driver name='qemu' type='{driver}'/><source file='{image}'>"
                    f"<encryption format='luks'><secret type='passphrase' uuid='{uuid}'/></encryption></source>"
                    "<target dev='hda' bus='ide'/></disk>")
    g.define().start().wait_up()
    assert_shown_nowhere(host, g, PASSPHRASE)


def test_errors_about_secrets(host, guest):
    g = guest('nokey')
    image = encrypted(host, host.root / 'images' / f'{g.name}.img', g.name + '.luks', 'luks')
    uuid = secret(host, f'<usage type="volume"><volume>{image}</volume></usage>', 'the wrong one')
    replace_disk(g, f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'>"
                    f"<encryption format='luks'><secret type='passphrase' uuid='{uuid}'/></encryption></source>"
                    "<target dev='hda' bus='ide'/></disk>")
    g.define()
    assert 'Invalid password' in host.virsh('start', g.name, check=False).stderr
    host.virsh('secret-undefine', uuid)
    error = host.virsh('start', g.name, check=False).stderr
    assert "disk 'hda'" in error and uuid in error, error
    assert g.state() == 'shut off' and host.qemu_pid(g.name) is None
    assert list((host.root / 'var/lib/libvirt/qemu').glob('domain-*')) == []


class Guarded(http.server.BaseHTTPRequestHandler):
    """A file for those who know user, password and cookie."""
    protocol_version = 'HTTP/1.1'

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        content = self.server.content
        token = base64.b64encode(b'someone:' + PASSPHRASE.encode()).decode()
        if self.headers.get('Authorization') != 'Basic ' + token or self.headers.get('Cookie') != 'one=first; two=second':
            self.send_response(401)
            self.send_header('WWW-Authenticate', 'Basic realm="x"')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        wanted = re.match(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        first, last = (int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)) if wanted else (0, len(content) - 1)
        self.send_response(206 if wanted else 200)
        self.send_header('Accept-Ranges', 'bytes')
        self.send_header('Content-Length', str(last + 1 - first))
        if wanted:
            self.send_header('Content-Range', f'bytes {first}-{last}/{len(content)}')
        self.end_headers()
        if body:
            self.wfile.write(content[first:last + 1])

    def log_message(self, *args):
        pass


@pytest.fixture
def guarded(host):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_guest_boots_from_a_server_with_password_and_cookies(host, guest, guarded):
    g = guest('http')
    guarded.content = (host.root / 'images' / f'{g.name}.img').read_bytes()
    secret(host, '<usage type="iscsi"><target>web</target></usage>', PASSPHRASE)
    replace_disk(g, f"<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='http' name='disk'>"
                    f"<host name='127.0.0.1' port='{guarded.server_port}'/><cookies><cookie name='one'>first</cookie>"
                    "<cookie name='two'>second</cookie></cookies><auth username='someone'><secret type='iscsi' usage='web'/></auth></source>"
                    "<target dev='vda' bus='virtio'/><readonly/></disk>")
    g.define().start().wait_up()
    assert_shown_nowhere(host, g, PASSPHRASE, 'one=first; two=second')


def test_guests_and_their_pool_start_with_the_host(host, guest):
    """As after a boot: the daemon of storage and each of the guests want to start the pool, and whoever comes second takes it as it is."""
    (host.root / 'pools').mkdir(mode=0o755)
    pool = start_dir_pool(host, 'boot')
    for i in range(10000):  # it takes a moment to start
        (pool / f'file-{i}').touch()
    host.virsh('pool-autostart', 'boot')
    names = [f'early-{i}' for i in range(4)]
    for name in names:
        host.virsh('vol-create-as', 'boot', name, '1M')
        one = guest(name)
        replace_disk(one, f"<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='boot' volume='{name}'/>"
                          "<target dev='hda' bus='ide'/></disk>")
        one.define()
        host.virsh('autostart', name)
    host.virsh('pool-destroy', 'boot')
    for daemon in 'virtqemud', 'virtstoraged':
        if host.daemon_pid(daemon):
            host.run('pkill', '-TERM', '-x', daemon)
            wait_until(lambda: not host.daemon_pid(daemon), f'{daemon} is gone')
    for marker in host.root.glob('run/libvirt/*/autostarted'):
        marker.unlink()
    host.virsh('list')
    try:
        wait_until(lambda: all(host.virsh('domstate', name).strip() == 'running' for name in names), 'all guests run')
    finally:
        for name in names:
            host.virsh('destroy', name, check=False)
        remove_pools(host)
