/* Pools that are refused: with which code, and what the message names. */
#include "tests/unit/storage.h"

#define TARGET "<target><path>/p</path></target>"
#define NAMED(name) "<pool type='dir'><name>" name "</name>" TARGET "</pool>"
#define POOL(type, rest) "<pool type='" type "'><name>n</name>" rest TARGET "</pool>"
#define SOURCE(type, rest) POOL(type, "<source>" rest "</source>")
#define REMOTE(type, rest) "<pool type='" type "'><name>n</name><source>" rest "</source></pool>"
#define PATH(path) "<pool type='dir'><name>n</name><target><path>" path "</path></target></pool>"
#define MODE(permissions) "<pool type='dir'><name>n</name><target><path>/p</path><permissions>" permissions "</permissions></target></pool>"

#define XML ERR_XML_ERROR, FROM_STORAGE
#define VALUE_OF_XML ERR_XML_ERROR, FROM_XML
#define UNSUPPORTED ERR_CONFIG_UNSUPPORTED, FROM_STORAGE

static void
refuse_all(const Refusal *table, size_t n)
{
    refuse_all_by(pool_through, NULL, table, n);
}

static void
bad_identity(void **state)
{
    static const Refusal table[] = {
        { "<pool", ERR_XML_DETAIL, FROM_STORAGE, "line 1" },
        { "<volume/>", VALUE_OF_XML, "expected a <pool>" },
        { "<pool/>", VALUE_OF_XML, "'type'" },
        { "<pool type='tape'/>", VALUE_OF_XML, "allowed: dir" },
        { "<pool type='dir'>" TARGET "</pool>", XML, "needs a <name>" },
        { NAMED(""), XML, "needs a <name>" },
        { NAMED("a/b"), XML, "'/'" },
        { NAMED("."), XML, "file" },
        { NAMED(".."), XML, "file" },
        { NAMED("a&#10;b"), ERR_XML_DETAIL, FROM_XML, "one line" },
        { NAMED(" "), ERR_XML_DETAIL, FROM_XML, "blank" },
        { POOL("dir", "<uuid>x</uuid>"), XML, "UUID" },
        { POOL("dir", "<name>m</name>"), XML, "twice" },
        { POOL("dir", "<features><cow state='maybe'/></features>"), VALUE_OF_XML, "state" },
        { REMOTE("gluster", "<host name='h'/></source><features><cow state='yes'/></features><source>"), XML, "twice" },
        { POOL("mpath", "<features><cow state='yes'/></features>"), ERR_NO_SUPPORT, FROM_STORAGE, "<cow>" },
        { "<pool type='rbd'><source><name>a/b</name><host name='h'/></source></pool>", XML, "'/'" },
        { "<pool type='iscsi'><source><name>q</name><host name='h'/><device path='d'/></source>" TARGET "</pool>", XML, "needs a <name>" },
    };
    g_autofree char *many = g_strnfill(4096, 'x'), *text = g_strdup_printf(NAMED("%s"), many);
    const Refusal too_long = { text, XML, "200 bytes" };

    refuse_all(table, G_N_ELEMENTS(table));
    refuse_all(&too_long, 1);
}

