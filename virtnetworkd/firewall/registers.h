/*
 * What is known of a packet while a rule looks at it: the registers of nftables, each bit of them known or not. A match on
 * unknown bits is neither true nor false.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTERS_SIZE 64

typedef enum Truth { TRUTH_NO, TRUTH_MAYBE, TRUTH_YES } Truth;

typedef struct Registers {
    uint8_t bytes[REGISTERS_SIZE];
    uint8_t known[REGISTERS_SIZE];     /* a mask of bytes */
    bool interface[REGISTERS_SIZE];    /* the value is an interface of the packet */
} Registers;

/* reg as nftables numbers them. A part beyond the end is ignored. known NULL: all bits. */
void registers_load(Registers *all, uint32_t reg, const void *bytes, const void *known, size_t size, bool interface);
void registers_forget(Registers *all, uint32_t reg, size_t size);
void registers_mask(Registers *all, uint32_t from, uint32_t to, const uint8_t *mask, const uint8_t *flip, size_t size);
Truth registers_equal(const Registers *all, uint32_t reg, const void *data, size_t size);
/* All bits are known: *ret_order is the order of the register and data, as memcmp() says it. */
bool registers_compare(const Registers *all, uint32_t reg, const void *data, size_t size, int *ret_order);
bool registers_are_interface(const Registers *all, uint32_t reg);
