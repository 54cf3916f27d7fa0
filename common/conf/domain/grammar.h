/* RelaxNG grammar and reference page of domain definitions, printed from their tables. */
#pragma once

char *domain_grammar(void);   /* owned by the caller */
char *domain_reference(void); /* Markdown; owned by the caller */
