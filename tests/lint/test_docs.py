"""Documents that name functions and files name ones that exist."""
import re

import pytest

import source

DOCS = source.files('.md')


@pytest.fixture(scope='module')
def all_code():
    return '\n'.join(source.text(n) for n in source.files('.c', '.h', '.py'))


@pytest.mark.parametrize('name', [n for n in DOCS if n.startswith('docs/') or '/' not in n])
def test_functions_exist(name, all_code):
    for function in re.findall(r'`(\w+)\(\)`', source.text(name)):
        assert re.search(rf'\b{function}\(', all_code), f'{name} names {function}(), which does not exist'


@pytest.mark.parametrize('name', DOCS)
def test_files_exist(name):
    folder = (source.TOP / name).parent
    for path in re.findall(r'`((?:common|virtqemud|tests|tools|units|protocol|docs)/[\w./-]+)`', source.text(name)):
        assert (source.TOP / path).exists() or (folder / path).exists(), f'{name} names {path}, which does not exist'
