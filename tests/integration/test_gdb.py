"""A suspended fiber has no thread; the debugger helper shows it, what it waits for, and where."""
import os
import pathlib
import shutil
import signal
import threading

import pytest

from harness import Guest, wait_until

HELPER = pathlib.Path(__file__).resolve().parents[2] / 'tools' / 'gdb' / 'fibers.py'


@pytest.mark.skipif(not shutil.which('gdb'), reason='gdb is not installed')
def test_suspended_fiber_is_listed(host):
    guest = Guest(host, 'listed').create().wait_up()
    pid = host.qemu_pid('listed')
    os.kill(pid, signal.SIGSTOP)
    caller = threading.Thread(target=host.virsh, args=('suspend', 'listed'), kwargs={'check': False, 'timeout': 120})
    caller.start()
    try:
        listing = ''

        def seen():
            nonlocal listing
            listing = host.run('sh', '-c', f'gdb -q -batch -p $(pidof virtqemud) -x {HELPER} -ex fibers 2>&1', check=False).stdout
            return 'virDomainSuspend' in listing

        wait_until(seen, 'the fiber of the suspending call')
        assert "'virDomainSuspend' waits for an answer of QEMU" in listing
        assert 'qmp_call' in listing
    finally:
        os.kill(pid, signal.SIGCONT)
        caller.join()
    guest.remove()
