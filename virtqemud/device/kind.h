/*
 * What QEMU does with a kind of device: the contract, and the array of all kinds.
 *
 * common/conf/domain/device/<kind>.c says what a device is; virtqemud/device/<kind>.c, of the same name, says this.
 */
#pragma once

#include "virtqemud/device/build.h"

typedef struct QemuDeviceKind {
    DeviceKind kind;

    /*
     * Can this QEMU have it? 0, or -1 with ERR_CONFIG_UNSUPPORTED naming what is missing. NULL slot: every QEMU can.
     * Called before anything is built or acquired.
     */
    int (*check)(const QemuBuild *build, const Device *device, Error *err);

    /* Add what QEMU opens on the host to the list (of QemuResource). NULL slot: nothing. */
    void (*resources)(const Device *device, GPtrArray *list);

    /* Add the parts the device refers to (objects, block nodes, character devices). NULL slot: none. */
    int (*backend)(QemuBuild *build, const Device *device, Error *err);

    /*
     * The device's own properties, for -device and device_add alike; a new reference. *ret stays NULL, with success, for
     * what is no device of its own (a built-in controller, a serial port the machine brings along).
     */
    int (*properties)(QemuBuild *build, const Device *device, json_t **ret, Error *err);
} QemuDeviceKind;

/* The contract of a kind; NULL: guests of QEMU cannot have it. */
const QemuDeviceKind *qemu_device_kind(DeviceKind kind);

/* Everything of one device: backend, then the device. */
int qemu_device_build(QemuBuild *build, const Device *device, Error *err);
int qemu_device_check(const QemuBuild *build, const Device *device, Error *err);

/* What the guest's QEMU opens for its devices; a list of QemuResource to be freed with g_ptr_array_unref(). */
GPtrArray *qemu_device_resources(const DomainDef *def);
GPtrArray *qemu_device_resources_of(const Device *device); /* of one of them, likewise */
GPtrArray *qemu_resources_new(void);                       /* an empty list */
void qemu_device_name_resources(const Device *device, GPtrArray *list);
void resource_add(GPtrArray *list, const char *path, bool write, bool shared); /* path NULL adds nothing */
void resource_add_output(GPtrArray *list, const char *path);                   /* likewise; a file the guest's QEMU makes */

/* -1 with ERR_CONFIG_UNSUPPORTED "... has no TYPE" unless the binary has the QOM type. */
int check_type(const QemuBuild *build, const Device *device, const char *type, Error *err);
