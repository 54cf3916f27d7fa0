#!/usr/bin/env python3
"""Turns the protocol descriptions (*.proto, see README.md) into C and into pages.

  gen.py code OUTDIR FILE.proto...            headers and tables.c
  gen.py reference OUTPUT FILE.proto...       every procedure on one page
  gen.py coverage OUTPUT FILE.proto... -- FOLDER...   which procedures the C files under those folders bind

Knows nothing of any single program, procedure or type: what is special is said in the descriptions.
"""
import os
import re
import sys

# word in a description -> (C type, codec kind, bytes on the wire)
SCALARS = {
    'int': ('int', 'INT', 4), 'unsigned int': ('unsigned int', 'INT', 4),
    'hyper': ('int64_t', 'HYPER', 8), 'unsigned hyper': ('uint64_t', 'HYPER', 8), 'double': ('double', 'HYPER', 8),
    'char': ('char', 'CHAR', 4), 'unsigned char': ('unsigned char', 'CHAR', 4), 'unsigned short': ('unsigned short', 'SHORT', 4),
}
STRING_MAX = 4194304  # WIRE_STRING_MAX of the codec
JOBS = ('inline', 'query', 'modify', 'interrupt')


class Problem(Exception):
    pass


class Field:
    """One member: element type, shape (plain, optional, fixed, variable, string, opaque) and bound."""

    def __init__(self, type_, name, shape='plain', bound=0, case=None):
        self.type, self.name, self.shape, self.bound, self.case = type_, name, shape, bound, case


class Struct:
    def __init__(self, name, union=None):
        self.name, self.union, self.fields, self.id, self.min = name, union, [], 0, None


class Proc:
    def __init__(self, program, number, name, event):
        self.program, self.number, self.name, self.event = program, number, name, event
        self.api, self.acl, self.filter, self.fds = [], [], None, []
        self.owner, self.job, self.priority = program.owner, None, 'low'
        self.object = self.stream = self.sparse = self.cls = self.event_id = self.legacy = None
        self.readonly = ('deny', None, 0)
        self.args = self.ret = None


class Program:
    def __init__(self, name, number, version, owner):
        self.name, self.number, self.version, self.owner = name, number, version, owner
        self.procs = []


class Model:
    def __init__(self):
        self.values = {}  # every constant and enum member
        self.typedefs, self.structs, self.enums = {}, {}, {}
        self.files = {}  # file stem -> list of ('const'|'enum'|'define'|'struct', object)
        self.programs = []

    def value(self, word):
        return int(word, 0) if re.match(r'^-?[0-9]', word) else self.values[word]

    def bound(self, word):
        return self.value(word)


