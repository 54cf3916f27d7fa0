"""A full disk: what was asked fails with the reason, what there was stays, and when there is room again it works."""
import re

from harness import Guest


def fill(host, directory, size):
    """A file system of its own that is nearly full, over the directory and only inside the private host."""
    host.run('sh', '-c', f'mount -t tmpfs -o size={size},mode=0711 tmpfs {directory}')


def test_define_on_a_full_disk(host):
    directory = host.root / 'etc/libvirt/qemu'
    host.virsh('list', '--all')
    fill(host, directory, '16k')  # four pages: directory entries are free, content is not
    try:
        made, failed = [], None
        for number in range(10):
            guest = Guest(host, f'full{number}')
            done = host.virsh('define', str(guest.path), check=False)
            if done.returncode:
                failed = done.stderr
                break
            made.append(guest)
        assert failed and 'No space left' in failed, failed
        assert made, 'not even one definition had room'
        names = host.virsh('list', '--all', '--name').split()
        assert f'full{len(made)}' not in names
        for guest in made:
            assert guest.name in names
            text = (host.run('cat', f'{directory}/{guest.name}.xml')).stdout
            assert text.rstrip().endswith('</domain>'), 'a definition was cut'
        assert not re.search(r'\.new', host.run('ls', '-A', str(directory)).stdout)
        # A new version of a definition that does not fit leaves the old one.
        before = host.virsh('dumpxml', made[0].name)
        bigger = made[0].path.with_name('bigger.xml')
        bigger.write_text(before.replace('</domain>', '<description>' + 'x' * 20000 + '</description></domain>'))
        assert host.virsh('define', str(bigger), check=False).returncode
        assert host.virsh('dumpxml', made[0].name) == before
        host.virsh('undefine', made.pop().name)
        again = Guest(host, 'room').define()
        host.virsh('undefine', again.name)
        for guest in made:
            host.virsh('undefine', guest.name)
    finally:
        host.run('umount', str(directory))


def test_save_on_a_full_disk(host):
    guest = Guest(host, 'keeps-running').define().start().wait_up()
    pid, directory = host.qemu_pid(guest.name), host.root / 'var/lib/libvirt/qemu/save'
    fill(host, directory, '256k')
    try:
        done = host.virsh('managedsave', guest.name, check=False)
        assert done.returncode
        assert guest.state() == 'running'
        assert host.qemu_pid(guest.name) == pid
        assert host.run('ls', '-A', str(directory)).stdout.strip() == ''
    finally:
        host.run('umount', str(directory))
    host.virsh('managedsave', guest.name)
    host.virsh('start', guest.name)
    guest.remove()
