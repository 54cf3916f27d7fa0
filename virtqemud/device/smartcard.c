/* <smartcard>: a card of the host, one made of certificates, or one at the other end of a channel. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

static int smartcard_backend(QemuBuild *build, const Device *device, Error *err)
{
    g_autofree char *id = g_strconcat("char", device->info.alias, NULL);

    if (SMARTCARD(device)->mode != SMARTCARD_PASSTHROUGH)
        return 0;
    return qemu_chardev_build(build, id, device->info.alias, &SMARTCARD(device)->source, err);
}

static int smartcard_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    static const char *const certificates[] = { "cert1", "cert2", "cert3" };
    const SmartcardDef *card = SMARTCARD(device);

    *ret = props_device(card->mode == SMARTCARD_PASSTHROUGH ? "ccid-card-passthru" : "ccid-card-emulated");
    if (card->mode == SMARTCARD_PASSTHROUGH) {
        prop_strf(*ret, "chardev", "char%s", device->info.alias);
    } else if (card->mode == SMARTCARD_HOST) {
        prop_str(*ret, "backend", "nss-emulated");
    } else {
        prop_str(*ret, "backend", "certificates");
        for (size_t i = 0; i < card->certificates.n && i < G_N_ELEMENTS(certificates); i++)
            prop_str(*ret, certificates[i], card->certificates.items[i]);
        prop_str(*ret, "db", card->database ? card->database : "/etc/pki/nssdb");
    }
    prop_str(*ret, "id", device->info.alias);
    return build_place(build, &device->info.address, *ret, err);
}

const QemuDeviceKind qemu_smartcard = { .kind = DEVICE_SMARTCARD, .backend = smartcard_backend, .properties = smartcard_properties };
