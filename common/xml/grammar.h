/* What else a table can print: a RelaxNG grammar and a reference page. */
#pragma once

#include "common/xml/schema.h"

/*
 * A RelaxNG grammar for documents whose root element has the given table. A row with a condition becomes a branch of a
 * choice over the attribute it depends on. extra: definitions that custom rows refer to, made by xml_grammar_define()
 * with the same done (a hash table without functions), which says what is defined already; both NULL: none.
 * Owned by the caller.
 */
char *xml_grammar(const char *root, const XmlSchema *schema, const GString *extra, GHashTable *done);

/* A definition <define name=name> for an element with a table, to be part of `extra`; defines what it needs too, unless
 * done before. */
void xml_grammar_define(GString *out, GHashTable *done, const char *name, const char *element, const XmlSchema *schema);

/* A grammar ready for use. Owned by the caller; NULL when the text is not a grammar. */
typedef struct XmlValidator XmlValidator;
XmlValidator *xml_validator_new(const char *grammar);
void xml_validator_free(XmlValidator *validator);
bool xml_validator_accepts(XmlValidator *validator, xmlDoc *doc);

/* The tables as text in Markdown: elements by path, attributes, types, allowed values, defaults, meaning. */
char *xml_reference(const char *root, const XmlSchema *schema);
void xml_reference_element(GString *out, const char *path, const XmlSchema *schema);
