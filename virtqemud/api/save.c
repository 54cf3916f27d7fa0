/* Saved guests: to a file of the user's, or to the managed place. */
#include <string.h>
#include <unistd.h>

#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/run/boot.h"
#include "virtqemud/run/save.h"

#define SAVE_FLAGS (VIR_DOMAIN_SAVE_BYPASS_CACHE | VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED)

/* 1 running, 0 paused, -1 as it is. */
static int
running_of(unsigned flags, int *ret, Error *err)
{
    if ((flags & VIR_DOMAIN_SAVE_RUNNING) && (flags & VIR_DOMAIN_SAVE_PAUSED))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "a saved guest can't be both running and paused");
    *ret = flags & VIR_DOMAIN_SAVE_RUNNING ? 1 : flags & VIR_DOMAIN_SAVE_PAUSED ? 0 : -1;
    return 0;
}

/* The definition a caller wants instead of the one in use: accepted if the guest sees the same machine. */
static int
replacement(Job *job, Driver *driver, const DomainDef *from, const char *xml, DomainDef **ret, Error *err)
{
    g_autoptr(DomainDef) def = NULL;

    if (define_parse(job, driver, xml, XML_INACTIVE, &def, err) < 0 || domain_def_check_abi(from, def, err) < 0)
        return -1;
    *ret = g_steal_pointer(&def);
    return 0;
}

static int
save(Job *job, RpcCall *call, const char *path, const char *xml, unsigned flags, Error *err)
{
    Domain *d = api_domain(call);
    SaveOptions options = { .path = path };
    g_autoptr(DomainDef) live = NULL, def = NULL;
    g_autofree char *text = NULL;

    if (rpc_call_check_flags(call, flags, SAVE_FLAGS, err) < 0 || running_of(flags, &options.running, err) < 0 ||
        domain_check_active(d, err) < 0)
        return -1;
    if (path[0] != '/')
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the file to save to, '%s', must be an absolute path", path);
    if (xml) {
        live = domain_def_ref(d->live); /* a drive that opens while an emulator is asked makes another one */
        if (replacement(job, d->driver, live, xml, &def, err) < 0)
            return -1;
        text = domain_def_format(def, XML_SECURE | XML_MIGRATABLE);
        options.xml = text;
    }
    return run_save(job, d, &options, err);
}

static int
save_plain(Job *job, RpcCall *call, const remote_domain_save_args *args, void *ret, Error *err)
{
    return save(job, call, args->to, NULL, 0, err);
}

static int
save_flags(Job *job, RpcCall *call, const remote_domain_save_flags_args *args, void *ret, Error *err)
{
    return save(job, call, args->to, args->dxml, args->flags, err);
}

/* The typed parameters of the newer calls: a file and a definition. */
static int
read_params(const remote_typed_param *params, unsigned n, const char **file, const char **xml, Error *err)
{
    for (unsigned i = 0; i < n; i++) {
        const char **to = strcmp(params[i].field, VIR_DOMAIN_SAVE_PARAM_FILE) == 0 ? file
                          : strcmp(params[i].field, VIR_DOMAIN_SAVE_PARAM_DXML) == 0 ? xml : NULL;

        if (!to || params[i].value.type != VIR_TYPED_PARAM_STRING)
            return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "parameter '%s' is not supported", params[i].field);
        *to = params[i].value.s;
    }
    return 0;
}

static int
managed_path_of(RpcCall *call, char **ret, Error *err)
{
    Domain *d = api_domain(call);

    if (!d->persistent)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "cannot do managed save of %s: it is transient", d->label);
    *ret = driver_save_path(d->driver, domain_name(d));
    return 0;
}

static int
managed_save(Job *job, RpcCall *call, const remote_domain_managed_save_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autofree char *path = NULL;

    if (managed_path_of(call, &path, err) < 0 || save(job, call, path, NULL, args->flags, err) < 0)
        return -1;
    domain_set_managed_save(d, true);
    return 0;
}

static int
save_params(Job *job, RpcCall *call, const remote_domain_save_params_args *args, void *ret, Error *err)
{
    const char *file = NULL, *xml = NULL;
    g_autofree char *managed = NULL;

    if (read_params(args->params, args->n_params, &file, &xml, err) < 0 || (!file && managed_path_of(call, &managed, err) < 0) ||
        save(job, call, file ? file : managed, xml, args->flags, err) < 0)
        return -1;
    if (!file)
        domain_set_managed_save(api_domain(call), true);
    return 0;
}

/* --- restore --- */

static int
restore(Job *job, RpcCall *call, const char *path, const char *xml, unsigned flags, Error *err)
{
    __attribute__((cleanup(saveimage_done))) SaveImage image = { .fd = -1 };
    g_autoptr(DomainDef) def = NULL, other = NULL;
    g_autoptr(Domain) d = NULL;
    Driver *driver = api_driver(call);
    int running, r;

    if (rpc_call_check_flags(call, flags, SAVE_FLAGS, err) < 0 || running_of(flags, &running, err) < 0 ||
        saveimage_open(job, path, &image, err) < 0 || define_parse_stored(driver, image.xml, &def, err) < 0)
        return -1;
    if (xml && replacement(job, driver, def, xml, &other, err) < 0)
        return -1;
    if (define_claim(job, driver, def, true, &d, err) < 0)
        return -1;
    r = boot_from_image(job, d, &image, other ? other : def, running, err);
    define_release(job, d);
    return r;
}

