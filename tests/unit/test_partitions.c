/* Partition tables of image files, by the real parted: where a partition goes, and that what was asked for is what is read again. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fiber.h"
#include "tests/unit/unit.h"
#include "virtstoraged/backend/partitions.h"

#define MIB (1024 * 1024ULL)

static char *image;
static void (*steps)(Job *job);

static void
job_steps(Job *job, void *data)
{
    steps(job);
}

static void
run(void (*fn)(Job *job))
{
    steps = fn;
    job_spawn("partitions", NULL, job_steps, NULL);
    while (fiber_count() > 0)
        assert_int_equal(loop_run_once(LOOP_NEVER, NULL), 0);
}

static int
setup(void **state)
{
    int fd = g_file_open_tmp("partitions-XXXXXX", &image, NULL), r = fd < 0 ? -1 : ftruncate(fd, 128 * MIB);

    if (fd >= 0)
        close(fd);
    return r == 0 ? (loop_event() ? 0 : loop_init(NULL)) : -1;
}

static int
teardown(void **state)
{
    g_unlink(image);
    g_clear_pointer(&image, g_free);
    return 0;
}

static PartitionTable *
table_now(Job *job)
{
    _cleanup_error_ Error err = ERROR_INIT;
    PartitionTable *table = NULL;

    if (partitions_read(job, image, &table, &err) != 1)
        fail_msg("no table: %s", err.message ? err.message : "");
    return table;
}

/* Place and make one; its number. */
static unsigned
add(Job *job, uint64_t size, PartitionType type)
{
    g_autoptr(PartitionTable) table = table_now(job);
    _cleanup_error_ Error err = ERROR_INIT;
    Partition place;

    if (partitions_place(table, size, type, &place, &err) < 0 || partitions_add(job, image, table, &place, "primary", &err) < 0)
        fail_msg("%s", err.message);
    return place.number;
}

static const Partition *
numbered(const PartitionTable *table, unsigned number)
{
    for (guint i = 0; i < table->list->len; i++)
        if (((const Partition *)table->list->pdata[i])->number == number)
            return table->list->pdata[i];
    fail_msg("there is no partition %u", number);
    return NULL;
}

static void
remove_one(Job *job, unsigned number)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (partitions_remove(job, image, number, &err) < 0)
        fail_msg("%s", err.message);
}

static void
expect(Job *job, unsigned number, uint64_t start, uint64_t end, PartitionKind kind, PartitionType type)
{
    g_autoptr(PartitionTable) table = table_now(job);
    const Partition *p = numbered(table, number);

    assert_int_equal(p->start, start);
    assert_int_equal(p->end, end);
    assert_int_equal(p->kind, kind);
    assert_int_equal(p->type, type);
}

static void
steps_gpt(Job *job)
{
    PartitionTable *none = NULL;

    assert_int_equal(partitions_read(job, image, &none, NULL), 0);
    assert_null(none);
    assert_int_equal(partitions_label(job, image, DISK_LABEL_GPT, NULL), 0);
    assert_int_equal(add(job, 10 * MIB, PARTITION_NONE), 1);
    assert_int_equal(add(job, 20 * MIB, PARTITION_LINUX_LVM), 2);
    assert_int_equal(add(job, 5 * MIB + 1, PARTITION_LINUX_RAID), 3);
    expect(job, 1, 1 * MIB, 11 * MIB, PARTITION_PRIMARY, PARTITION_NONE);
    expect(job, 2, 11 * MIB, 31 * MIB, PARTITION_PRIMARY, PARTITION_LINUX_LVM);
    expect(job, 3, 31 * MIB, 37 * MIB, PARTITION_PRIMARY, PARTITION_LINUX_RAID);
    /* A gap is filled before the rest of the disk is begun, if it is large enough. */
    remove_one(job, 2);
    assert_int_equal(add(job, 30 * MIB, PARTITION_NONE), 2);
    expect(job, 2, 37 * MIB, 67 * MIB, PARTITION_PRIMARY, PARTITION_NONE);
    assert_int_equal(add(job, 20 * MIB, PARTITION_NONE), 4);
    expect(job, 4, 11 * MIB, 31 * MIB, PARTITION_PRIMARY, PARTITION_NONE);
    assert_int_equal(partitions_grow(job, image, 2, 80 * MIB, NULL), 0);
    expect(job, 2, 37 * MIB, 80 * MIB, PARTITION_PRIMARY, PARTITION_NONE);
    assert_int_equal(partitions_rename(job, image, 2, ".virtd-part-disk", NULL), 0);
    {
        g_autoptr(PartitionTable) table = table_now(job);

        assert_string_equal(numbered(table, 2)->name, ".virtd-part-disk");
        assert_string_equal(numbered(table, 1)->name, "primary");
    }
}

