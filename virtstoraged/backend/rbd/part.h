/*
 * Names of images that are being made: hidden ones, which say who makes them. A pool in Ceph is shared by hosts: each removes
 * only what an earlier life of its own daemon left.
 */
#pragma once

#include <stdbool.h>

#include "common/conf/storage/volume.h"

#define RBD_PART_PREFIX VOL_HIDDEN_PREFIX

typedef struct RbdPart { char name[48]; } RbdPart;

void rbd_part_name(RbdPart *ret);         /* a new one; any thread */
/* Nobody makes it any more, and whether it is there nobody knows: the cluster did not answer. Any thread. */
void rbd_part_abandon(const RbdPart *part);
bool rbd_part_is_left(const char *name);  /* of an earlier life of this host's daemon, or abandoned. Any thread */
