#include "common/conf/domain/grammar.h"

#include "common/conf/domain/domain.h"
#include "common/xml/grammar.h"

/* The device list is a custom row; its pattern refers to one definition per kind. */
char *
domain_grammar(void)
{
    g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
    GString *extra = g_string_new(NULL), *any = g_string_new("<define name='anyDevice'><choice>");
    char *text;

    for (DeviceKind kind = DEVICE_NONE + 1; kind < DEVICE_KIND_MAX; kind++) {
        const DeviceKindOps *ops = device_ops(kind);
        g_autofree char *name = g_strdup_printf("device-%s", ops->element);

        xml_grammar_define(extra, done, name, ops->element, ops->schema);
        g_string_append_printf(any, "<ref name='%s'/>", name);
    }
    g_string_append(any, "</choice></define>\n");
    g_string_append(extra, any->str);
    g_string_free(any, TRUE);
    text = xml_grammar("domain", &domain_schema, extra, done);
    g_string_free(extra, TRUE);
    return text;
}

char *
domain_reference(void)
{
    GString *out = g_string_new(NULL);
    g_autofree char *domain = xml_reference("domain", &domain_schema);

    g_string_append(out, domain);
    for (DeviceKind kind = DEVICE_NONE + 1; kind < DEVICE_KIND_MAX; kind++) {
        g_autofree char *path = g_strdup_printf("domain/devices/%s", device_ops(kind)->element);

        xml_reference_element(out, path, device_ops(kind)->schema);
    }
    return g_string_free(out, FALSE);
}
