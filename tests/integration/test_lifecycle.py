"""The life of a guest as an administrator drives it with the stock virsh, and the event each step causes.

Persistent and transient guests differ in what is left when they stop; both are driven through everything. The guest is a
real Linux where it has to cooperate (ACPI, reboot), and a boot sector where only QEMU matters.
"""
import os
import re

import pytest

from harness import python_inside, wait_until


@pytest.fixture(scope='module')
def events(host):
    lines = host.events()
    yield lines
    lines.end()


def lifecycle(name, event):
    return rf"event 'lifecycle' for domain '?{name}'?: {event}"


def test_define_and_undefine(host, guest, events):
    g = guest('plain').define()
    events.expect(lifecycle('plain', 'Defined Added'))
    assert 'plain' in host.virsh('list', '--all', '--name').split()
    assert g.state() == 'shut off'
    assert re.search(r'Persistent:\s+yes', host.virsh('dominfo', 'plain'))
    host.virsh('undefine', 'plain')
    events.expect(lifecycle('plain', 'Undefined Removed'))
    assert 'plain' not in host.virsh('list', '--all', '--name').split()


def test_start_and_destroy_persistent(host, guest, events):
    g = guest('pers').define().start()
    events.expect(lifecycle('pers', 'Started Booted'))
    g.wait_up()
    assert g.state() == 'running'
    assert host.virsh('domid', 'pers').strip().isdigit()
    host.virsh('destroy', 'pers')
    events.expect(lifecycle('pers', 'Stopped Destroyed'))
    assert g.state() == 'shut off'
    assert host.virsh('domid', 'pers').strip() == '-'
    assert host.qemu_pid('pers') is None


def test_transient_is_gone_when_it_stops(host, guest, events):
    guest('trans').create().wait_up()
    events.expect(lifecycle('trans', 'Started Booted'))
    assert re.search(r'Persistent:\s+no', host.virsh('dominfo', 'trans'))
    host.virsh('destroy', 'trans')
    events.expect(lifecycle('trans', 'Stopped Destroyed'))
    assert 'trans' not in host.virsh('list', '--all', '--name').split()


def test_undefine_of_a_running_guest_makes_it_transient(host, guest):
    guest('both').define().start()
    host.virsh('undefine', 'both')
    assert 'both' in host.virsh('list', '--transient', '--name').split()
    host.virsh('destroy', 'both')
    assert 'both' not in host.virsh('list', '--all', '--name').split()


def test_suspend_and_resume(host, guest, events):
    g = guest('paused').create().wait_up()
    host.virsh('suspend', 'paused')
    events.expect(lifecycle('paused', 'Suspended Paused'))
    assert g.state() == 'paused'
    assert host.virsh('domstate', 'paused', '--reason').strip() == 'paused (user)'
    host.virsh('resume', 'paused')
    events.expect(lifecycle('paused', 'Resumed Unpaused'))
    assert g.state() == 'running'


def test_start_paused(host, guest):
    g = guest('frozen').create('--paused')
    assert g.state() == 'paused'
    host.virsh('resume', 'frozen')
    g.wait_up()


@pytest.mark.parametrize('machine', ['pc', 'q35'])
def test_acpi_shutdown(host, guest, events, machine):
    name = 'acpi-' + machine
    g = guest(name, kind='kernel', machine=machine).define().start().wait_up()
    host.virsh('shutdown', name)
    events.expect(lifecycle(name, 'Shutdown Finished'))
    events.expect(lifecycle(name, 'Stopped Shutdown'))
    assert g.state() == 'shut off'
    assert host.virsh('domstate', name, '--reason').strip() == 'shut off (shutdown)'
    assert b'virtd-guest: power button' in g.console.read_bytes()


def test_reset_boots_again(host, guest):
    g = guest('again').create().wait_up()
    host.virsh('reset', 'again')
    g.wait_up(times=2)


def test_reboot_boots_again(host, guest, events):
    """ACPI reboot of a guest whose power button means power off: the daemon turns the power off into a reset."""
    g = guest('rebooted', kind='kernel').define().start().wait_up()
    before = host.qemu_pid('rebooted')
    host.virsh('reboot', 'rebooted')
    events.expect(r"event 'reboot' for domain '?rebooted'?")
    g.wait_up(times=2)
    assert host.qemu_pid('rebooted') == before


