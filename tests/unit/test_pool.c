/* Pools: what is written comes back to the byte, what libvirt fills in, and the documents about pools. */
#include "tests/unit/storage.h"

static void
fixtures_come_back(void **state)
{
    g_autofree char *folder = g_build_filename(fixtures, "pools", NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    unsigned types = 0;
    const char *file;

    assert_true(all_come_back("pools", pool_through) > 0);
    while ((file = g_dir_read_name(dir))) {
        g_autofree char *text = fixture_of("pools", file);
        g_autoptr(PoolDef) def = pool(text);

        types |= 1u << def->type;
    }
    g_dir_close(dir);
    assert_int_equal(types, (1u << POOL_TYPES) - 2); /* every type is among them */
}

#define POOL(type, rest) "<pool type='" type "'><name>n</name>" rest "</pool>"
#define AT(path) "<target><path>" path "</path></target>"

static void
defaults_are_filled_in(void **state)
{
    g_autoptr(PoolDef) dir = pool(POOL("dir", AT("///var/////lib//images/")));
    g_autoptr(PoolDef) fs = pool(POOL("fs", "<source><device path='/dev/vdb1'/></source>" AT("/mnt")));
    g_autoptr(PoolDef) netfs = pool(POOL("netfs", "<source><host name='h' port='0'/><dir path='//server/share//'/></source>" AT("/mnt")));
    g_autoptr(PoolDef) logical = pool(POOL("logical", "<target><path>/elsewhere</path></target>"));
    g_autoptr(PoolDef) disk = pool(POOL("disk", "<source><device path='/dev/vdd'/></source>" AT("/dev")));
    g_autoptr(PoolDef) scsi = pool(POOL("scsi", "<source><adapter name='host1'/></source>" AT("/dev/disk/by-id")));
    g_autoptr(PoolDef) rbd = pool("<pool type='rbd'><source><name>r</name><host name='h'/></source></pool>");
    g_autoptr(PoolDef) gluster = pool(POOL("gluster", "<source><host name='h'/></source>"));
    g_autoptr(PoolDef) zfs = pool(POOL("zfs", "<source><name>tank/a</name></source>"));

    assert_string_equal(dir->path, "/var/lib/images");
    assert_true(dir->uuid.set);
    assert_int_equal(dir->source.type, POOL_DIR);
    assert_int_equal(fs->source.format, FS_AUTO);
    assert_int_equal(netfs->source.format, NETFS_AUTO);
    assert_string_equal(netfs->source.dir, "//server/share");
    assert_false(netfs->source.hosts.items[0]->port.set);
    assert_string_equal(logical->source.name, "n");
    assert_string_equal(logical->path, "/dev/n");
    assert_int_equal(logical->source.format, LOGICAL_LVM2);
    assert_int_equal(disk->source.format, DISK_LABEL_UNKNOWN);
    assert_int_equal(scsi->source.adapter.type, ADAPTER_SCSI_HOST);
    assert_string_equal(rbd->name, "r");
    assert_null(rbd->path);
    assert_string_equal(gluster->source.name, "n");
    assert_string_equal(gluster->source.dir, "/");
    assert_string_equal(zfs->path, "/dev/zvol/tank/a");
}

static void
permissions_may_be_nobodys(void **state)
{
    g_autoptr(PoolDef) def = pool(POOL("dir", "<target><path>/p</path><permissions><mode>07</mode><owner>-1</owner>"
                                              "<group>4294967295</group><label/></permissions></target>"));

    assert_true(def->permissions.mode.set);
    assert_int_equal(def->permissions.mode.v, 7);
    assert_false(def->permissions.owner.set);
    assert_false(def->permissions.group.set);
    assert_null(def->permissions.label);
}

static void
sizes_are_of_the_running_pool(void **state)
{
    const PoolSizes sizes = { .capacity = UINT64_MAX, .allocation = 1, .available = 2 };
    g_autoptr(PoolDef) def = pool(POOL("dir", "<capacity unit='Q'>x</capacity><allocation>7</allocation>" AT("/p")));
    g_autofree char *off = pool_def_format(def, 0, NULL), *on = pool_def_format(def, 0, &sizes);

    assert_non_null(strstr(off, "<capacity unit='bytes'>0</capacity>"));
    assert_non_null(strstr(off, "<allocation unit='bytes'>0</allocation>"));
    assert_non_null(strstr(on, "<capacity unit='bytes'>18446744073709551615</capacity>"));
    assert_non_null(strstr(on, "<allocation unit='bytes'>1</allocation>"));
    assert_non_null(strstr(on, "<available unit='bytes'>2</available>"));
}

static void
free_extents_are_state(void **state)
{
    static const char text[] = POOL("disk", "<source><device path='/dev/vdd'><freeExtent start='5' end='9'/></device></source>" AT("/dev"));
    g_autoptr(PoolDef) offline = pool(text), live = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *shown = NULL, *hidden = NULL;

    assert_int_equal(offline->source.devices.items[0]->extents.n, 0);
    assert_int_equal(pool_def_parse(text, 0, &live, &err), 0);
    assert_int_equal(live->source.devices.items[0]->extents.items[0]->end.v, 9);
    shown = pool_def_format(live, 0, NULL);
    hidden = pool_def_format(live, XML_INACTIVE, NULL);
    assert_non_null(strstr(shown, "<freeExtent start='5' end='9'/>"));
    assert_null(strstr(hidden, "freeExtent"));
}

/* -- what is said of types -- */

static void
kinds_are_complete(void **state)
{
    unsigned flags = 0;

    for (PoolType type = POOL_DIR; type < POOL_TYPES; type++) {
        const PoolKind *kind = pool_kind(type);

        assert_string_equal(kind->name, pool_type_names[type]);
        assert_int_equal(kind->needs & ~kind->takes, 0);
        assert_true(kind->vol_type != VOL_ABSENT);
        assert_false(flags & kind->list_flag);
        assert_true(kind->list_flag);
        flags |= kind->list_flag;
        assert_int_equal(kind->formats != NULL, kind->default_format != 0);
        assert_int_equal(kind->vol_formats != NULL, kind->default_vol_format != 0);
    }
    assert_int_equal(flags, 0xfffc0);
    assert_int_equal(pool_kind(POOL_ABSENT)->takes, 0);
    assert_ptr_equal(pool_kind((PoolType)77), pool_kind(POOL_ABSENT));
    /* Formats of files are counted as everywhere. */
    assert_string_equal(pool_kind(POOL_DIR)->vol_formats[FORMAT_QCOW2], storage_format_names[FORMAT_QCOW2]);
    assert_string_equal(pool_kind(POOL_DIR)->vol_formats[FORMAT_VMDK], storage_format_names[FORMAT_VMDK]);
    assert_null(pool_kind(POOL_DIR)->vol_formats[FORMAT_AUTO]);
}

static void
capabilities_are_published(void **state)
{
    const uint64_t all_but_one = ~(UINT64_C(1) << POOL_SHEEPDOG);
    g_autofree char *expected = fixture_of("", "poolcaps.xml"), *text = pool_capabilities_format(all_but_one);
    g_autofree char *none = pool_capabilities_format(0);

    assert_string_equal(text, expected);
    assert_null(strstr(none, "supported='yes'"));
}

/* -- sources -- */

static void
sources_are_listed(void **state)
{
    g_autoptr(PoolSource) vg = pool_source_new(POOL_LOGICAL), export = pool_source_new(POOL_NETFS);
    PoolSource *const both[] = { vg, export };
    PoolDevice *device = g_new0(PoolDevice, 1);
    PoolHost *host = g_new0(PoolHost, 1);
    g_autofree char *text = NULL, *nothing = pool_sources_format(NULL, 0);

    device->path = g_strdup("/dev/vdb");
    LIST_ADD(&vg->devices, device);
    vg->name = g_strdup("guests");
    vg->format = LOGICAL_LVM2;
    host->name = g_strdup("nfs.example");
    LIST_ADD(&export->hosts, host);
    export->dir = g_strdup("/export");
    export->format = NETFS_NFS;
    text = pool_sources_format(both, 2);
    assert_string_equal(text, "<sources>\n"
                              "  <source>\n"
                              "    <device path='/dev/vdb'/>\n"
                              "    <name>guests</name>\n"
                              "    <format type='lvm2'/>\n"
                              "  </source>\n"
                              "  <source>\n"
                              "    <host name='nfs.example'/>\n"
                              "    <dir path='/export'/>\n"
                              "    <format type='nfs'/>\n"
                              "  </source>\n"
                              "</sources>\n");
    assert_string_equal(nothing, "<sources/>\n");
}

static void
where_to_look(void **state)
{
    static const struct { const char *text; PoolType type; bool good; } table[] = {
        { NULL, POOL_LOGICAL, true },
        { "<source/>", POOL_NETFS, true },
        { "<source><host name='h'/></source>", POOL_NETFS, true },
        { "<source><host name='h'/><initiator><iqn name='q'/></initiator></source>", POOL_ISCSI, true },
        { "<source><host/></source>", POOL_NETFS, false },
        { "<source><host name='-v'/></source>", POOL_NETFS, false },
        { "<source><host name='a&#10;b'/></source>", POOL_ISCSI, false },
        { "<source><format type='ext4'/></source>", POOL_NETFS, false },
        { "<pool/>", POOL_NETFS, false },
        { "", POOL_NETFS, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(PoolSource) source = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        assert_int_equal(pool_source_parse(table[i].text, table[i].type, &source, &err) == 0, table[i].good);
        assert_int_equal(error_is_set(&err), !table[i].good);
        assert_true(!source || source->type == table[i].type);
    }
}

/* -- the same storage -- */

static void
pools_in_conflict(void **state)
{
#define SOURCE(type, source) POOL(type, "<source>" source "</source>" AT("/p"))
#define REMOTE(type, source) POOL(type, "<source>" source "</source>")
    static const struct { bool same; const char *a, *b; } table[] = {
        { true, POOL("dir", AT("/a/b")), POOL("dir", AT("//a//b")) },
        { false, POOL("dir", AT("/a")), POOL("dir", AT("/a/b")) },
        { false, POOL("dir", AT("/p")), POOL("mpath", AT("/p")) },
        { true, POOL("mpath", AT("/p")), POOL("mpath", AT("/q")) },
        { true, SOURCE("fs", "<device path='/dev/x'/>"), SOURCE("disk", "<device path='/dev/x'/>") },
        { true, SOURCE("logical", "<name>v</name><device path='/dev/x'/>"), SOURCE("fs", "<device path='/dev/x'/>") },
        { true, SOURCE("logical", "<name>v</name>"), SOURCE("logical", "<name>v</name>") },
        { false, SOURCE("logical", "<name>v</name>"), SOURCE("logical", "<name>w</name>") },
        { false, SOURCE("fs", "<device path='/dev/x'/>"), SOURCE("fs", "<device path='/dev/y'/>") },
        { true, SOURCE("netfs", "<host name='H'/><dir path='/e'/>"), SOURCE("netfs", "<host name='h'/><dir path='/e/'/>") },
        { false, SOURCE("netfs", "<host name='h'/><dir path='/e'/>"), SOURCE("netfs", "<host name='h'/><dir path='/f'/>") },
        { false, SOURCE("netfs", "<host name='h' port='1'/><dir path='/e'/>"), SOURCE("netfs", "<host name='h' port='2'/><dir path='/e'/>") },
        { true, SOURCE("iscsi", "<host name='h'/><device path='t'/>"), SOURCE("iscsi", "<host name='h'/><device path='t'/>") },
        { true, SOURCE("iscsi", "<host name='h'/>"), SOURCE("iscsi", "<host name='h'/>") },
        { false, SOURCE("iscsi", "<host name='h'/><device path='t'/><initiator><iqn name='a'/></initiator>"),
          SOURCE("iscsi", "<host name='h'/><device path='t'/>") },
        { true, SOURCE("scsi", "<adapter name='scsi_host5'/>"), SOURCE("scsi", "<adapter name='host5'/>") },
        { false, SOURCE("scsi", "<adapter name='host4'/>"), SOURCE("scsi", "<adapter name='host5'/>") },
        { true, SOURCE("scsi", "<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'/>"),
          SOURCE("scsi", "<adapter type='fc_host' wwnn='20000000C9831B4B' wwpn='10000000c9831b4b' managed='yes'/>") },
        { false, SOURCE("scsi", "<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'/>"),
          SOURCE("scsi", "<adapter name='host5'/>") },
        { true, REMOTE("rbd", "<host name='a'/><host name='b'/><name>r</name>"), REMOTE("rbd", "<host name='b'/><name>r</name>") },
        { false, REMOTE("rbd", "<host name='a'/><name>r</name>"), REMOTE("rbd", "<host name='a'/><name>s</name>") },
        { false, REMOTE("gluster", "<host name='a'/><name>r</name>"), REMOTE("gluster", "<host name='a'/><name>r</name><dir path='/x'/>") },
        { true, REMOTE("zfs", "<name>t</name>"), REMOTE("zfs", "<name>t</name>") },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(PoolDef) a = pool(table[i].a), b = pool(table[i].b);

        if (pool_def_same_storage(a, b) != table[i].same || pool_def_same_storage(b, a) != table[i].same)
            fail_msg("%s and %s", table[i].a, table[i].b);
        assert_true(pool_def_same_storage(a, a));
    }
}

FIXTURE_TEST_MAIN(cmocka_unit_test(fixtures_come_back), cmocka_unit_test(defaults_are_filled_in),
                  cmocka_unit_test(permissions_may_be_nobodys), cmocka_unit_test(sizes_are_of_the_running_pool),
                  cmocka_unit_test(free_extents_are_state), cmocka_unit_test(kinds_are_complete),
                  cmocka_unit_test(capabilities_are_published), cmocka_unit_test(sources_are_listed), cmocka_unit_test(where_to_look),
                  cmocka_unit_test(pools_in_conflict))
