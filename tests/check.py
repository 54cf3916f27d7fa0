#!/usr/bin/python3
"""Build and test everything; the program behind ./check.

Each test counts once, by its own name, as passed, failed or skipped; a part that cannot even start counts as one failure.
The last line is "N passed, N failed, N skipped"; the exit status is 0 only when nothing failed and something passed.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
AT_ONCE = str(min((os.cpu_count() or 1) + 1, 4))  # scripts of tests, fuzz targets: most of them wait most of the time
SIDE_BY_SIDE = ['-n', AT_ONCE, '--dist', 'loadfile']  # each script has a host of its own
FAILURE_TAIL = 120  # lines of a failed step's log that are shown

# Not with sanitizers: what measures time.
TIMED = ['test_stuck', 'test_devhost']
# All integration tests run with sanitizers; these with the ordinary build as well, the one that is installed: each daemon once whole,
# clients, and what depends on the order of things. `--twice` runs all with both.
ORDINARY = [*TIMED, 'test_crash', 'test_lifecycle', 'test_networks', 'test_network_crash', 'test_storage', 'test_storage_crash',
            'test_pool_health', 'test_secrets', 'test_relay', 'test_rpc_clients', 'test_virt_manager']

SANITIZERS = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:strict_string_checks=1',
    'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1',
}


class Count:
    """What has been tested so far."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []

    def add(self, name, outcome, why=''):
        if outcome == 'passed':
            self.passed += 1
        elif outcome == 'skipped':
            self.skips.append((name, why))
        else:
            self.failures.append((name, why))

    def line(self):
        return f'{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped'


def say(text):
    print(text, flush=True)