class Parser:
    """Line based: a line is one statement, '{' at its end opens a block that '}' closes."""

    def __init__(self, model, path):
        self.model, self.path, self.number = model, path, 0
        self.stem = os.path.basename(path)[:-len('.proto')]
        self.out = model.files.setdefault(self.stem, [])
        self.program = None
        with open(path, encoding='utf-8') as file:
            self.lines = [re.sub(r'\s*#.*', '', line).strip() for line in file]

    def parse(self):
        try:
            for words in self.block(top=True):
                handler = getattr(self, 'do_' + words[0], None)
                if not handler:
                    raise Problem(f"unknown statement '{words[0]}'")
                handler(words[1:])
        except (Problem, KeyError, ValueError, IndexError) as problem:
            sys.exit(f'{self.path}:{self.number}: {type(problem).__name__}: {problem}')

    def block(self, top=False):
        while self.number < len(self.lines):
            line = self.lines[self.number]
            self.number += 1
            if line == '}' and not top:
                return
            if line:
                yield line.split()
        if not top:
            raise Problem('block is not closed')

    def do_use(self, w):
        self.out.append(('use', w[0]))

    def do_const(self, w):
        self.model.values[w[0]] = self.model.value(w[2])
        self.out.append(('define', (w[0], w[2])))

    def do_define(self, w):
        text = ' '.join(w[2:])
        if not text.startswith('"'):
            self.model.values[w[0]] = self.model.value(text)
        self.out.append(('define', (w[0], text)))

    def do_enum(self, w):
        members, sentinels = [], []
        for words in self.block():
            (sentinels if words[0] == 'sentinel' else members).append((words[-3], words[-1]))
            self.model.values[words[-3]] = self.model.value(words[-1])
        self.model.enums[w[0]] = members
        self.out.append(('enum', (w[0], members, sentinels)))

    def do_typedef(self, w):
        self.model.typedefs[w[0]] = self.shape(' '.join(w[2:]), None)

    def shape(self, text, name, suffix=''):
        """The type 'text' with the array suffix of its name: a Field."""
        match = re.match(r'^(.*?)\s*(\?|<(\w+)>|\[(\w+)\])?$', text + suffix)
        type_, mark, most, size = match.groups()
        if not mark:
            field = self.model.typedefs.get(type_)
            return Field(field.type, name, field.shape, field.bound) if field else Field(type_, name)
        bound = self.model.bound(most or size) if mark != '?' else 0
        if type_ == 'string':
            if bound != STRING_MAX:
                raise Problem(f'the codec has one bound for strings, {STRING_MAX}')
            return Field('string', name, 'string')
        if type_ == 'opaque':
            return Field('opaque', name, 'opaque' if most else 'fixed', bound)
        inner = self.model.typedefs.get(type_)
        if inner and inner.shape == 'string' and mark == '?':
            return Field('string', name, 'optional')
        if inner and inner.shape != 'string':
            raise Problem(f"'{text}{suffix}' nests two shapes; name a struct instead")
        field = Field(type_, name, {'?': 'optional', '<': 'variable', '[': 'fixed'}[mark[0]], bound)
        if inner:
            field.type = 'string'
        return field

    def member(self, words):
        match = re.match(r'^(\w+)([<\[].*)?$', words[-1])
        return self.shape(' '.join(words[:-1]), match[1], match[2] or '')

    def do_struct(self, w):
        self.members(w[0])

    def members(self, name):
        if name in self.model.structs:
            raise Problem(f"'{name}' is described twice")
        struct = Struct(name)
        for words in self.block():
            struct.fields.append(self.member(words))
        self.add_struct(struct)
        return struct

    def add_struct(self, struct):
        self.model.structs[struct.name] = struct
        self.out.append(('struct', struct))

    def do_union(self, w):
        struct = Struct(w[0], union=w[-2].rstrip(')'))
        for words in self.block():
            field = self.member(words[2:])
            field.case = words[1].rstrip(':')
            struct.fields.append(field)
        self.add_struct(struct)

    def do_program(self, w):
        self.program = Program(w[0], int(w[2], 0), int(w[4]), w[6])
        self.model.programs.append(self.program)
        self.out.append(('program', self.program))

    def do_procedure(self, w):
        self.procedure(w, False)

    def do_event(self, w):
        self.procedure(w, True)

    def procedure(self, w, event):
        proc = Proc(self.program, int(w[0]), w[1], event)
        self.program.procs.append(proc)
        prefix = f'{self.program.name}_{proc.name.lower()}_'
        for words in self.block():
            getattr(self, 'in_' + words[0])(proc, words[1:], prefix)
        if not event and proc.job not in JOBS:
            raise Problem(f'{proc.name} has no job kind')

    def in_api(self, proc, w, _):
        proc.api = [word.rstrip(',') for word in w]

    def in_owner(self, proc, w, _):
        proc.owner = w[0]

    def in_job(self, proc, w, _):
        proc.job = w[0]

    def in_priority(self, proc, w, _):
        proc.priority = w[0]

    def in_object(self, proc, w, _):
        proc.object = (w[0], w[1])

    def condition(self, w):
        """'', 'if A | B', 'unless A | B' or 'if field == A': (sense, field, value)."""
        if not w:
            return ('always', 'flags', 0)
        if len(w) == 4 and w[2] == '==':
            return ('equal', w[1], self.model.value(w[3]))
        mask = 0
        for name in w[1::2]:
            mask |= self.model.value(name)
        return (w[0], 'flags', mask)

    def in_acl(self, proc, w, _):
        kind, permission = w[0].split(':')
        proc.acl.append((kind, permission) + self.condition(w[1:]))

    def in_filter(self, proc, w, _):
        proc.filter = w[0].split(':')

    def in_readonly(self, proc, w, _):
        proc.readonly = (w[0],) if w[0] == 'allow' else self.condition(w[1:])

    def in_stream(self, proc, w, _):
        proc.stream = w[0]
        proc.sparse = self.model.value(w[2]) if len(w) > 2 else 0

    def in_fds(self, proc, w, _):
        proc.fds = w

    def in_class(self, proc, w, _):
        proc.cls, proc.event_id = w[0], w[1] if len(w) > 1 else None

    def in_legacy(self, proc, w, _):
        proc.legacy = w[0]

    def in_args(self, proc, w, prefix):
        proc.args = self.members(prefix + 'args')

    def in_msg(self, proc, w, prefix):
        proc.args = self.members(prefix + 'msg')

    def in_ret(self, proc, w, prefix):
        proc.ret = self.members(prefix + 'ret')


