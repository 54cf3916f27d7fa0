#include "common/store/definitions.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

#define HEAD_SIZE 2048

void
definitions_init(Definitions *definitions, const char *dir, const char *edit)
{
    *definitions = (Definitions){ .dir = g_strdup(dir), .autostart_dir = g_build_filename(dir, "autostart", NULL), .edit = edit };
}

void
definitions_done(Definitions *definitions)
{
    g_free(definitions->dir);
    g_free(definitions->autostart_dir);
    *definitions = (Definitions){ 0 };
}

int
definitions_open_journal(const Definitions *definitions, const char *daemon, Error *err)
{
    g_autofree char *path = g_strconcat(definitions->dir, "/.", daemon, ".journal", NULL);

    return file_journal_open(path, NULL, err);
}

char *
definitions_path(const Definitions *definitions, const char *name)
{
    return g_strconcat(definitions->dir, "/", name, ".xml", NULL);
}

char *
definitions_autostart_path(const Definitions *definitions, const char *name)
{
    return g_strconcat(definitions->autostart_dir, "/", name, ".xml", NULL);
}

/* --- indexing --- */

/* The text of <element>...</element> in the head of a definition, when it is plain. */
static char *
head_element(const char *head, const char *element)
{
    g_autofree char *open = g_strdup_printf("\n  <%s>", element), *close = g_strdup_printf("</%s>", element);
    const char *start = strstr(head, open), *end = start ? strstr(start, close) : NULL;

    if (!end)
        return NULL;
    start += strlen(open);
    return memchr(start, '&', (size_t)(end - start)) || memchr(start, '<', (size_t)(end - start))
               ? NULL
               : g_strndup(start, (gsize)(end - start));
}

static int
index_head(const char *path, char **ret_name, uint8_t *uuid)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    g_autofree char *uuid_text = NULL;
    char head[HEAD_SIZE + 1];
    ssize_t n = fd < 0 ? -1 : read(fd, head, HEAD_SIZE);

    if (n <= 0)
        return -1;
    head[n] = '\0';
    uuid_text = head_element(head, "uuid");
    if (!uuid_text || !uuid_from_text(uuid_text, uuid))
        return -1;
    *ret_name = head_element(head, "name");
    return *ret_name ? 0 : -1;
}

static void
index_one(const Definitions *definitions, const DefinitionsIndex *index, const char *file)
{
    g_autofree char *path = g_build_filename(definitions->dir, file, NULL), *name = NULL, *link = NULL, *text = NULL;
    g_autofree char *expected = g_strndup(file, strlen(file) - strlen(".xml"));
    _cleanup_error_ Error err = ERROR_INIT;
    uint8_t uuid[UUID_SIZE];
    void *def = NULL;

    if (index_head(path, &name, uuid) < 0 && (file_read(path, DEFINITION_MAX, &text, NULL, &err) < 0 ||
                                              index->parse(index->user, text, &name, uuid, &def, &err) < 0)) {
        index->left_alone(path, err.message);
        return;
    }
    if (strcmp(name, expected) != 0 || store_by_name(index->store, name) || store_by_uuid(index->store, uuid)) {
        index->left_alone(path, strcmp(name, expected) != 0 ? "its name is not that of the file" : "another one has its name or UUID");
        if (def)
            index->discard(def);
        return;
    }
    link = definitions_autostart_path(definitions, name);
    index->add(index->user, name, uuid, access(link, F_OK) == 0, def);
}

int
definitions_index(const Definitions *definitions, const DefinitionsIndex *index, Error *err)
{
    g_autoptr(GDir) dir = NULL;
    g_autoptr(GError) error = NULL;
    const char *file;

    file_sweep(definitions->dir);
    file_sweep(definitions->autostart_dir);
    dir = g_dir_open(definitions->dir, 0, &error);
    if (!dir)
        return error_setf(err, FROM_CONF, ERR_OPERATION_FAILED, "cannot read the definitions: %s", error->message);
    while ((file = g_dir_read_name(dir)))
        if (g_str_has_suffix(file, ".xml"))
            index_one(definitions, index, file);
    return 0;
}

int
definitions_read(const Definitions *definitions, const char *name, char **ret_text, Error *err)
{
    g_autofree char *path = definitions_path(definitions, name);

    return file_read(path, DEFINITION_MAX, ret_text, NULL, err);
}

/* --- changes --- */

static const char banner[] =
    "<!--\n"
    "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
    "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
    "  virsh %s %s\n"
    "or other application using the libvirt API.\n"
    "-->\n\n";

int
definitions_write(Job *job, const Definitions *definitions, const char *name, const char *xml, Error *err)
{
    g_autofree char *path = definitions_path(definitions, name);
    g_autoptr(GString) text = g_string_new(NULL);

    if (!strstr(name, "--")) /* would end the comment */
        g_string_printf(text, banner, definitions->edit, name);
    g_string_append(text, xml);
    return file_commit_write(job, path, text->str, text->len, 0600, err);
}

int
definitions_remove(Job *job, const Definitions *definitions, const char *name, bool autostart, Error *err)
{
    g_autofree char *path = definitions_path(definitions, name), *link = definitions_autostart_path(definitions, name);

    /* The link first: a link to nothing is harmless, a definition that comes back without its link is not. */
    if (autostart && file_commit_unlink(job, link, err) < 0)
        return -1;
    return file_commit_unlink(job, path, err);
}

int
definitions_set_autostart(Job *job, const Definitions *definitions, const char *name, bool autostart, Error *err)
{
    g_autofree char *path = definitions_path(definitions, name), *link = definitions_autostart_path(definitions, name);

    return autostart ? file_commit_symlink(job, path, link, err) : file_commit_unlink(job, link, err);
}
