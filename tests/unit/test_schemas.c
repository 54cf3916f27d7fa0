/*
 * The generated grammar and the parser are two readings of one table: on documents that were changed at random they must
 * agree. What the parser accepts the grammar accepts; what the parser calls unknown the grammar refuses.
 */
#include "common/conf/domain/domain.h"
#include "common/conf/domain/grammar.h"
#include "common/conf/network/port.h"
#include "common/conf/secret/secret.h"
#include "common/conf/storage/volume.h"
#include "common/xml/document.h"
#include "common/xml/grammar.h"
#include "tests/unit/unit.h"

#include <string.h>

#define ROUNDS 1500

static const char *fixtures;

typedef struct Kind {
    const char *root;
    const XmlSchema *schema; /* NULL: that of domains, which has a grammar of its own making */
    int (*read)(xmlNode *root, Error *err);
    XmlValidator *validator;
} Kind;

/* All elements of the document, and one of them. */
static xmlNode *
pick(xmlNode *root, GRand *rand)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    g_ptr_array_add(all, root);
    for (guint i = 0; i < all->len; i++)
        for (xmlNode *child = ((xmlNode *)all->pdata[i])->children; child; child = child->next)
            if (child->type == XML_ELEMENT_NODE && strcmp((const char *)child->name, "metadata") != 0)
                g_ptr_array_add(all, child);
    return all->pdata[g_rand_int_range(rand, 0, all->len)];
}

static const char *
mutate(xmlNode *node, GRand *rand)
{
    static const char *const values[] = { "", "x", "0", "-1", "yes", "on", "default", "999999999999999999999", "none", "block" };
    const char *value = values[g_rand_int_range(rand, 0, G_N_ELEMENTS(values))];
    xmlAttr *attr = node->properties;

    for (int skip = g_rand_int_range(rand, 0, 4); attr && attr->next && skip; skip--)
        attr = attr->next;
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        xmlNewProp(node, BAD_CAST "invented", BAD_CAST value);
        return "new attribute";
    case 1:
        xmlNewChild(node, NULL, BAD_CAST "invented", NULL);
        return "new element";
    case 2:
        if (attr)
            xmlSetProp(node, attr->name, BAD_CAST value);
        return "changed attribute";
    case 3:
        if (attr)
            xmlRemoveProp(attr);
        return "removed attribute";
    case 4:
        if (node->parent->type == XML_ELEMENT_NODE)
            xmlAddNextSibling(node, xmlCopyNode(node, 1));
        return "duplicated element";
    case 5:
        if (node->parent->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "name") != 0) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
        }
        return "removed element";
    case 6:
        if (!node->children || node->children->type == XML_TEXT_NODE)
            xmlNodeSetContent(node, BAD_CAST value);
        return "changed text";
    default:
        if (node->children && node->children->next)
            xmlAddChild(node, xmlNewText(BAD_CAST "stray"));
        return "text among elements";
    }
}

static int
read_domain(xmlNode *root, Error *err)
{
    g_autoptr(DomainDef) def = NULL;

    return domain_def_read(root, XML_VALIDATE, NULL, &def, err);
}

static int
read_network(xmlNode *root, Error *err)
{
    g_autoptr(NetworkDef) def = NULL;

    return network_def_read(root, XML_VALIDATE, &def, err);
}

static int
read_port(xmlNode *root, Error *err)
{
    g_autoptr(NetworkPortDef) def = NULL;

    return network_port_def_read(root, XML_VALIDATE, &def, err);
}

static int
read_pool(xmlNode *root, Error *err)
{
    g_autoptr(PoolDef) def = NULL;

    return pool_def_read(root, XML_VALIDATE, &def, err);
}

static int
read_volume(xmlNode *root, Error *err)
{
    g_autoptr(VolDef) def = NULL;

    return vol_def_read(root, POOL_FS, XML_VALIDATE, &def, err);
}

static int
read_secret(xmlNode *root, Error *err)
{
    g_autoptr(SecretDef) def = NULL;

    return secret_def_read(root, XML_VALIDATE, &def, err);
}