def test_save_and_restore(host, guest, events):
    g = guest('saved').define().start().wait_up()
    path = str(host.root / 'images/saved.state')
    host.virsh('save', 'saved', path)
    events.expect(lifecycle('saved', 'Stopped Saved'))
    assert g.state() == 'shut off'
    assert host.virsh('domstate', 'saved', '--reason').strip() == 'shut off (saved)'
    host.virsh('restore', path)
    events.expect(lifecycle('saved', 'Started Restored'))
    assert g.state() == 'running'


def test_managed_save(host, guest, events):
    g = guest('managed').define().start().wait_up()
    host.virsh('managedsave', 'managed')
    events.expect(lifecycle('managed', 'Stopped Saved'))
    assert 'managed' in host.virsh('list', '--all', '--with-managed-save', '--name').split()
    host.virsh('start', 'managed')
    events.expect(lifecycle('managed', 'Started Restored'))
    assert g.state() == 'running'
    assert 'managed' not in host.virsh('list', '--all', '--with-managed-save', '--name').split()
    assert g.console.read_bytes().count(g.marker.encode()) <= 1, 'it was booted, not restored'


CROWD = '''
import json, libvirt
c = libvirt.open(None)
xml = "<domain type='qemu'><name>crowd%d</name><memory>1024</memory><os><type>hvm</type></os></domain>"
for d in [c.defineXML(xml % i) for i in range(150)]:
    d.undefine()
print(json.dumps(None))
'''


def test_managed_save_damaged(host, guest):
    """It is booted instead, with the definition it was to be started with, though that is pushed out of memory while the image is read."""
    guest('damaged').define().start().wait_up()
    host.virsh('managedsave', 'damaged')
    image = host.root / 'var/lib/libvirt/qemu/save/damaged.save'
    image.unlink()
    os.mkfifo(image)
    start = host.spawn('virsh', 'start', 'damaged')
    with image.open('wb') as writer:  # once it is being read
        python_inside(host, CROWD)
        writer.write(b'LibvirtQemudPart' + bytes(4096))
    start.expect('started')
    assert host.virsh('domstate', 'damaged').strip() == 'running'


def test_managed_save_removed(host, guest):
    guest('dropped').define().start().wait_up()
    host.virsh('managedsave', 'dropped')
    refused = host.virsh('undefine', 'dropped', check=False)
    assert refused.returncode != 0 and 'managed save' in refused.stderr
    host.virsh('managedsave-remove', 'dropped')
    host.virsh('undefine', 'dropped')


def test_autostart(host, guest):
    guest('auto').define()
    host.virsh('autostart', 'auto')
    assert re.search(r'Autostart:\s+enable', host.virsh('dominfo', 'auto'))
    assert 'auto' in host.virsh('list', '--all', '--autostart', '--name').split()
    assert (host.root / 'etc/libvirt/qemu/autostart/auto.xml').is_symlink()
    host.virsh('autostart', '--disable', 'auto')
    assert 'auto' in host.virsh('list', '--all', '--no-autostart', '--name').split()
    assert not (host.root / 'etc/libvirt/qemu/autostart/auto.xml').is_symlink()


def test_dumpxml_round_trip(host, guest):
    g = guest('round').define()
    first = host.virsh('dumpxml', 'round', '--inactive')
    g.path.write_text(first)
    g.define()
    assert host.virsh('dumpxml', 'round', '--inactive') == first


def test_domstats(host, guest):
    guest('stats').create().wait_up()
    text = host.virsh('domstats', 'stats')
    for key in ('state.state=1', 'balloon.current=', 'vcpu.current=1', 'block.count=1', 'block.0.name=hda', 'cpu.time='):
        assert key in text, f'{key} is not in:\n{text}'


def test_screenshot(host, guest):
    guest('screen', extra="<video><model type='vga'/></video>").create().wait_up()
    path = host.root / 'images/screen.out'
    host.virsh('screenshot', 'screen', str(path))
    assert path.read_bytes()[:4] in (b'P6\n7', b'\x89PNG') or path.read_bytes().startswith(b'P6')


def test_console(host, guest):
    """The console is a shell of the guest: what is typed there runs there."""
    g = guest('shell', kind='kernel', serial=f"<serial type='pty'><log file='{host.root}/images/shell.console'/></serial>")
    g.create().wait_up()
    terminal = host.terminal('virsh', '-c', host.uri, 'console', 'shell')
    try:
        terminal.expect(b'Escape character')
        terminal.ask(b'\r', b'guest# ')
        terminal.type(b'echo answer-$((6*7))\r')
        terminal.expect(b'answer-42')
        terminal.type(b'\035')
        terminal.process.wait(30)
    finally:
        terminal.end()


