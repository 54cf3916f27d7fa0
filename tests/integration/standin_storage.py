"""A stand-in for the storage daemon, for what is relayed to it: one pool, one volume, streams both ways, and bad manners."""
import re
import socket
import struct
import threading
from pathlib import Path

REMOTE = 0x20008086
CALL, REPLY, MESSAGE, STREAM = range(4)
OK, ERROR, CONTINUE = range(3)
CHUNK = 262120
PROTO = (Path(__file__).parents[2] / 'protocol' / 'remote.proto').read_text()
PROC = {name: int(number) for number, name in re.findall(r'^procedure (\d+) (\w+)', PROTO, re.M)}


def xdr(text):
    data = text.encode()
    return struct.pack('>I', len(data)) + data + bytes(-len(data) % 4)


POOL = xdr('pool') + bytes(16)
VOLUME = xdr('pool') + xdr('volume') + xdr('/key')


class Storage:
    """Listens at path until end(). content is what is downloaded; uploads are added to uploaded."""

    def __init__(self, path, content=b''):
        self.path, self.content, self.uploaded = path, content, []
        self.break_after = None  # bytes of a stream after which the connection is closed
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _send(connection, proc, serial, kind=REPLY, status=OK, payload=b''):
        connection.sendall(struct.pack('>IIIiIII', 28 + len(payload), REMOTE, 1, proc, kind, serial, status) + payload)

    def _serve(self, connection):
        stream = connection.makefile('rb')
        upload = b''
        try:
            while head := stream.read(28):
                size, _, _, proc, kind, serial, status = struct.unpack('>IIIiIII', head)
                payload = stream.read(size - 28)
                if kind == STREAM and status == CONTINUE:
                    upload += payload
                    if self.break_after is not None and len(upload) >= self.break_after:
                        return
                elif kind == STREAM:
                    if proc == PROC['STORAGE_VOL_UPLOAD']:
                        self.uploaded.append((status, upload))
                    upload = b''
                    self._send(connection, proc, serial, STREAM)
                else:
                    self._answer(connection, proc, serial)
        except OSError:
            pass
        finally:
            connection.close()

    def _answer(self, connection, proc, serial):
        answers = {'AUTH_LIST': struct.pack('>II', 1, 0), 'STORAGE_POOL_LOOKUP_BY_NAME': POOL, 'STORAGE_VOL_LOOKUP_BY_NAME': VOLUME}
        self._send(connection, proc, serial, payload=next((a for name, a in answers.items() if PROC[name] == proc), b''))
        if proc != PROC['STORAGE_VOL_DOWNLOAD']:
            return
        for at in range(0, len(self.content), CHUNK):
            if self.break_after is not None and at >= self.break_after:
                connection.shutdown(socket.SHUT_RDWR)
                return
            self._send(connection, proc, serial, STREAM, CONTINUE, self.content[at:at + CHUNK])
        self._send(connection, proc, serial, STREAM, CONTINUE)

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
        self.path.unlink()