static Kind domains = { "domain", NULL, read_domain };
static Kind networks = { "network", &network_schema, read_network };
static Kind ports = { "networkport", &network_port_schema, read_port };
static Kind pools = { "pool", &pool_schema, read_pool };
static Kind volumes = { "volume", &volume_schema, read_volume };
static Kind secrets = { "secret", &secret_schema, read_secret };
static Kind *const kinds[] = { &domains, &networks, &ports, &pools, &volumes, &secrets };

/* Positive: accepted. *ret_unknown: refused because something is not in the tables. */
static bool
parser_accepts(const Kind *kind, xmlDoc *doc, bool *ret_unknown, char **ret_message)
{
    _cleanup_error_ Error err = ERROR_INIT;
    int result = kind->read(xmlDocGetRootElement(doc), &err);

    *ret_unknown = result < 0 && err.code == ERR_XML_INVALID_SCHEMA;
    *ret_message = g_strdup(err.message);
    return result == 0;
}

static void
agree_on(const Kind *kind, const char *file)
{
    g_autofree char *path = g_build_filename(fixtures, file, NULL), *text = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(20240607);
    int refused = 0;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (int i = 0; i < ROUNDS; i++) {
        _cleanup_doc_ xmlDoc *doc = NULL;
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *message = NULL, *where = NULL;
        bool unknown, by_parser, by_grammar;
        const char *change = "nothing";
        xmlNode *node;

        assert_int_equal(xml_document_load(text, file, FROM_DOMAIN, &doc, &err), 0);
        if (i > 0) {
            node = pick(xmlDocGetRootElement(doc), rand);
            where = (char *)xmlGetNodePath(node);
            change = mutate(node, rand);
        }
        by_parser = parser_accepts(kind, doc, &unknown, &message);
        by_grammar = xml_validator_accepts(kind->validator, doc);
        refused += !by_grammar;
        if ((by_parser && !by_grammar) || (unknown && by_grammar)) {
            print_error("%s, %s at %s: parser %s, grammar %s: %s\n", file, change, where ? where : "-",
                        by_parser ? "accepts" : "refuses", by_grammar ? "accepts" : "refuses", message ? message : "");
            fail();
        }
    }
    assert_in_range(refused, ROUNDS / 4, ROUNDS - ROUNDS / 4); /* both outcomes are really met */
}

static void
q35(void **state)
{
    agree_on(&domains, "linux-q35.xml");
}

static void
pc(void **state)
{
    agree_on(&domains, "linux-pc.xml");
}

static void
nat_network(void **state)
{
    agree_on(&networks, "networks/nat.xml");
}

static void
hostdev_network(void **state)
{
    agree_on(&networks, "networks/hostdev.xml");
}

static void
network_port(void **state)
{
    agree_on(&ports, "networkport.xml");
}

static void
storage_pools(void **state)
{
    agree_on(&pools, "pools/iscsi.xml");
    agree_on(&pools, "pools/rbd.xml");
    agree_on(&pools, "pools/fs.xml");
    agree_on(&pools, "pools/scsi-fc.xml");
}

static void
storage_volumes(void **state)
{
    agree_on(&volumes, "volumes/fs-qcow2.xml");
    agree_on(&volumes, "volumes/netfs-luks.xml");
}

static void
a_secret(void **state)
{
    agree_on(&secrets, "secrets/volume.xml");
}

static int
load_grammars(void **state)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *text = kinds[i]->schema ? xml_grammar(kinds[i]->root, kinds[i]->schema, NULL, NULL) : domain_grammar();

        kinds[i]->validator = xml_validator_new(text);
        if (!kinds[i]->validator)
            return -1;
    }
    return 0;
}

static int
free_grammars(void **state)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        xml_validator_free(kinds[i]->validator);
    return 0;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q35), cmocka_unit_test(pc), cmocka_unit_test(nat_network), cmocka_unit_test(hostdev_network),
        cmocka_unit_test(network_port), cmocka_unit_test(storage_pools), cmocka_unit_test(storage_volumes), cmocka_unit_test(a_secret),
    };

    if (argc != 2)
        return 2;
    fixtures = argv[1];
    return cmocka_run_group_tests(tests, load_grammars, free_grammars);
}
