"""virt-manager's view of storage, on a display of its own: it lists pools and volumes, and makes one."""
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from storagelab import remove_pools, start_dir_pool, volumes

NEEDED = [program for program in ('virt-manager', 'Xvfb', 'dbus-run-session') if not shutil.which(program)] + \
    [] if importlib.util.find_spec('pyatspi') else ['pyatspi']
pytestmark = pytest.mark.skipif(bool(NEEDED), reason=f'not on this machine: {", ".join(NEEDED)} (tools/install-packages gui)')


@pytest.fixture
def display(tmp_path):
    """An X server that nobody sees; its number."""
    read, write = os.pipe()
    server = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', '1200x900x24'], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        yield f':{number.readline().strip()}'
    server.kill()
    server.wait()


def test_storage(host, display, tmp_path):
    pool = start_dir_pool(host)
    host.virsh('vol-create-as', 'p', 'disk', '3G', '--format', 'qcow2')
    environment = {**host.environment(), 'DISPLAY': display, 'XDG_RUNTIME_DIR': str(tmp_path), 'HOME': str(tmp_path)}
    driver = Path(__file__).with_name('virt_manager.py')
    done = subprocess.run(host._inside(['dbus-run-session', '--', '/usr/bin/python3', str(driver), 'p', 'disk', 'made']), env=environment,
                          capture_output=True, text=True, timeout=400)
    steps = dict(pair for line in done.stdout.splitlines() if line.startswith('{') for pair in json.loads(line).items())
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'p\nFilesystem Directory' in steps['volumes'] and {'disk', '3.00 GiB', 'qcow2'} <= set(steps['volumes'])
    assert 'made.qcow2' in steps['after'] and 'made.qcow2' in volumes(host) and (pool / 'made.qcow2').exists()
    remove_pools(host)
