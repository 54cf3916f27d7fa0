/* libiscsi, loaded when it is needed. For this folder; what it does is said in its headers. */
#pragma once

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "common/base/error.h"

#define ISCSI_SYMBOLS(X) \
    X(iscsi_create_context) X(iscsi_destroy_context) X(iscsi_set_targetname) X(iscsi_set_session_type) X(iscsi_set_header_digest) \
    X(iscsi_set_initiator_username_pwd) X(iscsi_set_noautoreconnect) X(iscsi_connect_async) X(iscsi_login_async) \
    X(iscsi_logout_async) X(iscsi_discovery_async) X(iscsi_get_fd) X(iscsi_which_events) X(iscsi_service) X(iscsi_get_error) \
    X(iscsi_testunitready_task) X(iscsi_reportluns_task) X(iscsi_inquiry_task) X(iscsi_readcapacity16_task) \
    X(iscsi_get_lba_status_task) X(iscsi_read16_iov_task) X(iscsi_write16_task) X(iscsi_writesame16_task) \
    X(iscsi_synchronizecache16_task) X(scsi_free_scsi_task) X(scsi_datain_unmarshall) X(scsi_datain_getfullsize)

/* Their functions, under their names: iscsi.iscsi_get_fd(). */
#define ISCSI_MEMBER(name) __typeof__(name) *name;
typedef struct IscsiLibrary { ISCSI_SYMBOLS(ISCSI_MEMBER) } IscsiLibrary;
extern IscsiLibrary iscsi; /* valid once iscsi_load() has succeeded */

int iscsi_load(Error *err); /* for workers */
