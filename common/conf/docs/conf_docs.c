/* conf-docs grammar|reference KIND: print the RelaxNG grammar or the reference page of definitions of a kind. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "common/conf/domain/grammar.h"
#include "common/conf/network/port.h"
#include "common/conf/secret/secret.h"
#include "common/conf/storage/volume.h"
#include "common/xml/grammar.h"

/* A kind is also the name of its root element. schema NULL: the pair of functions does it. */
static const struct {
    const char *kind;
    const XmlSchema *schema;
    char *(*grammar)(void);
    char *(*reference)(void);
} documents[] = {
    { "domain", NULL, domain_grammar, domain_reference },
    { "network", &network_schema },
    { "networkport", &network_port_schema },
    { "pool", &pool_schema },
    { "volume", &volume_schema },
    { "secret", &secret_schema },
};

int
main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < G_N_ELEMENTS(documents); i++) {
        const XmlSchema *schema = documents[i].schema;
        g_autofree char *text = NULL;

        if (strcmp(argv[2], documents[i].kind) != 0)
            continue;
        if (strcmp(argv[1], "grammar") == 0)
            text = schema ? xml_grammar(argv[2], schema, NULL, NULL) : documents[i].grammar();
        else
            text = schema ? xml_reference(argv[2], schema) : documents[i].reference();
        return fputs(text, stdout) < 0;
    }
    return 2;
}
