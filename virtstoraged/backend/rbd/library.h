/* librados and librbd, loaded when they are needed. For this folder; what they do is said in their headers. */
#pragma once

#include <rados/librados.h>
#include <rbd/librbd.h>

#include "common/base/error.h"

#define CEPH_RADOS_SYMBOLS(X) \
    X(rados_create) X(rados_conf_set) X(rados_connect) X(rados_shutdown) X(rados_ioctx_create) X(rados_ioctx_destroy) \
    X(rados_cluster_stat) X(rados_ioctx_pool_stat) X(rados_create_read_op) X(rados_release_read_op) X(rados_read_op_exec) \
    X(rados_aio_read_op_operate) X(rados_aio_create_completion2) X(rados_aio_wait_for_complete) \
    X(rados_aio_get_return_value) X(rados_aio_release) X(rados_buffer_free)

#define CEPH_RBD_SYMBOLS(X) \
    X(rbd_list2) X(rbd_image_spec_list_cleanup) X(rbd_open) X(rbd_open_read_only) X(rbd_close) X(rbd_get_size) X(rbd_get_features) \
    X(rbd_image_options_create) X(rbd_image_options_destroy) X(rbd_create4) X(rbd_clone3) X(rbd_rename) X(rbd_remove) X(rbd_resize2) \
    X(rbd_snap_list) X(rbd_snap_list_end) X(rbd_snap_create) X(rbd_snap_remove) X(rbd_snap_protect) X(rbd_snap_unprotect) \
    X(rbd_snap_is_protected) X(rbd_snap_set) X(rbd_list_children3) X(rbd_linked_image_spec_list_cleanup) X(rbd_read) X(rbd_write) \
    X(rbd_write_zeroes) X(rbd_flush) X(rbd_diff_iterate2) X(rbd_trash_list) X(rbd_trash_list_cleanup) X(rbd_trash_remove)

/* Their functions, under their names: ceph.rbd_open(). */
#define CEPH_MEMBER(name) __typeof__(name) *name;
typedef struct CephLibrary {
    CEPH_RADOS_SYMBOLS(CEPH_MEMBER)
    CEPH_RBD_SYMBOLS(CEPH_MEMBER)
} CephLibrary;
extern CephLibrary ceph; /* valid once ceph_load() has succeeded */

int ceph_load(Error *err); /* for workers */
