"""python3-libvirt: an application with an event loop sees what happens to guests, and the API answers as it expects."""
import json

import pytest

from harness import BOOTSECTOR_UP, python_inside, wait_until

LISTENER = r'''
import json, sys, threading, libvirt
libvirt.virEventRegisterDefaultImpl()
c = libvirt.open(sys.argv[1])
def tell(*fields):
    print(json.dumps(fields), flush=True)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda c, d, e, detail, o: tell("lifecycle", d.name(), e, detail), None)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, lambda c, d, o: tell("reboot", d.name()), None)
c.registerCloseCallback(lambda c, reason, o: tell("closed", reason), None)
c.setKeepAlive(5, 3)
tell("ready")
while True:
    libvirt.virEventRunDefaultImpl()
'''
DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, STOPPED = range(6)


@pytest.fixture
def listener(host):
    lines = host.spawn('/usr/bin/python3', '-c', LISTENER, host.uri)
    lines.expect('"ready"')
    yield lines
    lines.end()


def seen(listener, name, event, detail=None):
    pattern = rf'"lifecycle", "{name}", {event}, ' + (str(detail) if detail is not None else '')
    return json.loads(listener.expect(pattern))


def test_lifecycle_events(host, guest, listener):
    guest('pyev').define().start()
    seen(listener, 'pyev', DEFINED, 0)
    seen(listener, 'pyev', STARTED, 0)
    host.virsh('suspend', 'pyev')
    seen(listener, 'pyev', SUSPENDED, 0)
    host.virsh('resume', 'pyev')
    seen(listener, 'pyev', RESUMED, 0)
    host.virsh('destroy', 'pyev')
    seen(listener, 'pyev', STOPPED, 1)
    host.virsh('undefine', 'pyev')
    seen(listener, 'pyev', UNDEFINED, 0)


def test_close_callback_when_the_daemon_dies(host, listener):
    import os
    import signal
    os.kill(host.daemon_pid(), signal.SIGKILL)
    listener.expect('"closed"')


def test_api(host, guest):
    guest('api').create().wait_up()
    answers = python_inside(host, r'''
import json, libvirt
c = libvirt.open(None)
d = c.lookupByName("api")
info = d.info()
state, reason = d.state()
print(json.dumps({
    "alive": c.isAlive(), "type": c.getType(), "uri": c.getURI(), "host": c.getHostname(), "lib": c.getLibVersion(),
    "same": c.lookupByUUIDString(d.UUIDString()).ID() == c.lookupByID(d.ID()).ID(),
    "state": state, "info": info, "active": d.isActive(), "persistent": d.isPersistent(), "os": d.OSType(),
    "ids": c.listDomainsID(), "names": [x.name() for x in c.listAllDomains()],
    "stats": list(c.getAllDomainStats()[0][1].keys())}))
''')
    assert answers['alive'] == 1 and answers['type'] == 'QEMU' and answers['uri'] == host.uri
    assert answers['same'] and answers['state'] == 1 and answers['active'] == 1 and answers['persistent'] == 0
    assert answers['os'] == 'hvm' and 'api' in answers['names'] and len(answers['ids']) >= 1
    assert answers['info'][:1] == [1] and answers['info'][3] == 1
    assert 'state.state' in answers['stats']


def test_errors_carry_codes(host):
    codes = python_inside(host, r'''
import json, libvirt
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open(None)
def code(f):
    try:
        f()
    except libvirt.libvirtError as e:
        return [e.get_error_code(), e.get_error_domain()]
print(json.dumps([code(lambda: c.lookupByName("nobody")), code(lambda: c.defineXML("<domain/>")),
                  code(lambda: c.defineXML("no xml at all")), code(lambda: libvirt.openReadOnly(None).defineXML("<domain/>"))]))
''')
    assert codes[0] == [42, 10]
    assert codes[1][0] in (27, 67, 1) and codes[2][0] in (27, 35)
    assert codes[3][0] == 29


def test_console_stream(host, guest):
    """A stream both ways: what the guest prints arrives, and the end of the guest ends the stream."""
    guest('stream', serial="<serial type='pty'/>").create('--paused')
    text = python_inside(host, r'''
import json, libvirt
c = libvirt.open(None)
d = c.lookupByName("stream")
s = c.newStream()
d.openConsole(None, s, 0)
d.resume()
got = b""
while b"up\r\n" not in got:
    got += s.recv(4096)
s.abort()
print(json.dumps(got.decode(errors="replace")))
''')
    assert BOOTSECTOR_UP in text
