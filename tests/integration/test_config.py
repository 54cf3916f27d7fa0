"""virtqemud.conf: a protection that is not there is not passed over; wrong values name line and key; unknown keys only warn."""
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import BUILD

DAEMON = BUILD / 'virtqemud' / 'virtqemud'


@pytest.fixture
def root():
    """Short: it becomes part of socket addresses."""
    with tempfile.TemporaryDirectory(prefix='vc.', dir='/tmp') as path:
        yield Path(path)


def start(root, text):
    config = root / 'virtqemud.conf'
    config.write_text(text)
    return subprocess.run([DAEMON, '--root', str(root / 'root'), '--config', str(config), '--timeout', '1'], capture_output=True,
                          text=True, timeout=60)


@pytest.mark.parametrize('text, words', [
    ('access_drivers = [ "polkit" ]\n', "access_drivers 'polkit' is not supported"),
    ('auth_unix_rw = "sasl"\n', 'SASL'),
    ('\nmax_clients = "many"\n', ":2: key 'max_clients' must be an integer"),
    ('max_clients = 0\n', 'from 1 to'),
    ('auth_unix_ro = "magic"\n', 'one of none|sasl|polkit'),
    ('log_level = 9\n', 'from 1 to 4'),
    ('log_filters = "7:all"\n', 'LEVEL:MATCH'),
    ('max_clients 5\n', "expected '='"),
    ('log_outputs = "1:file:relative"\n', '/PATH'),
    ('host_uuid = "unclosed\n', 'not closed'),
])
def test_refused(root, text, words):
    done = start(root, text)
    assert done.returncode == 1
    assert words in done.stderr, done.stderr


def test_unknown_key_is_a_warning(root):
    done = start(root, '# a comment\nfrom_the_future = 1\nmax_clients = 7\n')
    assert done.returncode == 0, done.stderr
    assert ":2: unknown key 'from_the_future' is ignored" in done.stderr


def test_options(root):
    assert 'virtqemud' in subprocess.run([DAEMON, '--version'], capture_output=True, text=True, check=True).stdout
    assert '--timeout' in subprocess.run([DAEMON, '--help'], capture_output=True, text=True, check=True).stdout
    assert subprocess.run([DAEMON, '--timeout', 'soon'], capture_output=True).returncode == 2
    assert subprocess.run([DAEMON, '--config', str(root / 'missing'), '--root', str(root)], capture_output=True).returncode == 1
