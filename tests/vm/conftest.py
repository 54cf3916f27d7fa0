"""Fixtures of the VM tests. They run inside the machine, as root: see run.

A test belongs to the first boot, or to the one that @pytest.mark.boot(N) says; between two the machine is restarted.
"""
from pathlib import Path

import pytest

import host
from pools import faults, group, pools_gone  # noqa: F401
from storage import cifs_server, fc_host, iscsi_target, kernel_target, multipath_disk, nfs_server, scsi_disk, spare_disks  # noqa: F401

JOURNAL_LINES = 80


def pytest_addoption(parser):
    parser.addoption('--boot', type=int, default=1, help='which boot of the machine this is')


def boot_of(item):
    marker = item.get_closest_marker('boot')
    return marker.args[0] if marker else 1


def pytest_configure(config):
    if not Path('/var/lib/virtd-vm').exists():
        pytest.exit('these tests change the machine they run on: start them with tests/vm/run', returncode=4)
    config.addinivalue_line('markers', 'boot(number): after which boot of the machine the test runs')


def pytest_collection_modifyitems(config, items):
    now = config.getoption('--boot')
    others = [item for item in items if boot_of(item) != now]
    if any(boot_of(item) > now for item in others):
        Path('/var/lib/virtd-vm/again').touch()
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if boot_of(item) == now]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        report.sections.append(('journal', host.journal(JOURNAL_LINES, '_TRANSPORT=stdout', '_TRANSPORT=journal', '_TRANSPORT=syslog')))


@pytest.fixture(scope='session')
def installed():
    """Our build, installed and its sockets enabled, as an administrator does it after unpacking a package."""
    host.install()
    host.enable()