def test_metadata_title_description(host, guest):
    guest('words').define()
    host.virsh('desc', 'words', '--title', 'A title')
    host.virsh('desc', 'words', 'A longer description')
    host.virsh('metadata', 'words', 'http://example.org/ns', '--key', 'ex', '--set', '<note at="1">n</note>')
    assert host.virsh('desc', 'words', '--title').strip() == 'A title'
    assert host.virsh('desc', 'words').strip() == 'A longer description'
    assert 'at="1"' in host.virsh('metadata', 'words', 'http://example.org/ns').replace("'", '"')


def test_errors_say_what_was_meant(host, guest):
    missing = host.virsh('start', 'nobody', check=False)
    assert missing.returncode != 0 and "nobody" in missing.stderr
    guest('twice').define().start()
    again = host.virsh('start', 'twice', check=False)
    assert again.returncode != 0 and 'already' in again.stderr


def test_list_filters(host, guest):
    guest('f-run').define().start()
    guest('f-off').define()
    guest('f-trans').create()
    host.virsh('suspend', 'f-trans')

    def names(*filters):
        return {n for n in host.virsh('list', '--name', *filters).split() if n.startswith('f-')}

    assert names() == {'f-run', 'f-trans'}
    assert names('--all') == {'f-run', 'f-off', 'f-trans'}
    assert names('--inactive') == {'f-off'}
    assert names('--all', '--persistent') == {'f-run', 'f-off'}
    assert names('--transient') == {'f-trans'}
    assert names('--all', '--state-running') == {'f-run'}
    assert names('--all', '--state-paused') == {'f-trans'}
    assert names('--all', '--state-shutoff') == {'f-off'}


def test_a_guest_that_cannot_start_says_why(host, guest):
    g = guest('broken').define()
    (host.root / 'images/broken.img').unlink()
    done = host.virsh('start', 'broken', check=False)
    assert done.returncode != 0
    assert 'broken.img' in done.stderr
    assert g.state() == 'shut off'


def test_death_of_qemu_is_noticed(host, guest, events):
    g = guest('killed').define().start().wait_up()
    host.run('kill', '-KILL', host.run('pgrep', '-f', 'guest=killed').stdout.split()[0])
    events.expect(lifecycle('killed', 'Stopped (Crashed|Failed)'))
    wait_until(lambda: g.state() == 'shut off', 'the daemon noticed')


def test_a_console_has_one_reader(host, guest):
    """A second reader is told so, unless it takes the terminal by force: then the first one's stream ends."""
    guest('shared', serial="<serial type='pty'/>").create('--paused')
    answers = python_inside(host, r'''
import json, libvirt
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open(None)
d = c.lookupByName("shared")
first, second, third = c.newStream(), c.newStream(), c.newStream()
d.openConsole(None, first, libvirt.VIR_DOMAIN_CONSOLE_SAFE)
def code(f):
    try:
        f()
        return 0
    except libvirt.libvirtError as e:
        return e.get_error_code()
print(json.dumps([code(lambda: d.openConsole(None, second, 0)), code(lambda: d.openConsole(None, third, libvirt.VIR_DOMAIN_CONSOLE_FORCE)),
                  code(lambda: first.recv(10))]))
''')
    assert answers == [9, 0, 78]  # OPERATION_FAILED, taken, OPERATION_ABORTED


ABORTED = 78  # libvirt's number
SAVE_ABORT_SAVE = """
import json, threading, libvirt
libvirt.registerErrorHandler(lambda *a: None, None)
one, other = libvirt.open(None), libvirt.open(None)
d, watched, path, codes = one.lookupByName("undecided"), other.lookupByName("undecided"), PATH, []
def save():
    try:
        d.save(path)
        codes.append(0)
    except libvirt.libvirtError as e:
        codes.append(e.get_error_code())
while codes.count(ABORTED) < 8:
    saving = threading.Thread(target=save)
    saving.start()
    while saving.is_alive() and watched.state() != [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_SAVE]:
        pass
    try:
        watched.abortJob()
    except libvirt.libvirtError:
        pass
    saving.join()
    if watched.isActive():
        save()
    one.restore(path)
print(json.dumps(codes))
"""


def test_save_right_after_an_aborted_one(host, guest):
    """QEMU ends what is cancelled in its own time: the end of the first save is not taken for that of the second."""
    guest('undecided', kind='kernel').define().start().wait_up()
    codes = python_inside(host, SAVE_ABORT_SAVE.replace('PATH', repr(str(host.root / 'images' / 'undecided.save'))).replace('ABORTED', str(ABORTED)))
    assert set(codes) == {0, ABORTED}, codes
