#!/usr/bin/python3
"""golden.py DOMARGV [--regenerate] [NAME...]: definitions in golden/NAME.xml lead to the command lines in golden/NAME.args.

The command line is what guests see, so a change here is a change of the guests' machine: regenerate only knowing why.
Versioned machine names are those of QEMU 7.2; with another QEMU the test skips (status 77).
"""
import difflib
import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / 'golden'
QEMU = '/usr/bin/qemu-system-x86_64'


def installed_version():
    try:
        return subprocess.run([QEMU, '--version'], capture_output=True, text=True, check=True).stdout.split()[3]
    except (OSError, subprocess.CalledProcessError):
        return 'none'


def command_line(tool, xml):
    done = subprocess.run([tool, '--complete'], input=xml, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return ['error ' + done.stderr.strip()]
    lines = []
    for word in json.loads(done.stdout):
        if word.startswith('-') or not lines or not lines[-1].startswith('-') or ' ' in lines[-1]:
            lines.append(word)
        else:
            lines[-1] += ' ' + word
    return lines


def main():
    tool, *rest = sys.argv[1:]
    regenerate, names = '--regenerate' in rest, [n for n in rest if not n.startswith('--')]
    if not installed_version().startswith('7.2'):
        print(f'skipped: the recorded command lines are for QEMU 7.2, here is {installed_version()}')
        return 77
    failed = 0
    paths = sorted(FOLDER.glob('*.xml'))
    for path in paths:
        if names and path.stem not in names:
            continue
        got, recorded = command_line(tool, path.read_text()), path.with_suffix('.args')
        if regenerate:
            recorded.write_text('\n'.join(got) + '\n')
        want = recorded.read_text().splitlines() if recorded.exists() else []
        if got == want:
            print(f'[       OK ] {path.stem}')
        else:
            failed += 1
            print('\n'.join(difflib.unified_diff(want, got, str(recorded), 'now', lineterm='')))
            print(f'[  FAILED  ] {path.stem}')
    return 1 if failed or not paths else 0


if __name__ == '__main__':
    sys.exit(main())