/* One row per type that needs something. */
static void
what_types_need(void **state)
{
    static const Refusal table[] = {
        { "<pool type='dir'><name>n</name></pool>", XML, "<path>" },
        { "<pool type='mpath'><name>n</name></pool>", XML, "<path>" },
        { POOL("fs", ""), XML, "<device>" },
        { "<pool type='fs'><name>n</name><source><device path='/d'/></source></pool>", XML, "<path>" },
        { POOL("netfs", ""), XML, "<host>" },
        { SOURCE("netfs", "<host name='h'/>"), XML, "<dir>" },
        { SOURCE("netfs", "<dir path='/d'/>"), XML, "<host>" },
        { "<pool type='logical'></pool>", XML, "<name>" },
        { POOL("disk", ""), XML, "<device>" },
        { SOURCE("iscsi", "<device path='d'/>"), XML, "<host>" },
        { REMOTE("iscsi-direct", "<device path='d'/>"), XML, "<host>" },
        { REMOTE("iscsi-direct", "<host name='h'/><device path='d'/>"), UNSUPPORTED, "<initiator>" },
        { REMOTE("iscsi-direct", "<host name='h'/><initiator><iqn/></initiator>"), UNSUPPORTED, "<iqn>" },
        { POOL("scsi", ""), XML, "<adapter>" },
        { SOURCE("scsi", "<adapter/>"), XML, "<adapter>" },
        { REMOTE("rbd", "<name>r</name>"), XML, "<host>" },
        { REMOTE("rbd", "<host name='h'/>"), XML, "<name>" },
        { REMOTE("sheepdog", "<name>r</name>"), XML, "<host>" },
        { REMOTE("gluster", "<name>r</name>"), XML, "<host>" },
        { REMOTE("vstorage", "<name>r</name>"), XML, "<path>" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_sources(void **state)
{
#define H "<host name='h'/>"
    static const Refusal table[] = {
        { SOURCE("fs", "<device/>"), XML, "'path'" },
        { SOURCE("fs", "<device path='-o'/>"), XML, "option" },
        { SOURCE("fs", "<device path='/a&#10;b'/>"), XML, "one line" },
        { SOURCE("fs", "<device path='/d'/><format type='nfs'/>"), UNSUPPORTED, "ext4" },
        { SOURCE("disk", "<device path='/d'/><format type='ext4'/>"), UNSUPPORTED, "gpt" },
        { SOURCE("disk", "<device path='/d' part_separator='maybe'/>"), VALUE_OF_XML, "part_separator" },
        { SOURCE("logical", "<name>v</name><format type='lvm1'/>"), UNSUPPORTED, "lvm2" },
        { SOURCE("netfs", "<host/><dir path='/d'/>"), XML, "'name'" },
        { SOURCE("netfs", "<host name='-h'/><dir path='/d'/>"), XML, "option" },
        { SOURCE("netfs", "<host name='h' port='x'/><dir path='/d'/>"), VALUE_OF_XML, "port" },
        { SOURCE("netfs", "<host name='h' port='65536'/><dir path='/d'/>"), VALUE_OF_XML, "65535" },
        { SOURCE("netfs", H "<dir path='-d'/>"), XML, "option" },
        { SOURCE("netfs", H "<dir path='/d'/><format type='afs'/>"), UNSUPPORTED, "cifs" },
        { SOURCE("netfs", H "<dir path='/d'/><format type='cifs'/><protocol ver='3'/>"), UNSUPPORTED, "NFS" },
        { SOURCE("logical", "<name>-f</name>"), XML, "option" },
        { SOURCE("logical", "<name>a/b</name>"), XML, "volume group" },
        { SOURCE("logical", "<name>..</name>"), XML, "volume group" },
        { SOURCE("logical", "<name>a b</name>"), XML, "volume group" },
        { "<pool type='logical'><name>--help</name></pool>", XML, "option" },
        { REMOTE("zfs", "<name>a/../b</name>"), XML, "dataset" },
        { REMOTE("zfs", "<name>/a</name>"), XML, "dataset" },
        { REMOTE("zfs", "<name>-a</name>"), XML, "option" },
        { SOURCE("iscsi", H "<device path='--login'/>"), XML, "option" },
        { SOURCE("iscsi", H "<initiator><iqn name='-a'/></initiator>"), XML, "option" },
        { SOURCE("iscsi", H "<initiator><iqn name='a'/></initiator><initiator/>"), XML, "twice" },
        { REMOTE("rbd", H "<name>r</name></source><refresh><volume allocation='guess'/></refresh><source>"), XML, "twice" },
        { "<pool type='rbd'><name>n</name><source>" H "<name>r</name></source><refresh><volume allocation='guess'/></refresh></pool>",
          UNSUPPORTED, "capacity" },
        { POOL("dir", "<source><vendor name='a&#10;b'/></source>"), XML, "one line" },
    };
    g_autofree char *many = g_strnfill(4096, 'v'), *text = g_strdup_printf(SOURCE("logical", "<name>%s</name>"), many);
    g_autofree char *host = g_strdup_printf(SOURCE("netfs", "<host name='%s'/><dir path='/d'/>"), many);
    const Refusal too_long[] = { { text, XML, "longer" }, { host, XML, "longer" } };

    refuse_all(table, G_N_ELEMENTS(table));
    refuse_all(too_long, G_N_ELEMENTS(too_long));
}

static void
bad_credentials(void **state)
{
#define AUTH(attributes, rest) SOURCE("iscsi", H "<device path='d'/><auth " attributes ">" rest "</auth>")
    static const Refusal table[] = {
        { AUTH("", ""), XML, "'username'" },
        { AUTH("username='u' type='chap'", ""), XML, "<secret>" },
        { AUTH("username='u'", "<secret usage='s'/>"), UNSUPPORTED, "chap or ceph" },
        { AUTH("username='u' type='kerberos'", "<secret usage='s'/>"), UNSUPPORTED, "kerberos" },
        { AUTH("username='u' type='chap'", "<secret/>"), ERR_XML_ERROR, FROM_NONE, "'uuid'" },
        { AUTH("username='u' type='chap'", "<secret usage='s' uuid='6a2bd5b4-0d9e-4f0e-8f5f-0c1f2f1b7d20'/>"), ERR_XML_ERROR, FROM_NONE, "'usage'" },
        { AUTH("username='u' type='chap'", "<secret uuid='6a'/>"), VALUE_OF_XML, "UUID" },
        { AUTH("username='a&#10;b' type='chap'", "<secret usage='s'/>"), XML, "one line" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_adapters(void **state)
{
#define ADAPTER(attributes, rest) SOURCE("scsi", "<adapter " attributes ">" rest "</adapter>")
#define WWN(attributes) ADAPTER("type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b' " attributes, "")
#define PCI "<address slot='1'/>"
    static const Refusal table[] = {
        { ADAPTER("type='sas'", ""), VALUE_OF_XML, "scsi_host" },
        { ADAPTER("type='scsi_host'", ""), XML, "'name'" },
        { ADAPTER("name='-a'", ""), XML, "option" },
        { ADAPTER("name='../sda'", ""), XML, "no name of an adapter" },
        { ADAPTER("name='host1' wwnn='20000000c9831b4b'", ""), XML, "'type'" },
        { ADAPTER("name='host1' parent='host2'", ""), XML, "'type'" },
        { ADAPTER("", "<parentaddr unique_id='1'>" PCI "</parentaddr>"), XML, "'type'" },
        { ADAPTER("type='scsi_host'", "<parentaddr/>"), XML, "unique_id" },
        { ADAPTER("type='scsi_host'", "<parentaddr unique_id='1'/>"), XML, "<address>" },
        { ADAPTER("type='scsi_host'", "<parentaddr>" PCI "</parentaddr>"), XML, "unique_id" },
        { ADAPTER("type='scsi_host'", "<parentaddr unique_id='1'><address slot='32'/></parentaddr>"), VALUE_OF_XML, "31" },
        { ADAPTER("type='scsi_host'", "<parentaddr unique_id='1'><address/></parentaddr>"), XML, "0000:00:00.0" },
        { ADAPTER("type='fc_host'", ""), XML, "'wwpn'" },
        { ADAPTER("type='fc_host' wwnn='20000000c9831b4b'", ""), XML, "'wwpn'" },
        { ADAPTER("type='fc_host' wwnn='2' wwpn='10000000c9831b4b'", ""), ERR_INTERNAL_ERROR, FROM_NONE, "16 hexadecimal" },
        { ADAPTER("type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4z'", ""), ERR_INTERNAL_ERROR, FROM_NONE, "wwpn" },
        { WWN("managed='maybe'"), VALUE_OF_XML, "managed" },
        { WWN("parent_wwnn='20000000c9831b4b'"), XML, "both or none" },
        { WWN("parent_wwpn='20000000c9831b4b'"), XML, "both or none" },
        { WWN("parent_fabric_wwn='x'"), ERR_INTERNAL_ERROR, FROM_NONE, "parent_fabric_wwn" },
        { WWN("parent='-a'"), XML, "option" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_targets(void **state)
{
#define MOUNT(option) \
    "<pool type='fs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><name>n</name><source><device path='/d'/></source>" \
    TARGET "<fs:mount_opts>" option "</fs:mount_opts></pool>"
#define CONFIG(option) \
    "<pool type='rbd' xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'><name>n</name><source>" H "<name>r</name></source>" \
    "<rbd:config_opts>" option "</rbd:config_opts></pool>"
    static const Refusal table[] = {
        { PATH(""), XML, "<path>" },
        { PATH("images"), XML, "absolute" },
        { PATH("/a/../b"), XML, "'..'" },
        { PATH("/.."), XML, "'..'" },
        { PATH("/a&#10;b"), XML, "one line" },
        { MODE("<mode>9</mode>"), XML, "octal" },
        { MODE("<mode>01000</mode>"), XML, "0777" },
        { MODE("<mode>-1</mode>"), XML, "octal" },
        { MODE("<mode>0x1ff</mode>"), XML, "octal" },
        { MODE("<owner>root</owner>"), XML, "number" },
        { MODE("<owner>4294967296</owner>"), XML, "number" },
        { MODE("<group>-2</group>"), XML, "number" },
        { MODE("<label>a&#10;b</label>"), XML, "one line" },
        { MOUNT("<fs:option/>"), XML, "'name'" },
        { MOUNT("<fs:option name='ro&#10;rw'/>"), XML, "one line" },
        { CONFIG("<rbd:option name='a'/>"), XML, "'value'" },
        { CONFIG("<rbd:option value='a'/>"), XML, "'name'" },
        { CONFIG("<rbd:option name='a' value='b&#10;c'/>"), XML, "one line" },
    };
    g_autofree char *many = g_strnfill(4096, 'd'), *text = g_strdup_printf(PATH("/%s"), many);
    const Refusal too_long = { text, XML, "4095" };

    refuse_all(table, G_N_ELEMENTS(table));
    refuse_all(&too_long, 1);
}

/* Parts of other types are no error until the document is validated. */
static void
foreign_parts(void **state)
{
    static const char *const parts[] = {
        "<source><host name='h'/></source>", "<source><device path='/d'/></source>", "<source><dir path='/d'/></source>",
        "<source><adapter name='host1'/></source>", "<source><name>m</name></source>", "<source><format type='nfs'/></source>",
        "<source><initiator><iqn name='a'/></initiator></source>", "<source><protocol ver='4'/></source>", "<invented/>",
        "<fs:mount_opts xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><fs:option name='ro'/></fs:mount_opts>",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *text = g_strdup_printf(POOL("dir", "%s"), parts[i]), *out = NULL;
        g_autoptr(PoolDef) def = NULL, strict = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        assert_int_equal(pool_def_parse(text, XML_INACTIVE, &def, &err), 0);
        out = pool_def_format(def, 0, NULL);
        assert_non_null(strstr(out, "<source/>"));
        assert_null(strstr(out, "fs:"));
        assert_int_equal(pool_def_parse(text, XML_INACTIVE | XML_VALIDATE, &strict, &err), -1);
        assert_int_equal(err.code, ERR_XML_INVALID_SCHEMA);
    }
}

/* What looks odd and is right. */
static void
odd_but_fine(void **state)
{
    static const char *const table[] = {
        NAMED("-n"), NAMED("a b"), NAMED("&lt;"), POOL("dir", "<source/>"), POOL("dir", "<features/>"),
        SOURCE("fs", "<device path='UUID=6a2bd5b4'/><format/>"), SOURCE("netfs", H H "<dir path='/'/>"),
        SOURCE("netfs", H "<dir path='relative'/><format type='glusterfs'/>"), SOURCE("iscsi", H),
        SOURCE("logical", "<name>a.b+c-d_e</name>"), REMOTE("rbd", H "<name>with space</name>"),
        REMOTE("gluster", H "<name>v</name><dir path='sub//dir/'/>"), PATH("/a/..b/c.."), PATH("//a"), MODE("<mode/>"), MODE(""),
        SOURCE("scsi", "<adapter type='scsi_host'><parentaddr unique_id='0'>" PCI "</parentaddr></adapter>"),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *first = NULL, *second = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        if (pool_through(NULL, table[i], false, &first, &err) < 0)
            fail_msg("%s: %s", table[i], err.message);
        assert_int_equal(pool_through(NULL, first, true, &second, &err), 0);
        assert_string_equal(first, second);
    }
}

FIXTURE_TEST_MAIN(cmocka_unit_test(bad_identity), cmocka_unit_test(what_types_need), cmocka_unit_test(bad_sources),
                  cmocka_unit_test(bad_credentials), cmocka_unit_test(bad_adapters), cmocka_unit_test(bad_targets),
                  cmocka_unit_test(foreign_parts), cmocka_unit_test(odd_but_fine))
