#include "common/xml/writer.h"

#include <stdarg.h>
#include <string.h>

void
xml_writer_init(XmlWriter *writer)
{
    *writer = (XmlWriter){ .out = g_string_sized_new(4096), .scratch = g_string_new(NULL) };
}

void
xml_writer_done(XmlWriter *writer)
{
    if (writer->out)
        g_string_free(writer->out, TRUE);
    if (writer->scratch)
        g_string_free(writer->scratch, TRUE);
    writer->out = writer->scratch = NULL;
}

char *
xml_writer_steal(XmlWriter *writer)
{
    GString *out = writer->out;

    writer->out = NULL;
    xml_writer_done(writer);
    return g_string_free(out, FALSE);
}

static void
indent(XmlWriter *writer)
{
    for (int i = 0; i < writer->depth; i++)
        g_string_append(writer->out, "  ");
}

/* Close a start tag that content now follows. */
static void
settle(XmlWriter *writer)
{
    if (!writer->open)
        return;
    g_string_append(writer->out, ">\n");
    writer->open = false;
}

/* Characters XML 1.0 cannot carry are dropped: they cannot have come from a document. */
static void
escaped(GString *out, const char *text)
{
    for (const char *plain = text;; text++) {
        const char *instead = NULL;

        switch (*text) {
        case '<': instead = "&lt;"; break;
        case '>': instead = "&gt;"; break;
        case '&': instead = "&amp;"; break;
        case '\'': instead = "&apos;"; break;
        case '"': instead = "&quot;"; break;
        case '\r': instead = "&#13;"; break;
        case '\n': case '\t': continue;
        default:
            if ((unsigned char)*text >= 0x20)
                continue;
            instead = "";
        }
        g_string_append_len(out, plain, text - plain);
        if (!*text)
            return;
        g_string_append(out, instead);
        plain = text + 1;
    }
}

/* In attributes a raw line break or tab would come back as a blank. */
static void
escaped_attr(GString *out, const char *text)
{
    gsize at = out->len;

    escaped(out, text);
    for (gsize i = at; i < out->len; i++) {
        if (out->str[i] != '\n' && out->str[i] != '\t')
            continue;
        g_string_insert(out, i + 1, out->str[i] == '\n' ? "#10;" : "#9;");
        out->str[i] = '&';
    }
}

XmlMark
xml_writer_start(XmlWriter *writer, const char *name)
{
    XmlMark mark = { .length = writer->out->len, .was_open = writer->open };

    settle(writer);
    indent(writer);
    g_string_append_c(writer->out, '<');
    g_string_append(writer->out, name);
    mark.started = writer->out->len;
    writer->open = true;
    writer->depth++;
    return mark;
}

void
xml_writer_attr(XmlWriter *writer, const char *name, const char *value)
{
    if (!value)
        return;
    g_assert(writer->open);
    g_string_append_c(writer->out, ' ');
    g_string_append(writer->out, name);
    g_string_append_len(writer->out, "='", 2);
    escaped_attr(writer->out, value);
    g_string_append_c(writer->out, '\'');
}

void
xml_writer_attrf(XmlWriter *writer, const char *name, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    xml_writer_attr(writer, name, value);
}

static void
close_tag(XmlWriter *writer, const char *name)
{
    g_string_append_len(writer->out, "</", 2);
    g_string_append(writer->out, name);
    g_string_append_len(writer->out, ">\n", 2);
}

void
xml_writer_end(XmlWriter *writer, const char *name)
{
    writer->depth--;
    if (writer->open) {
        g_string_append(writer->out, "/>\n");
        writer->open = false;
        return;
    }
    indent(writer);
    close_tag(writer, name);
}

void
xml_writer_end_optional(XmlWriter *writer, const char *name, XmlMark mark)
{
    if (writer->out->len > mark.started) {
        xml_writer_end(writer, name);
        return;
    }
    g_string_truncate(writer->out, mark.length);
    writer->depth--;
    writer->open = mark.was_open;
}

void
xml_writer_end_text(XmlWriter *writer, const char *name, const char *text)
{
    if (!text || !*text) {
        xml_writer_end(writer, name);
        return;
    }
    g_assert(writer->open);
    g_string_append_c(writer->out, '>');
    escaped(writer->out, text);
    close_tag(writer, name);
    writer->open = false;
    writer->depth--;
}

void
xml_writer_text_element(XmlWriter *writer, const char *name, const char *text)
{
    if (!text)
        return;
    xml_writer_start(writer, name);
    xml_writer_end_text(writer, name, text);
}

void
xml_writer_raw(XmlWriter *writer, const char *text)
{
    settle(writer);
    indent(writer);
    g_string_append(writer->out, text);
    g_string_append_c(writer->out, '\n');
}