static void
gpt(void **state)
{
    run(steps_gpt);
}

static void
steps_full(Job *job)
{
    g_autoptr(PartitionTable) table = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    Partition place;

    assert_int_equal(partitions_label(job, image, DISK_LABEL_GPT, NULL), 0);
    table = table_now(job);
    assert_int_equal(partitions_place(table, 128 * MIB, PARTITION_NONE, &place, &err), -1);
    assert_non_null(strstr(err.message, "no free extent is large enough for 134217728 bytes"));
    error_done(&err);
    assert_int_equal(partitions_place(table, UINT64_MAX, PARTITION_NONE, &place, &err), -1);
    error_done(&err);
    assert_int_equal(partitions_place(table, 10 * MIB, PARTITION_EXTENDED, &place, &err), -1);
    /* All there is, though its end is no full MiB. */
    assert_int_equal(partitions_place(table, 127 * MIB - 64 * 512, PARTITION_NONE, &place, NULL), 0);
    assert_true(place.end <= 128 * MIB - 33 * 512);
}

static void
full(void **state)
{
    run(steps_full);
}

static void
steps_dos(Job *job)
{
    assert_int_equal(partitions_label(job, image, DISK_LABEL_DOS, NULL), 0);
    for (unsigned n = 1; n <= 3; n++)
        assert_int_equal(add(job, 4 * MIB, PARTITION_LINUX), n);
    assert_int_equal(add(job, 50 * MIB, PARTITION_EXTENDED), 4);
    expect(job, 4, 13 * MIB, 63 * MIB, PARTITION_EXTENDED_KIND, PARTITION_EXTENDED);
    /* The four are used up: what is left outside is nobody's. */
    assert_int_equal(add(job, 10 * MIB, PARTITION_FAT32), 5);
    assert_int_equal(add(job, 10 * MIB, PARTITION_LINUX_SWAP), 6);
    expect(job, 5, 14 * MIB, 24 * MIB, PARTITION_LOGICAL, PARTITION_NONE);
    expect(job, 6, 25 * MIB, 35 * MIB, PARTITION_LOGICAL, PARTITION_NONE);
    {
        g_autoptr(PartitionTable) table = table_now(job);
        Partition place;

        assert_int_equal(partitions_place(table, 60 * MIB, PARTITION_NONE, &place, NULL), -1);
        assert_int_equal(partitions_place(table, 4 * MIB, PARTITION_EXTENDED, &place, NULL), -1);
    }
    remove_one(job, 2);
    assert_int_equal(add(job, 2 * MIB, PARTITION_NONE), 2);
    expect(job, 2, 5 * MIB, 7 * MIB, PARTITION_PRIMARY, PARTITION_NONE);
}

static void
dos(void **state)
{
    run(steps_dos);
}

static void
steps_wrong(Job *job)
{
    _cleanup_error_ Error err = ERROR_INIT;
    PartitionTable *table;

    assert_int_equal(partitions_label(job, image, DISK_LABEL_LVM2, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG_UNSUPPORTED);
    error_done(&err);
    assert_int_equal(partitions_read(job, "/nonexistent/disk", &table, &err), -1);
    assert_non_null(strstr(err.message, "cannot read the partition table of '/nonexistent/disk'"));
}

static void
wrong(void **state)
{
    run(steps_wrong);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gpt, setup, teardown),
        cmocka_unit_test_setup_teardown(full, setup, teardown),
        cmocka_unit_test_setup_teardown(dos, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
