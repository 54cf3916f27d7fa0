/* The units of a target (LUNs), and what they are. For workers; all of this blocks. */
#pragma once

#include "virtstoraged/backend/iscsi_direct/session.h"

#define ISCSI_UNITS_MAX 16384 /* of one target */

typedef struct IscsiUnit {
    unsigned number;
    bool is_disk;     /* others have no bytes */
    unsigned block;   /* bytes of one; a power of two */
    uint64_t size;    /* bytes */
    bool provisioned; /* it can give back blocks, which then read as zeros: there are holes */
    bool can_unmap;
} IscsiUnit;

int iscsi_units(IscsiSession *session, GArray *numbers /* of unsigned */, Error *err); /* adds those there are */
int iscsi_unit_read(IscsiSession *session, unsigned number, IscsiUnit *ret, Error *err); /* what one is */
