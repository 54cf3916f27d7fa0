/*
 * Canonical XML text: two-space indent, attributes in single quotes, an element without content closed in its own tag.
 * Elements that turn out to have no content can be taken back (xml_writer_end_optional).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct XmlWriter {
    GString *out;
    int depth;
    bool open; /* the last start tag still takes attributes */
    GString *scratch; /* for the text of one value at a time */
} XmlWriter;

typedef struct XmlMark { gsize length; gsize started; bool was_open; } XmlMark;

void xml_writer_init(XmlWriter *writer);
void xml_writer_done(XmlWriter *writer);
char *xml_writer_steal(XmlWriter *writer); /* the text; the writer is done with */

XmlMark xml_writer_start(XmlWriter *writer, const char *name);
void xml_writer_attr(XmlWriter *writer, const char *name, const char *value); /* NULL value: nothing */
void xml_writer_attrf(XmlWriter *writer, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void xml_writer_end(XmlWriter *writer, const char *name);
/* As xml_writer_end, but an element without attributes and content disappears. mark is what its start returned. */
void xml_writer_end_optional(XmlWriter *writer, const char *name, XmlMark mark);
/* End of an element whose content is text. */
void xml_writer_end_text(XmlWriter *writer, const char *name, const char *text);
void xml_writer_text_element(XmlWriter *writer, const char *name, const char *text);
/* A child element that is XML text already, one or more whole lines without indent of the first. */
void xml_writer_raw(XmlWriter *writer, const char *text);
