"""Words that have no place in the source."""
import re

import pytest

import source

# Functions that are hard to use right, with what we use instead.
BANNED = {
    'strcpy': 'g_strlcpy or g_strdup', 'strcat': 'GString', 'strncpy': 'g_strlcpy', 'strncat': 'GString',
    'sprintf': 'g_strdup_printf or g_snprintf', 'vsprintf': 'g_strdup_vprintf', 'gets': 'a bounded read',
    'strtok': 'g_strsplit', 'system': 'common/base/process.h', 'popen': 'common/base/process.h',
    'tmpnam': 'g_mkdtemp', 'mktemp': 'g_mkdtemp', 'tempnam': 'g_mkdtemp', 'alloca': 'an arena',
    'atol': 'a checked conversion', 'rand': 'getrandom', 'srand': 'getrandom', 'sleep': 'a timer of the loop',
    'usleep': 'a timer of the loop',
}
# file: (functions, why)
ALLOWED = {}

C_FILES = source.files('.c', '.h')


@pytest.mark.parametrize('name', C_FILES)
def test_banned_functions(name):
    if name.startswith('tests/'):
        return
    for number, line in enumerate(source.code(name).splitlines(), 1):
        for word in re.findall(r'(?<![\w.>])(\w+)\s*\(', line):
            assert word not in BANNED or word in ALLOWED.get(name, ([], ''))[0], \
                f'{name}:{number}: {word}(): use {BANNED[word]}'


@pytest.mark.parametrize('name', C_FILES)
def test_no_goto(name):
    for number, line in enumerate(source.code(name).splitlines(), 1):
        assert not re.search(r'\bgoto\b', line), f'{name}:{number}: clean-up attributes and small functions instead of goto'


def test_no_places_of_one_machine():
    """Paths of somebody's machine: the project builds and runs anywhere."""
    wrong = re.compile(r'(?<![\w.$)}])/(?:work|root|home/\w+)/\w')
    allowed = {'tests/lint/test_words.py', 'LICENSE'}
    for name in source.files():
        if name in allowed or not name.endswith(('.c', '.h', '.py', '.build', '.md', '.proto', '.sh', '.xml', '.service', '.socket')):
            continue
        for number, line in enumerate(source.text(name).splitlines(), 1):
            assert not wrong.search(line), f'{name}:{number}: {line.strip()}'


@pytest.mark.parametrize('name', source.files('.c', '.h', '.py', '.md', '.build', '.proto'))
def test_plain_text(name):
    content = source.text(name)
    assert content.endswith('\n') or not content, 'the last line does not end'
    assert '\t' not in content, 'tabs'
    assert '\r' not in content, 'carriage returns'
    for number, line in enumerate(content.splitlines(), 1):
        assert line == line.rstrip(), f'line {number} ends in blanks'
