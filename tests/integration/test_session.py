"""An ordinary user's own guests: the session daemon, without root anywhere, over qemu:///session."""
from harness import UP, wait_until

HOST = {'session': True}


def test_a_user_runs_a_guest(host, guest):
    assert host.uid != 0
    g = guest('mine').define().start().wait_up()
    assert g.state() == 'running'
    pid = host.qemu_pid('mine')
    with open(f'/proc/{pid}/status') as status:
        assert f'Uid:\t{host.uid}\t' in status.read()
    host.virsh('destroy', 'mine')


def test_files_are_where_xdg_says(host, guest):
    guest('where').define()
    assert (host.root / 'home/.config/libvirt/qemu/where.xml').exists()


def test_acpi_shutdown(host, guest):
    g = guest('off', kind='kernel', machine='q35').define().start().wait_up()
    assert UP.encode() in g.console.read_bytes()
    host.virsh('shutdown', 'off')
    wait_until(lambda: g.state() == 'shut off', 'the guest powered off')
