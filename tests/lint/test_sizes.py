"""What no longer fits in a head gets a reason, or gets divided."""
import pytest

import source

FILE_LINES, FUNCTION_LINES = 1000, 120

# Longer than the limit, with the reason. A row that is no longer needed fails.
LONG_FILES = {}
LONG_FUNCTIONS = {}


@pytest.mark.parametrize('name', source.files('.c', '.h', '.py'))
def test_file_size(name):
    lines = source.text(name).count('\n')
    assert lines <= FILE_LINES or name in LONG_FILES, f'{lines} lines: divide it, or give a reason in LONG_FILES'
    assert lines > FILE_LINES or name not in LONG_FILES, 'the row in LONG_FILES is not needed'


@pytest.mark.parametrize('name', source.files('.c', '.h'))
def test_function_sizes(name):
    for function, line, lines in source.functions(name):
        key = f'{name}:{function}'
        assert lines <= FUNCTION_LINES or key in LONG_FUNCTIONS, f'{key} (line {line}) has {lines} lines'


def test_a_small_device_stays_small():
    """A trivial device kind is two small files and a row in each of two arrays: rng is the measure."""
    lines = sum(source.text(f'{folder}/device/rng.c').count('\n') for folder in ('common/conf/domain', 'virtqemud'))
    assert lines <= 150
