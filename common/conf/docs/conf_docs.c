/* conf-docs grammar|reference: print the RelaxNG grammar or the reference page of domain definitions. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "common/conf/domain/grammar.h"

int
main(int argc, char **argv)
{
    g_autofree char *text = NULL;

    if (argc != 2)
        return 2;
    text = strcmp(argv[1], "grammar") == 0 ? domain_grammar() : domain_reference();
    return fputs(text, stdout) < 0;
}
