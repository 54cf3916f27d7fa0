/* The steps of completion that have files of their own. Only postparse.c and the tests of a step include this. */
#pragma once

#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/postparse.h"

/* caps->supports, everything without such a slot. */
bool domain_caps_support(const DomainDef *def, const DomainCaps *caps, const char *what);

/* implicit.c: what every machine of the type has, before and after the devices are completed. */
int domain_add_default_devices(DomainDef *def, const DomainCaps *caps, Error *err);
int domain_add_implied_devices(DomainDef *def, const DomainCaps *caps, Error *err);
void domain_number_roots(DomainDef *def);       /* 0 for PCI roots, before the default devices */
void domain_sort_video(DomainDef *def);         /* the primary adapter first */
void domain_number_controllers(DomainDef *def); /* indexes for controllers that have none */
/* The controller of that type and index; NULL if there is none. */
ControllerDef *domain_find_controller(const DomainDef *def, ControllerType type, unsigned index);
/* The same, added with model (0: default) if there is none. */
ControllerDef *domain_need_controller(DomainDef *def, ControllerType type, unsigned index, int model);

/* firmware.c: defaults of <loader> and <nvram> when firmware is given by hand. */
int domain_complete_firmware(DomainDef *def, const DomainCaps *caps, Error *err);

/* validate.c: rules across elements; early ones need no machine. */
int domain_check_early(const DomainDef *def, Error *err);
int domain_check(const DomainDef *def, const DomainCaps *caps, Error *err);

/* validate_devices.c */
int domain_check_devices(const DomainDef *def, const DomainCaps *caps, Error *err);

/* address/ */
int domain_assign_drive_addresses(DomainDef *def, Error *err); /* disks on ide, sata, scsi, fdc; adds controllers */
int domain_assign_serial_addresses(DomainDef *def, Error *err); /* virtio-serial and ccid */
int domain_assign_pci_addresses(DomainDef *def, const DomainCaps *caps, Error *err);
int domain_assign_usb_addresses(DomainDef *def, Error *err);
int domain_assign_memory_slots(DomainDef *def, Error *err);
