/*
 * What an image lies upon. Layers are told by what is recorded (the pools' tables, else the header of the file), never by what
 * QEMU would guess, and never through another protocol than files.
 */
#pragma once

#include "common/base/job.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/volume/volume.h"

/*
 * The layers below def, from the top down, as VolDefs with path, type and format; empty when there are none. *ret is the
 * caller's (g_ptr_array_unref). inside: a layer that is no volume of an active pool is an error: what is copied out of an image
 * must be something its owner could have read. Errors name the layer. May suspend: reads headers in a worker.
 */
int chain_of(Job *job, Driver *driver, const VolDef *def, bool inside, GPtrArray **ret, Error *err) _must_check_;
