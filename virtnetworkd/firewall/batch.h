/* A change of the packet filter under construction: messages that the kernel takes all together or not at all. */
#pragma once

#include "virtnetworkd/firewall/internal.h"

typedef struct Batch {
    Netlink *nl;
    GByteArray *bytes;
    GArray *notes;        /* what each message is about, by sequence - first */
    GStringChunk *names;
    uint32_t first;       /* sequence of the begin message */
} Batch;

void batch_init(Batch *batch, Netlink *nl, uint32_t generation); /* valid only while that is the generation */
void batch_done(Batch *batch);
bool batch_is_empty(const Batch *batch);

void batch_table(Batch *batch, unsigned family, bool create);
void batch_base_chain(Batch *batch, unsigned family, const BaseChain *base);
void batch_chain(Batch *batch, unsigned family, const char *name, bool create); /* one that is deleted is flushed before */
void batch_flush(Batch *batch, unsigned family, const char *chain);
void batch_map(Batch *batch, unsigned family, ChainKind kind);
void batch_element(Batch *batch, unsigned family, ChainKind kind, const char *interface, const char *chain, bool create);
/* What is not ours; nfproto as the kernel counts families. */
void batch_flush_foreign(Batch *batch, uint8_t nfproto, const char *table, const char *chain);
void batch_drop_foreign_table(Batch *batch, uint8_t nfproto, const char *table);
void batch_rules(Batch *batch, const GArray *rules, const char *what);

/* 0, or a negative errno with, of the message that was refused, its features and (in the batch's life) what it is about. */
int batch_send(Batch *batch, unsigned *ret_features, const char **ret_what);
