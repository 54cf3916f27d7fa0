"""A client that does things at random: `python3 chaos.py SEED STEPS LOG KIND...`, run on a private host by test_at_random.py.

A KIND is a module chaos_KIND with OPERATIONS: rows of (weight, name, function of a Client). What was done stands in LOG, one JSON
array per line: [operation] before, [operation, code, message] after; code 0 is success, LOST a lost connection.
"""
import importlib
import json
import os
import random
import sys
import time

import libvirt

LOST = -1  # instead of a code: the connection is gone


class Client:
    """A connection, chance, and what it can pick from."""

    def __init__(self, seed):
        self.seed, self.random = seed, random.Random(seed)
        self.root = os.environ['VIRTD_ROOT']
        self.images = f'{self.root}/images'
        self.open()

    def open(self):
        """Daemons that are killed come back with the next connection: one of the tries gets through."""
        for _ in range(600):
            try:
                self.connection = libvirt.open(None)
                return
            except libvirt.libvirtError:
                time.sleep(0.1)
        raise SystemExit('no connection in a minute')

    def pick(self, *options):
        return self.random.choice(options)

    def chance(self, probability):
        return self.random.random() < probability

    def flags(self, *bits):
        """Each of them with an even chance, or none at all."""
        return sum(bit for bit in bits if self.chance(0.5))

    def in_a_child(self, function):
        """function(client with a connection of its own) in a process that then dies without a word."""
        parents = self.connection  # kept: the child would close it with words on a socket that is not its own
        child = os.fork()
        if child == 0:
            try:
                self.open()
                function(self)
            finally:
                os.kill(os.getpid(), 9)
        os.waitpid(child, 0)
        self.connection = parents


def main():
    seed, steps, log, *kinds = sys.argv[1:]
    libvirt.registerErrorHandler(lambda context, error: None, None)  # else each is printed
    operations = [row for kind in kinds for row in importlib.import_module(f'chaos_{kind}').OPERATIONS]
    weights = [weight for weight, _, _ in operations]
    client = Client(seed)
    with open(log, 'w', buffering=1) as out:
        for _ in range(int(steps)):
            _, name, function = client.random.choices(operations, weights)[0]
            print(json.dumps([name]), file=out)
            try:
                function(client)
                code, message = 0, ''
            except libvirt.libvirtError as error:
                lost = error.get_error_domain() == libvirt.VIR_FROM_RPC
                code, message = LOST if lost else error.get_error_code(), str(error)
            print(json.dumps([name, code, message]), file=out)
            if code == LOST:
                client.open()


if __name__ == '__main__':
    main()
