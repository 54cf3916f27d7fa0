"""The wire as bytes, for measuring the daemon without a client library in the way: open a connection, keep calls in flight."""
import socket
import struct

REMOTE = 0x20008086
AUTH_LIST, CONNECT_OPEN, GET_LIB_VERSION, LIST_ALL_NETWORKS = 66, 1, 157, 283
HEADER = struct.Struct('>IIIiiIi')


def string(text):
    data = text.encode()
    return struct.pack('>I', len(data)) + data + b'\0' * (-len(data) % 4)


class Wire:
    def __init__(self, path, uri='qemu:///system'):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.serial, self.buffer = 0, b''
        self.call(AUTH_LIST)
        self.call(CONNECT_OPEN, struct.pack('>I', 1) + string(uri) + struct.pack('>I', 0))

    def frame(self, procedure, payload=b''):
        self.serial += 1
        return HEADER.pack(HEADER.size + len(payload), REMOTE, 1, procedure, 0, self.serial, 0) + payload

    def replies(self, count):
        """Wait for so many replies; the first failure is raised."""
        while count:
            if len(self.buffer) >= 4:
                size = struct.unpack_from('>I', self.buffer)[0]
                if len(self.buffer) >= size:
                    if HEADER.unpack_from(self.buffer)[6] == 1:
                        raise RuntimeError(f'the daemon answered an error: {self.buffer[HEADER.size:size]!r}')
                    self.buffer, count = self.buffer[size:], count - 1
                    continue
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError('the daemon closed the connection')
            self.buffer += data

    def call(self, procedure, payload=b''):
        self.socket.sendall(self.frame(procedure, payload))
        self.replies(1)

    def pipelined(self, procedure, depth, rounds, payload=b''):
        for _ in range(rounds):
            self.socket.sendall(b''.join(self.frame(procedure, payload) for _ in range(depth)))
            self.replies(depth)

    def close(self):
        self.socket.close()
