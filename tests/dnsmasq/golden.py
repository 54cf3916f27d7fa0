#!/usr/bin/python3
"""golden.py DNSMASQCONF [--regenerate] [NAME...]: networks of tests/conf/fixtures/networks lead to the texts in golden/NAME.txt.

Each must also be taken by the installed dnsmasq (--test), the fixed hosts as options. A network without a file needs no
dnsmasq. With --conformance: only that, for every network of the set in $VIRTD_CONFORMANCE.
"""
import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).parent / 'golden'
FIXTURES = Path(__file__).parents[1] / 'conf' / 'fixtures' / 'networks'
DNSMASQ = shutil.which('dnsmasq', path='/usr/sbin:/usr/bin:/sbin')
NOT_NEEDED = 3


def texts(tool, xml):
    """What dnsmasq gets; None when there is nothing to serve or the network is refused."""
    done = subprocess.run([tool], input=xml, capture_output=True, text=True, timeout=60)
    if done.returncode not in (0, 1, NOT_NEEDED):
        raise SystemExit(f'{tool} ended with {done.returncode}: {done.stderr}')
    return done.stdout if done.returncode == 0 else None


def refused_by_dnsmasq(text):
    """Why dnsmasq does not take it; None when it does."""
    conf, _, rest = text.partition('-- hosts\n')
    hosts = rest.partition('-- addn\n')[0].splitlines()
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(conf + ''.join(f'dhcp-host={host}\n' for host in hosts))
        file.flush()
        done = subprocess.run([DNSMASQ, '--test', f'--conf-file={file.name}'], capture_output=True, text=True, timeout=60)
    return None if done.returncode == 0 else done.stderr.strip()


def check_fixtures(tool, names, regenerate):
    failed = 0
    paths = sorted(FIXTURES.glob('*.xml'))
    for path in paths:
        if names and path.stem not in names:
            continue
        got, recorded = texts(tool, path.read_text()), GOLDEN / f'{path.stem}.txt'
        if regenerate and got is not None:
            recorded.write_text(got)
        want = recorded.read_text() if recorded.exists() else None
        lines = difflib.unified_diff((want or '').splitlines(), (got or '').splitlines(), str(recorded), 'now', lineterm='')
        why = '\n'.join(lines) if got != want else refused_by_dnsmasq(got) if got else None
        print(f'[  FAILED  ] {path.stem}\n{why}' if why else f'[       OK ] {path.stem.replace("-", "_")}')
        failed += bool(why)
    return 1 if failed or not paths else 0


def check_conformance(tool, folder):
    path = os.path.join(folder, 'open', 'network.json')
    if not os.path.exists(path):
        print(f"skipped: no conformance set at '{folder}' (set VIRTD_CONFORMANCE)")
        return 77
    with open(path) as file:
        cases = json.load(file)['cases']
    served = failed = 0
    for name, case in cases.items():
        text = texts(tool, case['xml'])
        why = refused_by_dnsmasq(text) if text else None
        served += text is not None
        failed += why is not None
        if why:
            print(f'{name}: {why}\n{text}')
    print(f'{served} of {len(cases)} networks have a dnsmasq, which refuses {failed}')
    return 1 if failed or not served else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('tool')
    parser.add_argument('names', nargs='*')
    parser.add_argument('--regenerate', action='store_true')
    parser.add_argument('--conformance', action='store_true')
    arguments = parser.parse_args()
    if not DNSMASQ:
        print('skipped: dnsmasq is not installed')
        return 77
    if arguments.conformance:
        return check_conformance(arguments.tool, os.environ.get('VIRTD_CONFORMANCE', ''))
    return check_fixtures(arguments.tool, arguments.names, arguments.regenerate)


if __name__ == '__main__':
    sys.exit(main())
