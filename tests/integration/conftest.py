"""Fixtures of the integration tests. A module gets one private host; a failed test shows what its daemons logged."""
import os

import pytest

import harness

LOG_LINES = 60
# Scripts that take longest begin first, so that those that run side by side end together.
LONGEST = ['test_virt_install', 'test_block_kills', 'test_forward_modes', 'test_volume_copies', 'test_lifecycle', 'test_iscsi_direct',
           'test_guest_networks', 'test_hotplug', 'test_rbd', 'test_disks', 'test_disk_sources', 'test_firewall']


def pytest_collection_modifyitems(items):
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


def have_daemon():
    return os.access(harness.BUILD / 'virtqemud' / 'virtqemud', os.X_OK)


@pytest.fixture(scope='module')
def host(request):
    """A private host for the module. `HOST = {...}` in the module gives options to harness.Host."""
    if not have_daemon():
        pytest.skip(f'virtqemud is not built in {harness.BUILD}')
    if os.getuid() != 0:
        pytest.skip('the tests enter the private host as root')
    started = harness.Host(**getattr(request.module, 'HOST', {}))
    yield started
    reports = started.sanitizer_reports()
    started.end()
    assert not reports, reports[0]


@pytest.fixture
def guest(host, request):
    """Makes guests that are gone after the test: guest('name', kind='kernel', ...)."""
    made = []

    def make(name, **options):
        made.append(harness.Guest(host, name, **options))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    host = getattr(item, 'funcargs', {}).get('host')
    if report.failed and host and host.log.exists():
        lines = host.log.read_text(errors='replace').splitlines()[-LOG_LINES:]
        report.sections.append(('virtqemud.log', '\n'.join(lines)))
