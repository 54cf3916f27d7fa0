/* conf-docs grammar|reference KIND: print the RelaxNG grammar or the reference page of definitions of a kind. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "common/conf/domain/grammar.h"
#include "common/conf/network/port.h"
#include "common/xml/grammar.h"

static char *
network_grammar(void)
{
    return xml_grammar("network", &network_schema, NULL, NULL);
}

static char *
network_reference(void)
{
    return xml_reference("network", &network_schema);
}

static char *
port_grammar(void)
{
    return xml_grammar("networkport", &network_port_schema, NULL, NULL);
}

static char *
port_reference(void)
{
    return xml_reference("networkport", &network_port_schema);
}

static const struct {
    const char *kind;
    char *(*grammar)(void);
    char *(*reference)(void);
} documents[] = {
    { "domain", domain_grammar, domain_reference },
    { "network", network_grammar, network_reference },
    { "networkport", port_grammar, port_reference },
};

int
main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *text = NULL;

        if (strcmp(argv[2], documents[i].kind) != 0)
            continue;
        text = strcmp(argv[1], "grammar") == 0 ? documents[i].grammar() : documents[i].reference();
        return fputs(text, stdout) < 0;
    }
    return 2;
}