static int
restore_plain(Job *job, RpcCall *call, const remote_domain_restore_args *args, void *ret, Error *err)
{
    return restore(job, call, args->from, NULL, 0, err);
}

static int
restore_flags(Job *job, RpcCall *call, const remote_domain_restore_flags_args *args, void *ret, Error *err)
{
    return restore(job, call, args->from, args->dxml, args->flags, err);
}

static int
restore_params(Job *job, RpcCall *call, const remote_domain_restore_params_args *args, void *ret, Error *err)
{
    const char *file = NULL, *xml = NULL;

    if (read_params(args->params, args->n_params, &file, &xml, err) < 0)
        return -1;
    if (!file)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the parameter '%s' is missing", VIR_DOMAIN_SAVE_PARAM_FILE);
    return restore(job, call, file, xml, args->flags, err);
}

/* --- the definition inside an image --- */

static int
image_xml(Job *job, RpcCall *call, const char *path, unsigned flags, const char **ret, Error *err)
{
    __attribute__((cleanup(saveimage_done))) SaveImage image = { .fd = -1 };
    g_autoptr(DomainDef) def = NULL;
    g_autofree char *text = NULL;

    if (rpc_call_check_flags(call, flags, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE, err) < 0 || saveimage_open(job, path, &image, err) < 0 ||
        define_parse_stored(api_driver(call), image.xml, &def, err) < 0)
        return -1;
    text = domain_def_format(def, flags & VIR_DOMAIN_SAVE_IMAGE_XML_SECURE ? XML_SECURE : 0);
    *ret = arena_strdup(rpc_call_arena(call), text);
    return 0;
}

static int
image_define(Job *job, RpcCall *call, const char *path, const char *xml, unsigned flags, Error *err)
{
    __attribute__((cleanup(saveimage_done))) SaveImage image = { .fd = -1 };
    g_autoptr(DomainDef) old = NULL, def = NULL;
    g_autofree char *text = NULL;
    int running;

    if (rpc_call_check_flags(call, flags, VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED, err) < 0 ||
        running_of(flags, &running, err) < 0 || saveimage_open(job, path, &image, err) < 0 ||
        define_parse_stored(api_driver(call), image.xml, &old, err) < 0 ||
        replacement(job, api_driver(call), old, xml, &def, err) < 0)
        return -1;
    text = domain_def_format(def, XML_SECURE | XML_MIGRATABLE);
    return saveimage_rewrite(job, path, text, running, err);
}

static int
save_image_get_xml(Job *job, RpcCall *call, const remote_domain_save_image_get_xml_desc_args *args,
                   remote_domain_save_image_get_xml_desc_ret *ret, Error *err)
{
    return image_xml(job, call, args->file, args->flags, &ret->xml, err);
}

static int
save_image_define_xml(Job *job, RpcCall *call, const remote_domain_save_image_define_xml_args *args, void *ret, Error *err)
{
    return image_define(job, call, args->file, args->dxml, args->flags, err);
}

static int
check_managed(RpcCall *call, char **ret_path, Error *err)
{
    Domain *d = api_domain(call);

    if (managed_path_of(call, ret_path, err) < 0)
        return -1;
    return d->managed_save ? 0 : error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s has no managed save image", d->label);
}

static int
managed_get_xml(Job *job, RpcCall *call, const remote_domain_managed_save_get_xml_desc_args *args,
                remote_domain_managed_save_get_xml_desc_ret *ret, Error *err)
{
    g_autofree char *path = NULL;

    return check_managed(call, &path, err) < 0 ? -1 : image_xml(job, call, path, args->flags, &ret->xml, err);
}

static int
managed_define_xml(Job *job, RpcCall *call, const remote_domain_managed_save_define_xml_args *args, void *ret, Error *err)
{
    g_autofree char *path = NULL;

    if (check_managed(call, &path, err) < 0)
        return -1;
    if (!args->dxml)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "no definition was given");
    return image_define(job, call, path, args->dxml, args->flags, err);
}

static int
managed_remove(Job *job, RpcCall *call, const remote_domain_managed_save_remove_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autofree char *path = driver_save_path(d->driver, domain_name(d));

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    unlink(path);
    domain_set_managed_save(d, false);
    return 0;
}

API_TABLE(api_save,
    REMOTE_BIND(DOMAIN_SAVE, save_plain),
    REMOTE_BIND(DOMAIN_SAVE_FLAGS, save_flags),
    REMOTE_BIND(DOMAIN_SAVE_PARAMS, save_params),
    REMOTE_BIND(DOMAIN_MANAGED_SAVE, managed_save),
    REMOTE_BIND(DOMAIN_MANAGED_SAVE_REMOVE, managed_remove),
    REMOTE_BIND(DOMAIN_MANAGED_SAVE_GET_XML_DESC, managed_get_xml),
    REMOTE_BIND(DOMAIN_MANAGED_SAVE_DEFINE_XML, managed_define_xml),
    REMOTE_BIND(DOMAIN_RESTORE, restore_plain),
    REMOTE_BIND(DOMAIN_RESTORE_FLAGS, restore_flags),
    REMOTE_BIND(DOMAIN_RESTORE_PARAMS, restore_params),
    REMOTE_BIND(DOMAIN_SAVE_IMAGE_GET_XML_DESC, save_image_get_xml),
    REMOTE_BIND(DOMAIN_SAVE_IMAGE_DEFINE_XML, save_image_define_xml));