def run(command, log, env=None, show=False, timeout=None):
    """Run command with its output in log (and on the terminal, if show); returns whether it succeeded."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'wb') as out:
        process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if show else out,
                                   stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        while show and (piece := process.stdout.read1(4096)):
            out.write(piece)
            out.flush()
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
        try:
            return process.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            out.write(f'\nkilled after {timeout} s\n'.encode())
            return False


def show_tail(log):
    lines = log.read_text(errors='replace').splitlines()
    for line in lines[-FAILURE_TAIL:]:
        say('    ' + line)


def build(name, count, *options, env=None):
    """Configure once and build TOP/name; returns whether it worked."""
    directory, log = TOP / name, TOP / name / 'check-logs' / 'build.log'
    started = time.monotonic()
    say(f'==> build in {name}')
    fresh = not (directory / 'build.ninja').exists()
    configured = not fresh or run(['meson', 'setup', str(directory), *options], log, env)
    done = configured and run(['ninja', '-C', str(directory)], log, env)
    if not done:
        count.add(f'build of {name}', 'failed', 'see above')
        show_tail(log)
    say(f'    {"done" if done else "FAILED"} in {time.monotonic() - started:.0f} s')
    return done


def count_cmocka(label, entry, count):
    """One meson entry is one cmocka program: count its tests by their names."""
    output = entry.get('stdout') or ''
    output += entry.get('stderr') or ''
    program = f"{label}:{entry['name'].split(' / ')[-1]}"
    passed = re.findall(r'^\[\s+OK \] (\S+)', output, re.M)
    skipped = set(re.findall(r'^\[\s+SKIPPED \] ([a-z]\S*)$', output, re.M))
    failed = set(re.findall(r'^\[\s+(?:FAILED|ERROR)\s*\] ([a-z]\S*)$', output, re.M))
    for name in passed:
        count.add(f'{program}.{name}', 'passed')
    for name in skipped:
        count.add(f'{program}.{name}', 'skipped', 'the test skipped itself')
    for name in failed:
        count.add(f'{program}.{name}', 'failed')
    ended_well = entry['result'] in ('OK', 'EXPECTEDFAIL')
    if ended_well and not (passed or skipped or failed):
        count.add(program, 'passed')
    elif entry['result'] == 'SKIP' and not skipped:
        count.add(program, 'skipped', 'the program skipped itself')
    elif not ended_well and entry['result'] != 'SKIP':
        if not failed:
            count.add(program, 'failed', entry['result'])
        say(f"    {program}: {entry['result']}")
        for line in output.splitlines()[-FAILURE_TAIL:]:
            say('    ' + line)


def unit(build_name, label, count, env=None):
    directory = TOP / build_name
    results = directory / 'meson-logs' / 'testlog.json'
    results.unlink(missing_ok=True)
    say(f'==> unit tests in {build_name}')
    run(['meson', 'test', '-C', str(directory), '--no-rebuild', '--suite', 'unit', '--timeout-multiplier', '4'],
        directory / 'check-logs' / 'unit.log', env)
    entries = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if not entries:
        count.add(f'{label} tests', 'failed', 'meson ran none')
    for entry in entries:
        count_cmocka(label, entry, count)
    say('    ' + count.line())


def junit_outcome(case):
    for tag, outcome in (('failure', 'failed'), ('error', 'failed'), ('skipped', 'skipped')):
        if (element := case.find(tag)) is not None:
            return outcome, element.get('message', '').splitlines()[0][:200] if element.get('message') else ''
    return 'passed', ''


def count_junit(prefix, files, count):
    """Returns how many tests were found in these results."""
    cases = [case for path in files for case in ElementTree.parse(path).iter('testcase')]
    for case in cases:
        count.add(f"{prefix}:{case.get('classname')}.{case.get('name')}", *junit_outcome(case))
    return len(cases)


def pytest(folder, count, build_name='build', env=None, options=()):
    directory = TOP / build_name
    results = directory / 'check-logs' / f'{folder}.xml'
    results.unlink(missing_ok=True)
    say(f'==> {folder} tests' + (f' of {build_name}' if build_name != 'build' else ''))
    run(['/usr/bin/python3', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--color=no', f'--junitxml={results}',
         f'tests/{folder}', *options], directory / 'check-logs' / f'{folder}.log',
        {'VIRTD_TEST_BUILD': str(directory), 'PYTHONDONTWRITEBYTECODE': '1', **(env or {})}, show=True)
    if not count_junit(folder + build_name[5:], [results] if results.exists() else [], count):
        count.add(f'{folder} tests', 'failed', 'pytest ran none')


def vm(count):
    """Each script of tests/vm in a machine of its own. One that did not live to the end of its script is a failure."""
    say('==> vm tests')
    if not run(['tools/install-packages', 'vm'], TOP / 'build' / 'check-logs' / 'vm-packages.log'):
        count.add('vm tests', 'failed', 'the packages of group vm are not there')
        return
    results = TOP / 'build' / 'vm'
    shutil.rmtree(results, ignore_errors=True)
    done = run(['tests/vm/run', '--results', str(results)], TOP / 'build' / 'check-logs' / 'vm.log', {'PYTHONDONTWRITEBYTECODE': '1'}, show=True)
    failures = len(count.failures)
    for script in sorted(p.stem.removeprefix('test_') for p in (TOP / 'tests' / 'vm').glob('test_*.py')):
        ended = results / script / 'ended'
        count_junit('vm', sorted((results / script).glob('junit-*.xml')), count)
        if not ended.exists():
            count.add(f'vm:{script}', 'failed', 'its machine did not live to the end')
    if not done and len(count.failures) == failures:
        count.add('vm tests', 'failed', 'tests/vm/run failed')


def fuzz_one(target, seconds, count):
    say(f'==> fuzz {target.name} for {seconds} s')
    found = target.parent / 'found' / target.name
    found.mkdir(parents=True, exist_ok=True)
    seeds = [str(d) for d in [TOP / 'tests' / 'fuzz' / 'corpus' / target.name] if d.is_dir()]
    log = TOP / 'build-fuzz' / 'check-logs' / f'{target.name}.log'
    done = run([str(target), f'-max_total_time={seconds}', '-rss_limit_mb=2048', '-timeout=10', '-print_final_stats=1',
                f'-artifact_prefix={found}-', str(found), *seeds], log, SANITIZERS, timeout=seconds * 5 + 120)
    count.add(f'fuzz:{target.name}', 'passed' if done else 'failed', '' if done else 'see above')
    if not done:
        show_tail(log)


def fuzz(seconds, count):
    compiler = {'CC': shutil.which('clang-14') or 'clang'}
    if not build('build-fuzz', count, '-Dfuzzers=true', '-Db_lundef=false', env=compiler):
        return
    folder = TOP / 'build-fuzz' / 'tests' / 'fuzz'
    targets = sorted(p for p in folder.glob('fuzz_*') if p.is_file() and os.access(p, os.X_OK))
    if not targets:
        count.add('fuzz targets', 'failed', f'none was built in {folder}')
    with concurrent.futures.ThreadPoolExecutor(int(AT_ONCE)) as pool:
        list(pool.map(lambda target: fuzz_one(target, seconds, count), targets))


def parse_arguments():
    parts = ['lint', 'unit', 'integration', 'integration-asan', 'systemd', 'fuzz']  # without vm, which is asked for
    parser = argparse.ArgumentParser(prog='check', description=__doc__.splitlines()[0])
    parser.add_argument('--only', default=','.join(parts), help='parts, separated by commas: ' + ', '.join([*parts, 'vm']))
    parser.add_argument('--vm', action='store_true', help='also tests/vm, in real machines: slow')
    parser.add_argument('--twice', action='store_true', help='all integration tests with the ordinary build too')
    parser.add_argument('--fuzz-seconds', type=int, default=10, help='for each target (10)')
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(',')
    if arguments.vm:
        arguments.only.append('vm')
    if unknown := set(arguments.only) - {*parts, 'vm'}:
        parser.error(f"unknown part {', '.join(unknown)}")
    return arguments


def options_of(part, twice):
    if part != 'integration':
        return ()
    left_out = [] if twice else [p for p in (TOP / 'tests' / 'integration').glob('test_*.py') if p.stem not in ORDINARY]
    return [*SIDE_BY_SIDE, *(f'--ignore={path}' for path in left_out)]


def main():
    arguments, count, started = parse_arguments(), Count(), time.monotonic()
    built = build('build', count, '-Dwerror=true', '--prefix=/usr') if set(arguments.only) - {'fuzz'} else False
    if 'lint' in arguments.only:
        pytest('lint', count)
    if 'unit' in arguments.only and built:
        unit('build', 'unit', count)
    # Without -Werror: sanitizer code makes the compiler see null pointers that are not there.
    sanitized = {'unit', 'integration-asan'} & set(arguments.only) and \
        build('build-asan', count, '-Db_sanitize=address,undefined', '-Db_lundef=false', '--prefix=/usr')
    if 'unit' in arguments.only and sanitized:
        unit('build-asan', 'unit-asan', count, SANITIZERS)
    if 'integration-asan' in arguments.only and sanitized:
        # A leak is no failure of a call, and is looked for by the unit tests.
        pytest('integration', count, 'build-asan', {**SANITIZERS, 'ASAN_OPTIONS': 'detect_leaks=0', 'VIRTD_TEST_PATIENCE': '2'},
               [*SIDE_BY_SIDE, *(f'--ignore=tests/integration/{script}.py' for script in TIMED)])
    for part in ('integration', 'systemd'):
        if part in arguments.only and built and list((TOP / 'tests' / part).glob('test_*.py')):
            pytest(part, count, options=options_of(part, arguments.twice))
    if 'vm' in arguments.only and built:
        vm(count)
    if 'fuzz' in arguments.only:
        fuzz(arguments.fuzz_seconds, count)
    say('')
    for name, why in count.skips:
        say(f'skipped {name}: {why}')
    for name, why in count.failures:
        say(f'FAILED {name}{": " + why if why else ""}')
    say(f'{time.monotonic() - started:.0f} s')
    say(count.line())
    sys.exit(0 if count.passed and not count.failures else 1)


if __name__ == '__main__':
    main()
