/*
 * One QMP connection to one QEMU.
 *
 * QEMU is a peer that may be slow, stopped, dead or lying: what comes in is bounded (QMP_LINE_MAX per message), anything
 * that is not QMP closes the connection with a reason, a command that gets no answer in time is forgotten (a late answer
 * is dropped), and while QEMU owes an overdue answer further commands wait only briefly.
 *
 * Commands may be in flight at once, from any number of fibers; QEMU answers in order. Events are delivered from the
 * loop, in order with the answers.
 */
#pragma once

#include <jansson.h>

#include "common/base/job.h"

#define QMP_LINE_MAX (16 * 1024 * 1024)
#define QMP_TIMEOUT (30 * USEC_PER_SEC)
#define QMP_OVERDUE (5 * USEC_PER_SEC)         /* unanswered for so long is overdue */
#define QMP_TIMEOUT_OVERDUE (5 * USEC_PER_SEC) /* of a command sent while an earlier one is overdue */

typedef struct Qmp Qmp;

typedef struct QmpHandler {
    /* An event: name ("STOP"), data (borrowed, may be NULL), the guest's time in usec since the epoch. */
    void (*event)(Qmp *qmp, const char *name, json_t *data, uint64_t usec, void *user);
    /* The connection ended, once; err says why. Not called by qmp_free(). */
    void (*closed)(Qmp *qmp, const Error *err, void *user);
} QmpHandler;

/*
 * Connect to a listening socket and negotiate. who names the guest in errors ("domain 'a'"). The greeting may take as
 * long as QEMU takes to start; timeout bounds it. *ret is owned.
 */
int qmp_connect(Job *job, const char *path, const char *who, const QmpHandler *handler, void *user, uint64_t timeout,
                Qmp **ret, Error *err) _must_check_;
void qmp_free(Qmp *qmp); /* pending commands fail */
bool qmp_is_open(const Qmp *qmp);
void qmp_end(Qmp *qmp, const char *why); /* as if QEMU had closed it: pending commands fail, closed() is called */
/* When (CLOCK_MONOTONIC usec) the oldest unanswered command was sent, if that is at least age ago; else 0. */
uint64_t qmp_overdue_since(const Qmp *qmp, uint64_t age);

/*
 * Run one command; without a monitor (qmp NULL) it fails. args is stolen, may be NULL. *ret (may be NULL) is the "return" member, a new reference. An error of
 * QEMU becomes ERR_OPERATION_FAILED with its words; err->str1 is QEMU's error class.
 */
int qmp_call(Job *job, Qmp *qmp, const char *command, json_t *args, json_t **ret, Error *err) _must_check_;
/* The same with a timeout of its own, and a descriptor passed along (-1: none). */
int qmp_call_full(Job *job, Qmp *qmp, const char *command, json_t *args, int fd, uint64_t timeout, json_t **ret,
                  Error *err) _must_check_;

/* Several commands sent at once: one round trip. Each has its own outcome; -1 only when the connection failed. */
typedef struct QmpCommand {
    const char *command;
    json_t *args;  /* stolen */
    json_t *ret;   /* out: new reference, NULL on error */
    char *failure; /* out: QEMU's words, owned; NULL on success */
} QmpCommand;

int qmp_call_many(Job *job, Qmp *qmp, QmpCommand *commands, size_t n, uint64_t timeout, Error *err) _must_check_;
void qmp_commands_done(QmpCommand *commands, size_t n);

/* Member access that tolerates absence and wrong types: the fallback is returned. */
const char *qmp_string(json_t *object, const char *key);
int64_t qmp_int(json_t *object, const char *key, int64_t fallback);
bool qmp_bool(json_t *object, const char *key, bool fallback);

static inline void qmp_json_free(json_t **json) { json_decref(*json); }
#define _cleanup_json_ __attribute__((cleanup(qmp_json_free)))
