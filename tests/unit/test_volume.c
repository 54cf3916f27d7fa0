/* Volumes: what is written comes back to the byte, what is filled in, and what can't be made. */
#include "tests/unit/storage.h"

static void
fixtures_come_back(void **state)
{
    assert_true(all_come_back("volumes", volume_through) > 0);
}

#define NAMED(name, rest) "<volume><name>" name "</name>" rest "</volume>"
#define SIZED(rest) NAMED("v", "<capacity>4096</capacity>" rest)
#define TARGET(rest) SIZED("<target>" rest "</target>")
#define BACKED(format, rest) SIZED("<target><format type='" format "'/></target><backingStore>" rest "</backingStore>")

static void
defaults_are_filled_in(void **state)
{
    g_autoptr(VolDef) raw = volume(POOL_DIR, "<volume type='netdir'><name>v</name><capacity unit='KiB'>4</capacity></volume>");
    g_autoptr(VolDef) sparse = volume(POOL_FS, NAMED("v", "<capacity unit=''>4096</capacity><allocation>0</allocation>"));
    g_autoptr(VolDef) dir = volume(POOL_DIR, TARGET("<format type='dir'/>")), far = volume(POOL_GLUSTER, TARGET("<format type='dir'/>"));
    g_autoptr(VolDef) image = volume(POOL_RBD, SIZED("")), lv = volume(POOL_LOGICAL, TARGET("<format type='raw'/>"));
    g_autoptr(VolDef) part = volume(POOL_DISK, SIZED("")), snap = volume(POOL_LOGICAL, SIZED("<backingStore><path>/dev/a</path></backingStore>"));
    g_autoptr(VolDef) top = volume(POOL_DIR, BACKED("qcow2", "<path>/a</path>")), features = volume(POOL_DIR, TARGET("<features/>"));

    assert_int_equal(raw->type, VOL_FILE);
    assert_int_equal(raw->format, FORMAT_RAW);
    assert_int_equal(raw->capacity.v, 4096);
    assert_int_equal(raw->allocation.v, 4096);
    assert_false(raw->has_allocation);
    assert_true(sparse->has_allocation);
    assert_true(sparse->allocation.set);
    assert_int_equal(sparse->allocation.v, 0);
    assert_int_equal(dir->type, VOL_DIR);
    assert_int_equal(far->type, VOL_NETDIR);
    assert_int_equal(image->type, VOL_NETWORK);
    assert_int_equal(lv->type, VOL_BLOCK);
    assert_int_equal(lv->format, 0);
    assert_int_equal(part->format, PARTITION_NONE);
    assert_int_equal(snap->backing.format, 0);
    assert_int_equal(top->backing.format, FORMAT_RAW); /* never to be guessed */
    assert_string_equal(features->compat, "1.1");
    assert_false(features->lazy_refcounts);
}

static void
times_are_exact(void **state)
{
    g_autoptr(VolDef) def = volume(POOL_DIR, TARGET("<timestamps><atime>7.</atime><mtime>7.5</mtime><ctime>7.000000001</ctime></timestamps>"));
    g_autofree char *text = vol_def_format(def);

    assert_int_equal(def->times.mtime.nanoseconds, 500000000);
    assert_int_equal(def->times.ctime.nanoseconds, 1);
    assert_false(def->times.btime.set);
    assert_non_null(strstr(text, "<atime>7</atime>"));
    assert_non_null(strstr(text, "<mtime>7.500000000</mtime>"));
    assert_non_null(strstr(text, "<ctime>7.000000001</ctime>"));
    assert_null(strstr(text, "btime"));
}

/* What a backend finds is told as it is. */
static void
found_volumes_are_formatted(void **state)
{
    g_autoptr(VolDef) def = vol_def_new(POOL_DIR), held = vol_def_ref(def);
    g_autofree char *text = NULL;

    def->name = g_strdup("a\nb");
    def->key = g_strdup("/pool/x");
    def->path = g_strdup("/pool/x");
    def->capacity = (OptU64)OPT(UINT64_C(1) << 40);
    def->allocation = (OptU64)OPT(0);
    def->physical = (OptU64)OPT(196616);
    def->format = FORMAT_QCOW2;
    def->permissions.mode = (OptUint)OPT(0);
    def->permissions.owner = (OptUint)OPT(0);
    def->times.btime = (StorageTime){ .set = true };
    text = vol_def_format(held);
    assert_string_equal(text, "<volume type='file'>\n"
                              "  <name>a\nb</name>\n"
                              "  <key>/pool/x</key>\n"
                              "  <capacity unit='bytes'>1099511627776</capacity>\n"
                              "  <allocation unit='bytes'>0</allocation>\n"
                              "  <physical unit='bytes'>196616</physical>\n"
                              "  <target>\n"
                              "    <path>/pool/x</path>\n"
                              "    <format type='qcow2'/>\n"
                              "    <permissions>\n"
                              "      <mode>00</mode>\n"
                              "      <owner>0</owner>\n"
                              "    </permissions>\n"
                              "    <timestamps>\n"
                              "      <btime>0</btime>\n"
                              "    </timestamps>\n"
                              "  </target>\n"
                              "</volume>\n");
}

