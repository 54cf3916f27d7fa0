"""gdb: list the fibers of a virtd daemon, with what each waits for and where.

    gdb -p PID -x tools/gdb/fibers.py -ex fibers        (also with a core file)

A suspended fiber has no thread, so `thread apply all bt` does not show it. Its saved stack pointer does: the walk follows
the frame pointers from there (builds have them; see meson.build), so it needs no running process.
"""
import gdb

# Words that fiber_switch_stack() pushed, from the saved stack pointer up: (frame pointer, return address).
SAVED = {'i386:x86-64': (6, 7), 'aarch64': (0, 1)}
DEPTH = 40


def word(address):
    return int(gdb.Value(address).cast(gdb.lookup_type('unsigned long').pointer()).dereference())


def place(address):
    sal = gdb.find_pc_line(address - 1)
    block = gdb.block_for_pc(address - 1)
    while block and not block.function:
        block = block.superblock
    name = block.function.print_name if block else '??'
    where = f' at {sal.symtab.filename.split("/virtd/")[-1]}:{sal.line}' if sal.symtab else ''
    return name, where


def walk(fiber):
    """(function, where) of each frame, innermost first."""
    frame_word, return_word = SAVED[gdb.selected_inferior().architecture().name()]
    sp, low = int(fiber['sp']), int(fiber['stack'])
    high = low + int(fiber['stack_size'])
    frame, pc = word(sp + 8 * frame_word), word(sp + 8 * return_word)
    for _ in range(DEPTH):
        yield place(pc)
        if not low <= frame < high - 16:
            return
        frame, pc = word(frame), word(frame + 8)
        if not pc:
            return


class Fibers(gdb.Command):
    """List all fibers: name, what each waits for, and its frames."""

    def __init__(self):
        super().__init__('fibers', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        ring = gdb.parse_and_eval('fiber_ring')
        head, current = ring['head'].address, int(ring['current'])
        print(f"{int(ring['count'])} fibers")
        if not int(ring['head']['next']):
            return
        fiber = ring['head']['next']
        while int(fiber) != int(head):
            waiting = fiber['waiting'].string() if int(fiber['waiting']) else None
            state = 'running' if int(fiber) == current else f'waits for {waiting}' if waiting else 'is ready to run'
            print(f"'{fiber['name'].string()}' {state}")
            if int(fiber) != current:
                for name, where in walk(fiber):
                    print(f'    {name}{where}')
            fiber = fiber['next']


Fibers()
