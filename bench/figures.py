"""What the suites share: rows of the table, times, and what a daemon used."""
import glob
import pathlib
import statistics
import time

ROWS = []


def row(what, unit, value, limit=None, budget=''):
    ROWS.append({'what': what, 'unit': unit, 'value': value, 'limit': limit, 'budget': budget})
    ratio = f'{value / limit:8.2f}x' if limit else ' ' * 9
    print(f'{what:<46} {value:>10.2f} {unit:<7} {f"{limit:.2f}" if limit else "-":>9} {ratio}  {budget}', flush=True)


def ms(function, *arguments):
    start = time.monotonic()
    result = function(*arguments)
    return (time.monotonic() - start) * 1000, result


def median(values):
    return statistics.median(values)


def daemon(name='virtqemud'):
    for path in glob.glob('/proc/[0-9]*/comm'):
        try:
            if pathlib.Path(path).read_text().strip() == name:
                return int(path.split('/')[2])
        except OSError:
            pass
    return None


def cpu_us(pid):
    """By the process's own clock (clock_getcpuclockid), which also counts threads that have ended."""
    return time.clock_gettime_ns(~pid << 3 | 2) / 1000


def pss_mib(pid):
    for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1]) / 1024
