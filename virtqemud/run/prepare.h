/* What a definition becomes when it runs: ports, sockets and terminals chosen, files made, secrets told to QEMU. */
#pragma once

#include "virtqemud/device/build.h"
#include "virtqemud/run/run.h"

/* Before QEMU exists: changes live, which nobody else sees yet; makes the firmware's variables and channel directories. */
int prepare_definition(Job *job, Domain *domain, DomainDef *live, Error *err) _must_check_;
/* The terminals QEMU opened ("query-chardev") become part of the live definition. */
void prepare_note_ptys(Domain *domain, json_t *chardevs);
/* QEMU exists, vCPUs don't run: passwords, statistics. */
int prepare_running(Job *job, Domain *domain, Error *err) _must_check_;
/* The directory of this guest's channel sockets; g_free. */
char *prepare_channel_dir(const Domain *domain);
/* What building a command line needs to know of this host; strings are borrowed from the arguments. */
QemuBuildOptions prepare_build_options(const Driver *driver, const char *dir, const char *channel_dir, const char *ram_dir);
/* "3-name": how directories of a guest with this id (-1: none) are called. g_free. */
char *prepare_short_name(int id, const char *name);
/* Where the files of its file-backed memory lie. g_free. */
char *prepare_ram_dir(const Driver *driver, int id, const char *name);
const char *prepare_nvram_path(const Nvram *nvram); /* NULL when it is no local file */
/* The ports a shown command line has: the first ones, without looking whether they are free. */
void prepare_shown_ports(const Driver *driver, DomainDef *def);