static void
capacity_may_be_that_of_another(void **state)
{
    g_autoptr(VolDef) clone = NULL, top = volume(POOL_DIR, NAMED("v", "<backingStore><path>/a</path></backingStore>"));
    _cleanup_error_ Error err = ERROR_INIT;

    assert_false(top->capacity.set);
    assert_false(top->allocation.set);
    assert_int_equal(vol_def_parse(NAMED("v", ""), POOL_DIR, VOL_NO_CAPACITY, &clone, &err), 0);
    assert_false(clone->capacity.set);
}

/* -- refusals -- */

#define XML ERR_XML_ERROR, FROM_STORAGE
#define UNSUPPORTED ERR_CONFIG_UNSUPPORTED, FROM_STORAGE
#define INVALID ERR_OPERATION_INVALID, FROM_STORAGE
#define LARGE ERR_OVERFLOW, FROM_NONE

static void
bad_documents(void **state)
{
#define CAPACITY(attributes, text) NAMED("v", "<capacity" attributes ">" text "</capacity>")
    static const Refusal table[] = {
        { "<volume", ERR_XML_DETAIL, FROM_STORAGE, "line 1" },
        { "<pool/>", ERR_XML_ERROR, FROM_XML, "expected a <volume>" },
        { "<volume/>", XML, "needs a <name>" },
        { NAMED("", "<capacity>1</capacity>"), XML, "needs a <name>" },
        { NAMED("v", ""), XML, "needs a <capacity>" },
        { NAMED("v", "<backingStore><format type='raw'/></backingStore>"), XML, "needs a <capacity>" },
        { CAPACITY("", ""), XML, "needs a <capacity>" },
        { CAPACITY("", "x"), XML, "whole number" },
        { CAPACITY("", "-1"), XML, "whole number" },
        { CAPACITY("", "99999999999999999999"), XML, "whole number" },
        { CAPACITY("", "1.5"), XML, "whole number" },
        { CAPACITY("", "18446744073709551615"), LARGE, "too large" },
        { CAPACITY("", "9223372036854775808"), LARGE, "too large" },
        { CAPACITY(" unit='E'", "8"), LARGE, "too large" },
        { CAPACITY(" unit='KiB'", "18446744073709551615"), LARGE, "too large" },
        { CAPACITY(" unit='Q'", "1"), ERR_INVALID_ARG, FROM_NONE, "unknown unit" },
        { CAPACITY(" unit='KiBi'", "1"), ERR_INVALID_ARG, FROM_NONE, "unknown unit" },
        { SIZED("<allocation>x</allocation>"), XML, "whole number" },
        { SIZED("<allocation unit='E'>16</allocation>"), LARGE, "too large" },
        { SIZED("<capacity>1</capacity>"), XML, "twice" },
        { "<volume type='tape'><name>v</name><capacity>1</capacity></volume>", UNSUPPORTED, "block" },
        { TARGET("<format type='floppy'/>"), UNSUPPORTED, "floppy" },
        { TARGET("<format type='auto'/>"), UNSUPPORTED, "auto" },
        { TARGET("<format type='none'/>"), UNSUPPORTED, "none" },
        { TARGET("<format type='luks'/>"), UNSUPPORTED, "luks" },
        { TARGET("<permissions><mode>8</mode></permissions>"), XML, "octal" },
        { TARGET("<timestamps><atime>x</atime></timestamps>"), XML, "seconds" },
        { TARGET("<timestamps><atime>1.0000000001</atime></timestamps>"), XML, "9 digits" },
        { TARGET("<timestamps><atime>1.-1</atime></timestamps>"), XML, "9 digits" },
        { TARGET("<compat>1</compat>"), XML, "1.1" },
        { TARGET("<compat>1.1x</compat>"), XML, "1.1" },
        { TARGET("<compat>1.1,preallocation=full</compat>"), XML, "1.1" },
        { TARGET("<features><compression/></features>"), UNSUPPORTED, "compression" },
        { TARGET("<encryption/>"), XML, "'format'" },
        { TARGET("<encryption format='rot13'/>"), UNSUPPORTED, "rot13" },
        { TARGET("<encryption format='luks' engine='mine'/>"), ERR_XML_ERROR, FROM_XML, "librbd" },
        { TARGET("<encryption format='luks'><secret usage='a'/></encryption>"), XML, "passphrase" },
        { TARGET("<encryption format='luks'><secret type='key' usage='a'/></encryption>"), UNSUPPORTED, "key" },
        { TARGET("<encryption format='luks'><secret type='passphrase'/></encryption>"), ERR_XML_ERROR, FROM_NONE, "'uuid'" },
        { TARGET("<encryption format='luks'><cipher/></encryption>"), XML, "'name'" },
        { TARGET("<encryption format='luks'><cipher name='aes' size='-1'/></encryption>"), ERR_XML_ERROR, FROM_XML, "size" },
        { TARGET("<encryption format='luks'><ivgen name='plain'/></encryption>"), XML, "<cipher>" },
        { BACKED("qcow2", "<path>/a</path><format type='floppy'/>"), UNSUPPORTED, "floppy" },
    };
    static const Refusal partition = { TARGET("<format type='raw'/>"), UNSUPPORTED, "raw" };

    refuse_all_by(volume_through, "dir", table, G_N_ELEMENTS(table));
    refuse_all_by(volume_through, "disk", &partition, 1);
}