# --- C -----------------------------------------------------------------------------------------------------------------

BANNER = '/* Generated by gen.py from the protocol descriptions; do not edit. */\n'


class CodeWriter:
    def __init__(self, model, outdir):
        self.model, self.outdir = model, outdir
        self.names, self.pool = {}, ['""']  # strings of the tables, by offset into one array
        self.pool_size = 1
        for number, struct in enumerate(model.structs.values(), 1):
            struct.id = number
        for struct in model.structs.values():
            self.min_size(struct)

    def write(self, name, text):
        with open(os.path.join(self.outdir, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def pooled(self, text):
        if not text:
            return 0
        if text not in self.names:
            self.names[text] = self.pool_size
            self.pool.append(f'"{text}\\0"')
            self.pool_size += len(text) + 1
        return self.names[text]

    def min_size(self, struct, path=()):
        """Fewest bytes a struct takes on the wire; also proves that no struct contains itself."""
        if struct.name in path:
            raise Problem(f'{struct.name} contains itself')
        if struct.min is None:
            sizes = [self.field_min(field, path + (struct.name,)) for field in struct.fields]
            struct.min = 4 + min(sizes) if struct.union else sum(sizes)
        return struct.min

    def field_min(self, field, path=()):
        if field.shape == 'variable' and field.type in self.model.structs:
            self.min_size(self.model.structs[field.type], path)
        if field.shape in ('optional', 'variable', 'string', 'opaque'):
            return 4
        if field.type == 'opaque':
            return (field.bound + 3) // 4 * 4
        one = self.element_min(field, path)
        return one * field.bound if field.shape == 'fixed' else one

    def element_min(self, field, path=()):
        if field.type in SCALARS:
            return SCALARS[field.type][2]
        if field.type in self.model.structs:
            return self.min_size(self.model.structs[field.type], path)
        if field.type in self.model.enums or field.type == 'string':
            return 4
        raise Problem(f"unknown type '{field.type}'")

    def c_type(self, field):
        if field.type == 'string':
            return 'const char *'
        if field.type == 'opaque':
            return 'uint8_t '
        return (SCALARS[field.type][0] if field.type in SCALARS else field.type) + ' '

    def c_member(self, field):
        base = self.c_type(field)
        if field.shape in ('plain', 'string') or (field.shape, field.type) == ('optional', 'string'):
            return f'    {base}{field.name};{"  /* NULL: absent */" if field.shape == "optional" else ""}\n'
        if field.shape == 'optional':
            return f'    {base}*{field.name};  /* NULL: absent */\n'
        if field.shape == 'fixed':
            return f'    {base}{field.name}[{field.bound}];\n'
        const = 'const ' if field.shape == 'opaque' else ''
        return f'    unsigned int n_{field.name};  /* at most {field.bound} */\n    {const}{base}*{field.name};\n'

    def c_struct(self, struct):
        if struct.union:
            body = f'    int {struct.union};\n    union {{\n'
            body += ''.join('    ' + self.c_member(field) for field in struct.fields) + '    };\n'
        else:
            body = ''.join(self.c_member(field) for field in struct.fields)
        return (f'typedef struct {struct.name} {{\n{body}}} {struct.name};\n'
                f'enum {{ WIRE_{struct.name} = {struct.id} }};\n\n')

    def header(self, stem, items):
        text = BANNER + '#pragma once\n\n'
        if any(kind in ('struct', 'program') for kind, _ in items):
            text += '#include <stdint.h>\n\n#include "common/rpc/descriptor.h"\n\n'
        text += ''.join(f'#include "protocol/{item}.h"\n' for kind, item in items if kind == 'use')
        for kind, item in items:
            if kind == 'define':
                value = item[1]
                if re.match(r'^[0-9]+$', value) and int(value) > 0x7fffffff:
                    value += 'LL' if int(value) > 0xffffffff else 'U'
                text += f'#define {item[0]} {value}\n'
            elif kind == 'enum':
                name, members, sentinels = item
                text += '\ntypedef enum {\n' + ''.join(f'    {n} = {v},\n' for n, v in members) + f'}} {name};\n'
                text += ''.join(f'#define {n} {v}\n' for n, v in sentinels)
            elif kind == 'struct':
                text += self.c_struct(item)
        for kind, item in items:
            if kind == 'program':
                text += self.program(item)
        return text

    def program(self, program):
        upper = program.name.upper()
        text = f'#define {upper}_PROGRAM 0x{program.number:08x}u\n#define {upper}_VERSION {program.version}\n\nenum {{\n'
        text += ''.join(f'    {upper}_PROC_{proc.name} = {proc.number},\n' for proc in program.procs) + '};\n\n'
        text += (f'/* One row of a daemon\'s table: the handler must have the type its description asks for. */\n'
                 f'#define {upper}_BIND(NAME, handler) RPC_BIND({upper}, NAME, handler)\n\n')
        for proc in program.procs:
            if proc.event:
                continue
            args = f'const {proc.args.name} *args' if proc.args else 'const void *args'
            ret = f'{proc.ret.name} *ret' if proc.ret else 'void *ret'
            job = '' if proc.job == 'inline' else 'Job *job, '
            text += f'typedef int {upper}_HANDLER_{proc.name}({job}RpcCall *call, {args}, {ret}, Error *err);\n'
        return text

    def calls(self):
        """calls.h: the client side of every procedure."""
        text = BANNER + '#pragma once\n\n'
        text += ''.join(f'#include "protocol/{program.name}.h"\n' for program in self.model.programs)
        return text + '\n' + ''.join(self.stub(program, proc) for program in self.model.programs
                                     for proc in program.procs if not proc.event)

    def stub(self, program, proc):
        """Client side: the same call, made over a connection to another daemon. The reply lives in the arena."""
        args = f'const {proc.args.name} *args, ' if proc.args else ''
        ret = f'{proc.ret.name} *ret, ' if proc.ret else ''
        return (f'static inline int {program.name}_call_{proc.name.lower()}(Job *job, RpcPeer *peer, Arena *arena, '
                f'{args}{ret}Error *err)\n{{\n    return rpc_peer_call(job, peer, RPC_PROGRAM_{program.name.upper()}, '
                f'{proc.number}, arena, {"args" if args else "NULL"}, {"ret" if ret else "NULL"}, err);\n}}\n')

    def index(self):
        """programs.h: the enums that span all programs."""
        kinds = sorted({proc.object[0] for p in self.model.programs for proc in p.procs if proc.object} |
                       {rule[0] for p in self.model.programs for proc in p.procs for rule in proc.acl} |
                       {proc.filter[0] for p in self.model.programs for proc in p.procs if proc.filter})
        owners = sorted({proc.owner for p in self.model.programs for proc in p.procs})
        classes = sorted({proc.cls for p in self.model.programs for proc in p.procs if proc.cls})
        text = BANNER + '#pragma once\n\n'
        for name, prefix, none, words in (
                ('RpcProgramId', 'RPC_PROGRAM', None, [p.name for p in self.model.programs]),
                ('RpcObjectKind', 'RPC_OBJECT', 'NONE', kinds),
                ('RpcOwner', 'RPC_OWNER', None, owners),
                ('RpcEventClass', 'RPC_EVENT', 'NONE', classes)):
            members = ([none] if none else []) + [word.upper() for word in words]
            text += 'typedef enum {\n' + ''.join(f'    {prefix}_{word},\n' for word in members)
            text += f'}} {name};\n#define {prefix}_COUNT {len(members)}\n\n'
        return text

    def field_row(self, struct, field):
        shape = {'plain': None, 'string': None}.get(field.shape, field.shape)
        if field.type == 'string':
            kind, type_ = 'WIRE_STRING', 0
        elif field.type == 'opaque':
            kind, type_ = 'WIRE_OPAQUE', 0
        elif field.type in self.model.structs:
            kind, type_ = 'WIRE_STRUCT', self.model.structs[field.type].id
        elif field.type in SCALARS:
            kind, type_ = 'WIRE_' + SCALARS[field.type][1], 0
        else:
            kind, type_ = 'WIRE_INT', 0
        shapes = {None: 'ONE', 'optional': 'OPTIONAL', 'variable': 'ARRAY', 'opaque': 'ARRAY', 'fixed': 'FIXED'}
        row = f'.kind = {kind}, .shape = WIRE_{shapes[shape]}, .offset = offsetof({struct.name}, {field.name})'
        if shapes[shape] == 'ARRAY':
            row += f', .aux = offsetof({struct.name}, n_{field.name})'
        if type_:
            row += f', .type = {type_}'
        if field.case:
            row += f', .aux = {self.model.value(field.case)}'
        if field.bound:
            row += f', .bound = {field.bound}'
        return f'    {{ {row} }},\n'

    def tables(self):
        fields, structs, first = '', '    { 0 },\n', 0
        for struct in self.model.structs.values():
            fields += f'    /* {struct.name} */\n' + ''.join(self.field_row(struct, field) for field in struct.fields)
            union = f', .is_union = 1' if struct.union else ''
            structs += (f'    [WIRE_{struct.name}] = {{ .first = {first}, .n_fields = {len(struct.fields)}, '
                        f'.size = sizeof({struct.name}), .min = {struct.min}{union} }},\n')
            first += len(struct.fields)
        rules, procs, programs, n_rules = '', '', '', 0
        for program in self.model.programs:
            last = max(proc.number for proc in program.procs)
            procs += f'static const RpcProc {program.name}_procs[{last + 1}] = {{\n'
            for proc in program.procs:
                for kind, permission, sense, field, value in proc.acl:
                    offset = self.args_offset(proc, field if sense != 'always' else None)
                    rules += (f'    {{ .object = RPC_OBJECT_{kind.upper()}, .sense = RPC_IF_{sense.upper()}, '
                              f'.field = {offset}, .value = {value}u, .permission = {self.pooled(permission)} }},\n')
                procs += self.proc_row(proc, n_rules)
                n_rules += len(proc.acl)
            procs += '};\n\n'
            programs += (f'    [RPC_PROGRAM_{program.name.upper()}] = {{ .number = 0x{program.number:08x}u, .version = '
                         f'{program.version}, .last = {last}, .name = {self.pooled(program.name)}, .procs = {program.name}_procs }},\n')
        text = BANNER + '#include <stddef.h>\n\n#include "common/rpc/descriptor.h"\n'
        text += ''.join(f'#include "protocol/{stem}.h"\n' for stem in self.model.files if stem != 'constants')
        text += f'\nconst WireField wire_fields[] = {{\n{fields}}};\n\nconst WireStruct wire_structs[] = {{\n{structs}}};\n'
        text += f'const unsigned int wire_n_structs = {len(self.model.structs) + 1};\n\n'
        text += f'const RpcAclRule rpc_acl_rules[] = {{\n{rules}}};\n\n{procs}'
        text += f'const RpcProgram rpc_programs[RPC_PROGRAM_COUNT] = {{\n{programs}}};\n\n'
        text += 'const char rpc_strings[] = "\\0"\n' + '\n'.join('    ' + s for s in self.pool[1:]) + ';\n'
        return text

    def args_offset(self, proc, field):
        if field is None:
            return 0
        if not proc.args or field not in [f.name for f in proc.args.fields]:
            raise Problem(f'{proc.name}: condition on a field its arguments do not have: {field}')
        return f'offsetof({proc.args.name}, {field})'

    def proc_row(self, proc, first_rule):
        row = [f'.name = {self.pooled(proc.name)}', f'.owner = RPC_OWNER_{proc.owner.upper()}']
        if proc.api:
            row.append(f'.api = {self.pooled(proc.api[0])}')
        if proc.args:
            row.append(f'.args = WIRE_{proc.args.name}')
        if proc.ret:
            row.append(f'.ret = WIRE_{proc.ret.name}')
        if proc.event:
            row.append('.event = 1')
            if proc.cls:
                row.append(f'.event_class = RPC_EVENT_{proc.cls.upper()}')
                row.append(f'.event_id = {self.model.value(proc.event_id) if proc.event_id else -1}')
            if proc.legacy:
                row.append(f'.legacy = {proc.program.name.upper()}_PROC_{proc.legacy}')
        else:
            row.append(f'.job = RPC_JOB_{proc.job.upper()}')
            if proc.priority == 'high':
                row.append('.high = 1')
            row += self.readonly(proc)
        if proc.object:
            row.append(f'.object = RPC_OBJECT_{proc.object[0].upper()}')
            row.append(f'.object_offset = offsetof({proc.args.name}, {proc.object[1]})')
        if proc.acl:
            row += [f'.acl = {first_rule}', f'.n_acl = {len(proc.acl)}']
        if proc.filter:
            row += [f'.filter = RPC_OBJECT_{proc.filter[0].upper()}', f'.filter_permission = {self.pooled(proc.filter[1])}']
        if proc.stream:
            row.append(f'.stream = RPC_STREAM_{proc.stream.upper()}')
            if proc.sparse:
                row += [f'.sparse = {proc.sparse}', f'.sparse_field = {self.args_offset(proc, "flags")}']
        for way in proc.fds:
            row.append(f'.fds_{way} = 1')
        return f'    [{proc.number}] = {{ ' + ', '.join(row) + ' },\n'

    def readonly(self, proc):
        if proc.readonly[0] == 'allow':
            return ['.readonly = RPC_READONLY_ALLOW']
        sense, field, value = proc.readonly
        if sense in ('deny', 'always'):
            return ['.readonly = RPC_READONLY_DENY']
        offset = self.args_offset(proc, field)
        return ['.readonly = RPC_READONLY_' + sense.upper(), f'.readonly_field = {offset}', f'.readonly_value = {value}u']

    def all(self):
        for stem, items in self.model.files.items():
            self.write(stem + '.h', self.header(stem, items))
        self.write('programs.h', self.index())
        self.write('calls.h', self.calls())
        self.write('tables.c', self.tables())


# --- pages -------------------------------------------------------------------------------------------------------------

def field_text(field):
    mark = {'optional': '?', 'variable': f'<{field.bound}>', 'opaque': f'<{field.bound}>', 'fixed': f'[{field.bound}]'}
    return f'{field.type}{mark.get(field.shape, "")} {field.name}'


def reference(model):
    text = '# Procedures\n\nGenerated from `protocol/*.proto`.\n'
    for program in model.programs:
        text += f'\n## {program.name} (0x{program.number:08x}, version {program.version})\n\n'
        text += '| number | name | owner | job | read-only | permissions | arguments | reply |\n|---|---|---|---|---|---|---|---|\n'
        for proc in program.procs:
            acl = ', '.join(f'{rule[0]}:{rule[1]}' for rule in proc.acl)
            cells = [str(proc.number), proc.name, proc.owner, 'event' if proc.event else proc.job,
                     '' if proc.event else 'yes' if proc.readonly[0] == 'allow' else 'no' if len(proc.readonly) < 3 or
                     proc.readonly[0] in ('deny', 'always') else 'partly', acl]
            for struct in (proc.args, proc.ret):
                cells.append(', '.join(field_text(field) for field in struct.fields) if struct else '')
            text += '| ' + ' | '.join(cells) + ' |\n'
    return text


def c_files(folders):
    return sorted(os.path.join(path, name) for folder in folders for path, _, names in os.walk(folder)
                  for name in names if name.endswith('.c'))


def coverage(model, sources):
    bound = {}
    for path in sources:
        with open(path, encoding='utf-8') as file:
            for program, name in re.findall(r'\b([A-Z]+)_BIND\((\w+),', file.read()):
                bound.setdefault((program.lower(), name), os.path.basename(path))
    text = '# Coverage\n\nGenerated: which procedures have a handler. The rest answer "not supported".\n'
    for program in model.programs:
        calls = [proc for proc in program.procs if not proc.event]
        done = [proc for proc in calls if (program.name, proc.name) in bound]
        if not calls:
            continue
        text += f'\n## {program.name}: {len(done)} of {len(calls)}\n\n| procedure | owner | API | handled in |\n|---|---|---|---|\n'
        for proc in calls:
            text += f'| {proc.name} | {proc.owner} | {", ".join(proc.api[:2])} | {bound.get((program.name, proc.name), "-")} |\n'
    return text


def main():
    mode, output, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    descriptions, folders = (rest[:rest.index('--')], rest[rest.index('--') + 1:]) if '--' in rest else (rest, [])
    model = Model()
    for path in descriptions:
        Parser(model, path).parse()
    try:
        if mode == 'code':
            CodeWriter(model, output).all()
        else:
            text = reference(model) if mode == 'reference' else coverage(model, c_files(folders))
            if mode == 'coverage':
                with open(output + '.d', 'w', encoding='utf-8') as file:
                    file.write(f'{output}: {" ".join(c_files(folders))}\n')
            with open(output, 'w', encoding='utf-8') as file:
                file.write(text)
    except Problem as problem:
        sys.exit(f'gen.py: {problem}')


if __name__ == '__main__':
    main()
