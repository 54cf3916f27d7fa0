"""Each folder says in at most 30 lines what it is for and what does not belong there."""
import os

import pytest

import source

LINES = 30
# Folders whose content speaks for itself.
WITHOUT = {
    '.ci': 'one line',
    'docs': 'README.md at the top lists the pages',
    'tests/fuzz': 'tests/README.md says it',
    'tests/integration': 'tests/README.md says it',
    'tests/lint': 'tests/README.md says it',
    'tests/unit': 'tests/README.md says it',
}
# Longer ones, by how much and why.
LONGER = {'bench': (60, 'it holds the table of results')}
FOLDERS = sorted({os.path.dirname(n) for n in source.files('.c', '.h', '.py', '.proto', '.service', '.md')} - {''})


@pytest.mark.parametrize('folder', FOLDERS)
def test_readme(folder):
    if any(folder == f or folder.startswith(f + '/') for f in WITHOUT):
        return
    path = source.TOP / folder / 'README.md'
    assert path.exists(), f'{folder} has no README.md'
    assert len(path.read_text().splitlines()) <= LONGER.get(folder, (LINES, ''))[0]