static void
bad_names(void **state)
{
#define NAME(name) NAMED(name, "<capacity>1</capacity>")
    static const Refusal file[] = {
        { NAME("a/b"), INVALID, "'/'" }, { NAME("/"), INVALID, "'/'" }, { NAME("../a"), INVALID, "'/'" },
        { NAME("."), INVALID, "no name" }, { NAME(".."), INVALID, "no name" },
        { NAME("a&#10;b"), XML, "control" }, { NAME("a&#127;b"), XML, "control" },
    };
    static const Refusal lvm[] = {
        { NAME("a/b"), XML, "letters" }, { NAME("--force"), XML, "option" }, { NAME("-n"), XML, "option" },
        { NAME("a b"), XML, "letters" }, { NAME("a;b"), XML, "letters" }, { NAME(".."), INVALID, "no name" },
        { NAME("snapshot1"), XML, "LVM" }, { NAME("pvmove0"), XML, "LVM" }, { NAME("a_tdata"), XML, "LVM" },
        { NAME("a_mimage_0"), XML, "LVM" },
    };
    static const Refusal rbd[] = {
        { NAME("a@b"), INVALID, "'@'" }, { NAME("a/b"), INVALID, "'/'" }, { NAME("-a"), XML, "option" },
    };
    static const Refusal zfs[] = {
        { NAME("a/b"), XML, "letters" }, { NAME("a@b"), XML, "letters" }, { NAME("-a"), XML, "option" },
    };
    g_autofree char *many = g_strnfill(4096, 'x'), *text = g_strdup_printf(NAME("%s"), many), *as_128 = NULL;
    const Refusal too_long = { text, XML, "255 bytes" };
    Refusal long_for_lvm = { NULL, XML, "127 bytes" };

    many[128] = '\0';
    long_for_lvm.text = as_128 = g_strdup_printf(NAME("%s"), many);
    refuse_all_by(volume_through, "dir", file, G_N_ELEMENTS(file));
    refuse_all_by(volume_through, "dir", &too_long, 1);
    refuse_all_by(volume_through, "logical", lvm, G_N_ELEMENTS(lvm));
    refuse_all_by(volume_through, "logical", &long_for_lvm, 1);
    refuse_all_by(volume_through, "rbd", rbd, G_N_ELEMENTS(rbd));
    refuse_all_by(volume_through, "zfs", zfs, G_N_ELEMENTS(zfs));
}

