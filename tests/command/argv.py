#!/usr/bin/python3
"""Compare our command lines with recorded answers of libvirt.

usage: argv.py DOMARGV CONFORMANCE_DIR [--only WORD] [--diff] [--complete]

Feeds the *recorded* definition of every accepted case of category "domain" to DOMARGV (with --complete: the input), and
compares the part `argv` by the rules of the conformance set itself. Skips, with status 77, when the set is not there.
"""
import argparse
import collections
import json
import os
import subprocess
import sys


def ours(tool, xml, masker, inherited):
    done = subprocess.run(tool, input=xml, capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return {'ok': [masker.text(a) for a in json.loads(done.stdout) if not a.startswith(inherited)]}
    if done.returncode == 1:
        code, domain, message = done.stderr.strip().split('\n')[-1].split(' ', 2)
        return {'error': [int(code), int(domain), message]}
    return {'crash': True, 'stderr': done.stderr[-2000:]}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('tool')
    parser.add_argument('folder')
    parser.add_argument('--only', default='')
    parser.add_argument('--diff', action='store_true')
    parser.add_argument('--complete', action='store_true')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    path = os.path.join(arguments.folder, 'open', 'domain.json')
    if not os.path.exists(path):
        print(f'skipped: no conformance set at {arguments.folder}')
        return 77
    sys.dont_write_bytecode = True
    sys.path.insert(0, arguments.folder)
    import diff
    import mask
    inherited = ('PATH=', 'USER=', 'LOGNAME=', 'TMPDIR=', 'LD_LIBRARY_PATH=', 'LD_PRELOAD=')
    with open(path) as f:
        cases = json.load(f)['cases']
    tool = [arguments.tool] + (['--complete'] if arguments.complete else [])
    exact = total = 0
    near = 0.0
    paths, examples = collections.Counter(), {}
    for name, case in cases.items():
        want = case['expect'].get('argv')
        if not want or 'ok' not in want or arguments.only not in name:
            continue
        xml = case['xml'] if arguments.complete else case['expect']['xml']['ok']
        got = ours(tool, xml, mask.Masker([], case['xml']), inherited)
        part = diff.Part('argv', want, got, False)
        total += 1
        exact += part.equal
        near += part.same / part.lines if part.lines else part.equal
        if part.equal:
            continue
        for where in part.paths:
            key = where + (' ' + str(got['error'])[:120] if 'error' in got else '')
            paths[key] += 1
            examples.setdefault(key, name.split('/')[-1])
        if arguments.diff:
            print('=====', name, {k: v for k, v in got.items() if k != 'ok'})
            print(part.text())
    for where, n in paths.most_common(60):
        print(f'{n:4d} {where}   ({examples[where]})')
    print(f'{exact} exact of {total} ({near / max(total, 1):.3f} near)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
