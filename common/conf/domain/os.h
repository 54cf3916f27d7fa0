/* <os>: what the machine is and what it boots. */
#pragma once

#include "common/conf/domain/device/storage.h"

typedef enum OsType { OS_ABSENT = 0, OS_HVM, OS_XEN, OS_LINUX, OS_EXE, OS_UML, OS_XENPVH } OsType;
typedef enum Firmware { FIRMWARE_ABSENT = 0, FIRMWARE_BIOS, FIRMWARE_EFI } Firmware;
typedef enum BootDevice { BOOT_ABSENT = 0, BOOT_FD, BOOT_HD, BOOT_CDROM, BOOT_NETWORK } BootDevice;
typedef enum LoaderType { LOADER_ABSENT = 0, LOADER_ROM, LOADER_PFLASH } LoaderType;
typedef enum SmbiosMode { SMBIOS_ABSENT = 0, SMBIOS_NONE, SMBIOS_EMULATE, SMBIOS_HOST, SMBIOS_SYSINFO } SmbiosMode;
extern const char *const os_type_names[], *const firmware_names[], *const boot_device_names[], *const smbios_mode_names[];

typedef struct OsBoot { BootDevice dev; } OsBoot;
typedef struct FirmwareFeature { Tri enabled; char *name; /* "secure-boot", "enrolled-keys" */ } FirmwareFeature;
typedef struct OsEnv { char *name, *value; } OsEnv;
typedef struct AcpiTable { char *type; char *path; } AcpiTable;

typedef struct Loader {
    bool present;
    Tri readonly;
    LoaderType type;
    Tri secure, stateless;
    char *format; /* "raw", "qcow2" */
    char *path;
} Loader;

typedef struct Nvram {
    char *template_path, *template_format;
    char *format;
    StorageSource source; /* type file without <source>: the path is the element's text */
    char *path;           /* old style */
} Nvram;

typedef struct OsDef {
    Firmware firmware;
    OsType type;
    char *arch, *machine;
    LIST(FirmwareFeature) features;
    char *init; StringList initargs; LIST(OsEnv) initenvs; char *initdir, *inituser, *initgroup; /* containers */
    Loader loader;
    Nvram *nvram;
    char *kernel, *initrd, *cmdline, *shim, *dtb, *root;
    LIST(AcpiTable) acpi_tables;
    LIST(OsBoot) boots;
    Tri bootmenu; OptUint bootmenu_timeout; /* milliseconds */
    Tri use_serial; OptInt reboot_timeout;  /* -1 .. 65535 milliseconds */
    SmbiosMode smbios;
} OsDef;

extern const XmlSchema os_schema;