static void
what_cannot_be_made(void **state)
{
#define SECRET "<secret type='passphrase' usage='a'/>"
#define ENCRYPTED(format, cipher, secrets) TARGET("<format type='" format "'/><encryption format='" cipher "'>" secrets "</encryption>")
#define QCOW2(rest) TARGET("<format type='qcow2'/>" rest)
#define NO_SUPPORT ERR_NO_SUPPORT, FROM_STORAGE
    static const Refusal table[] = {
        { BACKED("raw", "<path>/a</path>"), NO_SUPPORT, "raw volumes" },
        { BACKED("dir", "<path>/a</path>"), NO_SUPPORT, "dir volumes" },
        { BACKED("iso", "<path>/a</path>"), UNSUPPORTED, "'iso'" },
        { BACKED("vdi", "<path>/a</path>"), UNSUPPORTED, "'vdi'" },
        { BACKED("vmdk", "<path>/a</path>"), UNSUPPORTED, "'vmdk'" },
        { BACKED("qcow2", "<path>/a</path><format type='dir'/>"), UNSUPPORTED, "directory" },
        { BACKED("qcow2", "<path>json:{}</path>"), UNSUPPORTED, "not a path" },
        { BACKED("qcow2", "<path>nbd://h/e</path>"), UNSUPPORTED, "not a path" },
        { BACKED("qcow2", "<path>fat:rw:/etc</path>"), UNSUPPORTED, "not a path" },
        { BACKED("qcow2", "<path>/a&#10;b</path>"), XML, "one line" },
        { TARGET("<format type='bochs'/>"), UNSUPPORTED, "bochs" },
        { TARGET("<format type='cow'/>"), UNSUPPORTED, "cow" },
        { TARGET("<format type='ploop'/>"), UNSUPPORTED, "ploop" },
        { ENCRYPTED("raw", "luks", ""), ERR_INVALID_ARG, FROM_STORAGE, "not 0" },
        { ENCRYPTED("raw", "luks", SECRET SECRET), ERR_INVALID_ARG, FROM_STORAGE, "not 2" },
        { ENCRYPTED("raw", "qcow", SECRET), UNSUPPORTED, "'qcow'" },
        { ENCRYPTED("raw", "luks2", SECRET), UNSUPPORTED, "'luks2'" },
        { ENCRYPTED("qcow2", "qcow", SECRET), UNSUPPORTED, "qcow2 images" },
        { ENCRYPTED("vdi", "luks", SECRET), UNSUPPORTED, "'vdi'" },
        { ENCRYPTED("dir", "luks", ""), UNSUPPORTED, "'dir'" },
        { QCOW2("<compat>0.10</compat><features><lazy_refcounts/></features>"), UNSUPPORTED, "lazy_refcounts" },
        { QCOW2("<compat>0.10</compat><features><extended_l2/></features>"), UNSUPPORTED, "extended_l2" },
        { QCOW2("<compat>2.0</compat>"), UNSUPPORTED, "2.0" },
        { QCOW2("<clusterSize>3</clusterSize>"), UNSUPPORTED, "power of two" },
        { QCOW2("<clusterSize>256</clusterSize>"), UNSUPPORTED, "power of two" },
        { QCOW2("<clusterSize unit='M'>4</clusterSize>"), UNSUPPORTED, "power of two" },
        { QCOW2("<clusterSize>4096</clusterSize><features><extended_l2/></features>"), UNSUPPORTED, "extended_l2" },
        { TARGET("<format type='vdi'/><compat>1.1</compat>"), UNSUPPORTED, "qcow2" },
        { TARGET("<format type='vmdk'/><clusterSize>4096</clusterSize>"), UNSUPPORTED, "qcow2" },
    };
    static const Refusal partition = { TARGET("<encryption format='luks'>" SECRET "</encryption>"), UNSUPPORTED, "'disk'" };

    refuse_all_by(volume_created, "dir", table, G_N_ELEMENTS(table));
    refuse_all_by(volume_created, "disk", &partition, 1);
}

static void
what_can_be_made(void **state)
{
    static const struct { const char *pool, *text; } table[] = {
        { "dir", NAME("-rf") }, { "dir", NAME("a b") }, { "dir", NAME("a:b") }, { "dir", NAME("...") }, { "disk", NAME("vdd1") },
        { "logical", NAME("a.b+c-d_e") }, { "rbd", NAME("a b") }, { "zfs", NAME("a:b") },
        { "dir", TARGET("<features><lazy_refcounts/></features><clusterSize>7</clusterSize>") },
        { "dir", ENCRYPTED("raw", "luks", SECRET) }, { "dir", ENCRYPTED("qcow2", "luks", SECRET) },
        { "dir", QCOW2("<compat>0.10</compat>") }, { "dir", QCOW2("<clusterSize unit='M'>2</clusterSize>") },
        { "dir", QCOW2("<features><extended_l2/></features><nocow/>") }, { "dir", BACKED("qcow2", "<path>relative</path>") },
        { "dir", BACKED("qcow2", "<path>/with:colon</path>") }, { "dir", BACKED("qcow2", "<path>./with:colon</path>") },
        { "dir", BACKED("vmdk", "<path>/a</path><format type='vmdk'/>") },
        { "logical", SIZED("<backingStore><path>/dev/v/a</path></backingStore>") },
        { "logical", TARGET("<encryption format='luks'>" SECRET "</encryption>") },
        { "dir", SIZED("<allocation>8192</allocation>") },
        { "dir", NAMED("v", "<capacity>9223372036854775807</capacity>") },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        _cleanup_error_ Error err = ERROR_INIT;

        if (volume_created(table[i].pool, table[i].text, false, NULL, &err) < 0)
            fail_msg("%s: %s", table[i].text, err.message);
    }
}

FIXTURE_TEST_MAIN(cmocka_unit_test(fixtures_come_back), cmocka_unit_test(defaults_are_filled_in), cmocka_unit_test(times_are_exact),
                  cmocka_unit_test(found_volumes_are_formatted), cmocka_unit_test(capacity_may_be_that_of_another),
                  cmocka_unit_test(bad_documents), cmocka_unit_test(bad_names), cmocka_unit_test(what_cannot_be_made),
                  cmocka_unit_test(what_can_be_made))
