/*
 * <sysinfo type='smbios'>: what the firmware says of the machine, from the kernel's copy of the SMBIOS table.
 *
 * The table is untrusted as all firmware is: every length is checked, text that isn't is shown with '?'.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SYSINFO_DMI_TABLE "/sys/firmware/dmi/tables/DMI"
#define SYSINFO_DMI_MAX (1024 * 1024)

/* The document made of a table; g_free. NULL when the table holds nothing of interest. */
char *sysinfo_format(const uint8_t *table, size_t size);
