"""A QEMU that misbehaves: the start fails with what was wrong, nothing is left, and the daemon goes on.

The fake is the real QEMU when it is asked what it can do; when it is to be a guest it plays one of these parts on the
monitor socket it was given.
"""
import os

import pytest

FAKE = r'''#!/usr/bin/python3
import json, os, socket, sys, time
if any(a.startswith('none,') for a in sys.argv):
    os.execv('/usr/bin/qemu-system-x86_64', ['/usr/bin/qemu-system-x86_64'] + sys.argv[1:])
part = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'part')).read().strip()
if part == 'dies':
    sys.stderr.write('the disk is made of cheese\n')
    sys.exit(1)
monitor = socket.socket(fileno=3)
conn, _ = monitor.accept()
say = lambda text: conn.sendall(text.encode() if isinstance(text, str) else text)
greeting = '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n'
if part == 'garbage':
    say(b'\x00\xff not json at all\n')
elif part == 'array':
    say('[1, 2, 3]\r\n')
elif part == 'closes':
    conn.close()
    monitor.close()
elif part == 'huge':
    try:
        for _ in range(20):
            say(b'x' * (1 << 20))
    except OSError:
        pass
elif part == 'deep':
    say('{"QMP":' + '[' * 100000 + '\r\n')
else:
    say(greeting)
    stream = conn.makefile()
    for number, line in enumerate(stream):
        asked = json.loads(line)
        if part == 'wrong-id':
            say('{"return": {}, "id": 4711}\r\n')
        elif part == 'unasked':
            say('{"return": {}}\r\n' * 3)
        elif part == 'refuses' and asked['execute'] != 'qmp_capabilities':
            say(json.dumps({'error': {'class': 'GenericError', 'desc': 'not on a Sunday'}, 'id': asked['id']}) + '\r\n')
        elif part == 'nonsense' and asked['execute'] != 'qmp_capabilities':
            say(json.dumps({'return': {'thread-id': 'x', 'label': 5}, 'id': asked['id']}) + '\r\n')
        elif part == 'hangs-up' and number == 2:
            sys.exit(0)
        else:
            say(json.dumps({'return': {}, 'id': asked['id']}) + '\r\n')
time.sleep(60)
'''

XML = '''<domain type='qemu'><name>liar</name><memory unit='MiB'>16</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><emulator>{}</emulator></devices></domain>'''


@pytest.fixture(scope='module')
def liar(host):
    fake = host.root / 'images' / 'fake-qemu'
    fake.parent.mkdir(exist_ok=True)
    fake.write_text(FAKE)
    fake.chmod(0o755)
    xml = host.root / 'images' / 'liar.xml'
    xml.write_text(XML.format(fake))
    host.virsh('define', str(xml))
    yield fake.with_name('part')
    host.virsh('undefine', 'liar')


@pytest.mark.parametrize('part, words', [
    ('dies', 'made of cheese'), ('garbage', 'not QMP'), ('array', 'not QMP'), ('closes', 'lost the monitor'), ('huge', 'more than 16 MiB'),
    ('deep', 'not QMP'), ('wrong-id', 'not the one asked'), ('unasked', 'not the one asked'), ('refuses', 'not on a Sunday'),
    ('hangs-up', 'lost the monitor')])
def test_start_fails_and_leaves_nothing(host, liar, part, words):
    liar.write_text(part)
    before = host.daemon_pid()
    done = host.virsh('start', 'liar', check=False, timeout=120)
    assert done.returncode != 0
    assert words in done.stderr, done.stderr
    assert 'liar' in done.stderr
    assert host.virsh('domstate', 'liar').strip() == 'shut off'
    assert host.daemon_pid() == before, 'the daemon died'
    assert host.qemu_pid('liar') is None
    assert not [f for f in os.listdir(host.root / 'run/libvirt/qemu') if f.startswith('liar')]


def test_answers_that_make_no_sense(host, liar):
    """Answers of the right form and the wrong content: the guest counts as started, and nobody stumbles over them."""
    liar.write_text('nonsense')
    host.virsh('start', 'liar')
    host.virsh('domstats', 'liar')
    host.virsh('dommemstat', 'liar')
    host.virsh('destroy', 'liar')
    assert host.virsh('domstate', 'liar').strip() == 'shut off'
