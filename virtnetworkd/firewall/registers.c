/* See registers.h. */
#include "virtnetworkd/firewall/registers.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include <glib.h>

#define WORD 4

/* Where a register begins: the old numbers are of 16 bytes, the newer of 4, over the same room. */
static size_t
place(uint32_t reg)
{
    size_t at = reg >= NFT_REG32_00 ? (reg - NFT_REG32_00) * WORD : reg >= NFT_REG_1 ? (reg - NFT_REG_1) * NFT_REG_SIZE : REGISTERS_SIZE;

    return MIN(at, REGISTERS_SIZE);
}

static size_t
fitting(uint32_t reg, size_t size)
{
    return MIN(size, REGISTERS_SIZE - place(reg));
}

void
registers_load(Registers *all, uint32_t reg, const void *bytes, const void *known, size_t size, bool interface)
{
    size_t at = place(reg), n = fitting(reg, size), padded = fitting(reg, (size + WORD - 1) / WORD * WORD);

    /* The rest of the last word is zero: the kernel makes it so. */
    memset(all->bytes + at, 0, padded);
    memset(all->known + at, 0xff, padded);
    memset(all->interface + at, interface, padded);
    memcpy(all->bytes + at, bytes, n);
    if (known)
        memcpy(all->known + at, known, n);
}

void
registers_forget(Registers *all, uint32_t reg, size_t size)
{
    memset(all->known + place(reg), 0, fitting(reg, size));
    memset(all->interface + place(reg), 0, fitting(reg, size));
}

void
registers_mask(Registers *all, uint32_t from, uint32_t to, const uint8_t *mask, const uint8_t *flip, size_t size)
{
    size_t n = MIN(fitting(from, size), fitting(to, size));

    for (size_t i = 0; i < n; i++) {
        size_t a = place(from) + i, b = place(to) + i;

        all->bytes[b] = (uint8_t)((all->bytes[a] & mask[i]) ^ flip[i]);
        all->known[b] = (uint8_t)(all->known[a] | ~mask[i]);
        all->interface[b] = false;
    }
}

Truth
registers_equal(const Registers *all, uint32_t reg, const void *data, size_t size)
{
    const uint8_t *bytes = all->bytes + place(reg), *known = all->known + place(reg), *wanted = data;
    size_t n = fitting(reg, size);
    Truth truth = n == size ? TRUTH_YES : TRUTH_MAYBE;

    for (size_t i = 0; i < n; i++) {
        if ((bytes[i] ^ wanted[i]) & known[i])
            return TRUTH_NO;
        if (known[i] != 0xff)
            truth = TRUTH_MAYBE;
    }
    return truth;
}

bool
registers_compare(const Registers *all, uint32_t reg, const void *data, size_t size, int *ret_order)
{
    size_t n = fitting(reg, size);

    for (size_t i = 0; i < n; i++) {
        if (all->known[place(reg) + i] != 0xff)
            return false;
    }
    *ret_order = memcmp(all->bytes + place(reg), data, n);
    return n == size;
}

bool
registers_are_interface(const Registers *all, uint32_t reg)
{
    return place(reg) < REGISTERS_SIZE && all->interface[place(reg)];
}
