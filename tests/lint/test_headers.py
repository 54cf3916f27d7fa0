"""Each header compiles alone: it includes what it uses, so its users may be in any order."""
import shlex
import subprocess

import pytest

import source

FLAGS = shlex.split(subprocess.run(['pkg-config', '--cflags', 'glib-2.0', 'libxml-2.0', 'libsystemd', 'jansson'],
                                   capture_output=True, text=True).stdout)


@pytest.mark.parametrize('name', source.files('.h'))
def test_header_stands_alone(name):
    assert '#pragma once' in source.text(name)
    run = subprocess.run(['cc', '-std=gnu17', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', '-fsyntax-only',
                          '-include', str(source.BUILD / 'config.h'), '-I', str(source.TOP), '-I', str(source.BUILD), *FLAGS,
                          '-x', 'c', '-'], input=f'#include "{source.TOP / name}"\n', capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
