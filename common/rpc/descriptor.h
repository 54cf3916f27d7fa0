/*
 * The shape of the tables that protocol/gen.py makes from the protocol descriptions: types for the codec, procedures for
 * the dispatcher. They are plain numbers and offsets, without a pointer in them, so that they stay in the program's
 * shared read-only pages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/programs.h"

typedef struct Arena Arena;
typedef struct Error Error;
typedef struct Job Job;
typedef struct RpcCall RpcCall;
typedef struct RpcPeer RpcPeer;

/* --- types ------------------------------------------------------------------------------------------------------------ */

/* What one element is, in memory and on the wire. */
enum {
    WIRE_INT,    /* 4 bytes, 4 on the wire */
    WIRE_HYPER,  /* 8, 8; also double */
    WIRE_CHAR,   /* 1, 4 */
    WIRE_SHORT,  /* 2, 4 */
    WIRE_OPAQUE, /* bytes, packed */
    WIRE_STRING, /* char pointer; length word and bytes */
    WIRE_STRUCT, /* in place; members in order */
};

/* How often it is there. */
enum {
    WIRE_ONE,
    WIRE_OPTIONAL, /* pointer, NULL when absent; flag word */
    WIRE_ARRAY,    /* pointer and a count of its own; count word */
    WIRE_FIXED,    /* in place, bound elements */
};

typedef struct WireField {
    uint8_t kind, shape;
    uint16_t offset; /* of the member in its struct */
    uint16_t aux;    /* WIRE_ARRAY: offset of the count; arm of a union: its discriminant */
    uint16_t type;   /* WIRE_STRUCT: which one */
    uint32_t bound;  /* most elements of an array, elements of a fixed one */
} WireField;

typedef struct WireStruct {
    uint16_t first, n_fields; /* in wire_fields */
    uint16_t size;            /* in memory */
    uint16_t min;             /* fewest bytes on the wire */
    uint8_t is_union;         /* an int discriminant at offset 0, then the arm whose aux equals it */
} WireStruct;

/* Number 0 is no struct; WIRE_<name> of the generated headers are the others. */
extern const WireStruct wire_structs[];
extern const WireField wire_fields[];
extern const unsigned int wire_n_structs;

/* --- procedures ------------------------------------------------------------------------------------------------------- */

/* Where a handler runs. */
typedef enum {
    RPC_JOB_INLINE,    /* on the loop, answers from memory, cannot suspend */
    RPC_JOB_QUERY,     /* in a fiber, without the object's job */
    RPC_JOB_MODIFY,    /* in a fiber that holds the object's job */
    RPC_JOB_INTERRUPT, /* in a fiber, must not wait for the object's running job */
} RpcJobKind;

typedef enum { RPC_STREAM_NONE, RPC_STREAM_READ, RPC_STREAM_WRITE } RpcStreamWay;

/* When a condition on an argument holds. */
enum { RPC_IF_ALWAYS, RPC_IF_IF, RPC_IF_UNLESS, RPC_IF_EQUAL };

enum {
    RPC_READONLY_DENY,
    RPC_READONLY_ALLOW,
    RPC_READONLY_IF,    /* denied if any of the flags is set */
    RPC_READONLY_EQUAL, /* denied if the field has the value */
};

/* One permission a call needs. */
typedef struct RpcAclRule {
    uint8_t object, sense;
    uint16_t field; /* offset in the arguments of the unsigned int the condition looks at */
    uint32_t value;
    uint32_t permission; /* in rpc_strings */
} RpcAclRule;

typedef struct RpcProc {
    uint16_t name, api; /* in rpc_strings; name 0: no such procedure, api 0: none */
    uint16_t args, ret; /* struct number, 0: none */
    uint8_t owner, job, event, high;
    uint8_t object, stream, fds_in, fds_out;
    uint16_t object_offset; /* of the wire name of the object in the arguments */
    uint16_t acl;           /* first rule */
    uint8_t n_acl, readonly;
    uint16_t readonly_field, sparse_field;
    uint32_t readonly_value, sparse;
    uint8_t event_class;
    uint8_t filter; /* kind of the objects in the answer the caller sees only with filter_permission; NONE: no filter */
    uint16_t filter_permission;
    int16_t event_id; /* -1: an event without number */
    uint16_t legacy;  /* the event's older procedure, 0: none; its message is this one without the callback id */
} RpcProc;

typedef struct RpcProgram {
    uint32_t number, version;
    uint16_t last; /* highest procedure number */
    uint16_t name;
    const RpcProc *procs; /* by number */
} RpcProgram;

extern const RpcAclRule rpc_acl_rules[];
extern const RpcProgram rpc_programs[RPC_PROGRAM_COUNT];
extern const char rpc_strings[];

/* The program's procedure of that number, NULL if there is none. */
static inline const RpcProc *rpc_proc(RpcProgramId program, uint32_t number)
{
    const RpcProgram *p = &rpc_programs[program];

    return number <= p->last && p->procs[number].name ? &p->procs[number] : NULL;
}

static inline const char *rpc_proc_name(const RpcProc *proc) { return rpc_strings + proc->name; }

/* --- handlers --------------------------------------------------------------------------------------------------------- */

typedef void RpcAnyHandler(void);

/*
 * One row of a daemon's table of handlers, written by the generated <PROGRAM>_BIND macros:
 *
 *     REMOTE_BIND(DOMAIN_DEFINE_XML, qemu_domain_define_xml),
 *
 * The handler's type is checked against the description of the procedure.
 */
typedef struct RpcBinding {
    uint16_t program, proc;
    RpcAnyHandler *handler;
} RpcBinding;

#define RPC_BIND(PROGRAM, NAME, function) \
    { RPC_PROGRAM_##PROGRAM, PROGRAM##_PROC_##NAME, \
      (RpcAnyHandler *)_Generic((function), PROGRAM##_HANDLER_##NAME *: (function)) }

/* What the <program>_call_<name>() functions of protocol/calls.h are made of; see peer.h. */
int rpc_peer_call(Job *job, RpcPeer *peer, RpcProgramId program, uint32_t proc, Arena *arena, const void *args, void *ret,
                  Error *err);
