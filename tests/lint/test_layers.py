"""Who may include whom. A layer that leaks is a design that has ended: these rules are tests, not wishes."""
import re

import pytest

import source

# Lower floors first. A floor includes itself and the floors below it, but for the exceptions.
FLOORS = ['base', 'rpc', 'xml', 'conf', 'store', 'host', 'daemon']
NOT_INCLUDED_BY = {
    'rpc': ['xml', 'conf'],  # definitions are read by tools that have no wire
}

DAEMONS = ['virtqemud', 'virtnetworkd', 'virtstoraged', 'virtnodedevd', 'virtproxyd', 'virtsecretd', 'virtnwfilterd',
           'virtinterfaced']

# A foreign library is included from one folder: swapping or upgrading it is then the work of one folder.
# header prefix: (folders, why more than one)
FOREIGN = {
    'libxml/': (['common/xml'], ''),
    'jansson.h': (['virtqemud', 'virtnetworkd/dnsmasq', 'virtstoraged/backend'],
                  'JSON values are passed around as they are; leases are a JSON file; tools report in JSON'),
    'systemd/sd-event.h': (['common/base'], ''),
    'systemd/sd-journal.h': (['common/base'], ''),
    'systemd/sd-daemon.h': (['common/daemon'], ''),
    'systemd/sd-bus.h': (['common/host'], ''),
    'systemd/sd-device.h': (['common/host'], ''),
    'libmnl/': (['common/host'], ''),
    'libnftnl/': (['virtnetworkd/firewall'], ''),
    'nettle/': (['virtqemud/device'], ''),
    'iscsi/': (['virtstoraged/backend/iscsi_direct'], ''),
    'rados/': (['virtstoraged/backend/rbd'], ''),
    'rbd/': (['virtstoraged/backend/rbd'], ''),
    'valgrind/': (['common/base'], ''),
    'sanitizer/': (['common/base'], ''),
    'cpuid.h': (['virtqemud/caps'], ''),
    'cmocka.h': (['tests/unit'], ''),
}
EVERYWHERE = re.compile(
    r'^(glib\.h|glib/gstdio\.h|sys/.*|net/.*|netinet/.*|arpa/.*|linux/.*|'
    r'(assert|byteswap|ctype|dirent|dlfcn|endian|errno|execinfo|fcntl|fnmatch|getopt|glob|grp|inttypes|libgen|limits|link|locale|'
    r'malloc|math|mntent|netdb|poll|pthread|pwd|regex|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|'
    r'stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|threads|time|ucontext|unistd|utime|wchar)\.h)$')

C_FILES = source.files('.c', '.h')


def floor_of(path):
    parts = path.split('/')
    return parts[1] if parts[0] == 'common' and len(parts) > 2 else None


def may_include(name, header):
    top, target = name.split('/')[0], header.split('/')[0]
    if top == 'tests' or target == top and top != 'common':
        return True
    if target in DAEMONS:
        return False
    if top == 'tools' or target in ('tests', 'tools'):
        return False
    own, other = floor_of(name), floor_of(header)
    if own is None or other is None:
        return True
    return FLOORS.index(other) <= FLOORS.index(own) and own not in NOT_INCLUDED_BY.get(other, [])


def test_every_floor_is_known():
    assert {floor_of(n) for n in C_FILES} - {None} <= set(FLOORS)


@pytest.mark.parametrize('name', C_FILES)
def test_includes(name):
    own, foreign = source.includes(name)
    for header in own:
        beside = '/' not in header and name.startswith('tests/')
        assert '/' in header or beside or header == 'config.h', f'"{header}" is not named from the top of the tree'
        assert may_include(name, header), f'{name} may not include {header}'
    for header in foreign:
        rows = [folders for prefix, (folders, _) in FOREIGN.items() if header.startswith(prefix)]
        if rows:
            assert any(name.startswith(folder + '/') for folder in rows[0]), f'<{header}> is included from {rows[0]} only'
        else:
            assert EVERYWHERE.match(header), f'<{header}> has no row in the table of foreign libraries'


def test_exceptions_have_reasons():
    for header, (folders, why) in FOREIGN.items():
        assert len(folders) == 1 or why, f'{header} is included from {folders} without a reason'
