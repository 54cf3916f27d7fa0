#include "common/host/hooks.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/process.h"

#define HOOK_TIMEOUT (10 * 60 * USEC_PER_SEC) /* a script that never ends must not hold its object for ever */

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_script(GPtrArray *scripts, char *path)
{
    if (g_file_test(path, G_FILE_TEST_IS_REGULAR) && access(path, X_OK) == 0)
        g_ptr_array_add(scripts, path);
    else
        g_free(path);
}

/* Paths in the order they run. */
static GPtrArray *
find_scripts(const Hook *hook)
{
    GPtrArray *scripts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *more = g_strconcat(hook->config_dir, "/hooks/", hook->driver, ".d", NULL);
    g_autoptr(GDir) dir = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    add_script(scripts, g_strconcat(hook->config_dir, "/hooks/", hook->driver, NULL));
    dir = g_dir_open(more, 0, NULL);
    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        add_script(scripts, g_build_filename(more, names->pdata[i], NULL));
    return scripts;
}

bool
hook_present(const Hook *hook)
{
    g_autoptr(GPtrArray) scripts = find_scripts(hook);

    return scripts->len > 0;
}

static int
run_one(Job *job, const char *script, const HookCall *call, const char *document, Error *err)
{
    const char *const argv[] = { script, call->object, call->operation, call->sub, call->extra, NULL };
    const ProcessSpec spec = { .argv = argv };
    ProcessOutput output = { 0 };
    _cleanup_error_ Error why = ERROR_INIT;

    if (process_check(job, &spec, document, HOOK_TIMEOUT, &output, &why) < 0)
        return error_setf(err, FROM_HOOK, ERR_HOOK_SCRIPT_FAILED, "the hook for '%s %s %s' of '%s': %s", call->operation, call->sub,
                          call->extra, call->object, why.message);
    process_output_done(&output);
    return 0;
}

int
hook_run(Job *job, const Hook *hook, const HookCall *call, const char *document, Error *err)
{
    g_autoptr(GPtrArray) scripts = find_scripts(hook);

    for (guint i = 0; i < scripts->len; i++)
        if (run_one(job, scripts->pdata[i], call, document, err) < 0)
            return -1;
    return 0;
}
