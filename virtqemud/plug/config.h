/* Definitions with a device more, less, or another. Private to plug/. Nothing on disk or in a guest is touched; may suspend. */
#pragma once

#include "virtqemud/domain/domain.h"

/* Each gives a new definition, complete and checked. device is as the client wrote it. */
int config_attach(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err) _must_check_;
int config_detach(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err) _must_check_;
int config_update(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err) _must_check_;
/* Errors of a device whose place is taken: ERR_OPERATION_INVALID. */
int config_check_free(const DomainDef *def, const Device *device, Error *err);
