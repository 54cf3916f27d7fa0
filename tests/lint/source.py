"""The source tree as the lint sees it: the files of ours, their includes and functions."""
import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('VIRTD_TEST_BUILD', TOP / 'build')).resolve()


def files(*suffixes):
    """Tracked and new files, as paths relative to the top; in a tree without git, all files outside build directories."""
    listing = subprocess.run(['git', '-c', f'safe.directory={TOP}', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                             cwd=TOP, capture_output=True)
    if listing.returncode == 0:
        names = listing.stdout.decode().split('\0')
    else:
        names = [str(p.relative_to(TOP)) for p in TOP.rglob('*') if not str(p.relative_to(TOP)).startswith(('build', '.git'))]
    return sorted(n for n in names if n and (not suffixes or n.endswith(suffixes)) and (TOP / n).is_file())


def text(name):
    return (TOP / name).read_text()


def code(name):
    """The text of a C file without comments and string contents; line numbers stay."""
    def blank(match):
        found = match.group(0)
        return '""' if found[0] == '"' else "' '" if found[0] == "'" else re.sub(r'[^\n]', ' ', found)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text(name), flags=re.S)


def includes(name):
    """(own headers, foreign headers) that a C file names."""
    return (re.findall(r'^\s*#\s*include\s+"([^"]+)"', text(name), re.M),
            re.findall(r'^\s*#\s*include\s+<([^>]+)>', text(name), re.M))


def functions(name):
    """(function, first line, number of lines) of each function defined in a C file, in the project's brace style."""
    start, title = None, None
    for number, line in enumerate(code(name).splitlines(), 1):
        if start is None and re.match(r'^[A-Za-z_].*[^;,]$', line) and '(' in line:
            title = (re.findall(r'(\w+)\s*\(', line) or ['?'])[0]
        if line == '{':
            start = number
        elif line == '}' and start is not None:
            yield title, start, number - start + 1
            start = None
