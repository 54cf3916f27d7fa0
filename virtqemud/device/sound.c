/* <sound>: sound cards. The HD Audio ones are a bus with codecs, each a device of its own. */
#include "common/conf/domain/device/audio.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

static const char *const drivers[] = {
    [SOUND_SB16] = "sb16", [SOUND_ES1370] = "ES1370", [SOUND_AC97] = "AC97", [SOUND_ICH6] = "intel-hda",
    [SOUND_ICH9] = "ich9-intel-hda", [SOUND_USB] = "usb-audio", [SOUND_VIRTIO] = "virtio-sound-pci",
};

static bool has_codecs(const SoundDef *sound) { return sound->model == SOUND_ICH6 || sound->model == SOUND_ICH9; }

static void put_audiodev(const QemuBuild *build, const SoundDef *sound, json_t *props)
{
    if (sound->audio.set) {
        prop_strf(props, "audiodev", "audio%u", sound->audio.v);
        return;
    }
    const Device *first = domain_def_device(build->def, DEVICE_AUDIO, 0);

    if (first)
        prop_strf(props, "audiodev", "audio%u", AUDIO(first)->id.v);
}

static int sound_check(const QemuBuild *build, const Device *device, Error *err)
{
    SoundModel model = SOUND(device)->model;

    if (model == SOUND_PCSPK)
        return 0;
    if (model <= 0 || model >= (int)G_N_ELEMENTS(drivers) || !drivers[model])
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no sound card '%s'", sound_model_names[model]);
    return check_type(build, device, drivers[model], err);
}

static void put_codecs(QemuBuild *build, const SoundDef *sound)
{
    size_t n = sound->codecs.n ? sound->codecs.n : 1;

    for (size_t i = 0; i < n; i++) {
        const char *type = sound->codecs.n ? sound->codecs.items[i]->type : "duplex";
        g_autofree char *driver = g_strconcat("hda-", type, NULL);
        json_t *codec = props_device(driver);

        prop_strf(codec, "id", "%s-codec%zu", sound->base.info.alias, i);
        prop_strf(codec, "bus", "%s.0", sound->base.info.alias);
        prop_int(codec, "cad", (long long)i);
        put_audiodev(build, sound, codec);
        build_device(build, codec);
    }
}

static int sound_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const SoundDef *sound = SOUND(device);
    json_t *props;

    if (sound->model == SOUND_PCSPK)
        return 0; /* the machine's speaker: told on -machine where it goes */
    props = props_device(drivers[sound->model]);
    if (!has_codecs(sound))
        put_audiodev(build, sound, props);
    prop_tri(props, "multi", sound->multichannel);
    prop_uint(props, "streams", sound->streams);
    prop_virtio(props, &sound->virtio);
    if (build_address(build, device, props, err) < 0) {
        json_decref(props);
        return -1;
    }
    if (!has_codecs(sound)) {
        *ret = props;
        return 0;
    }
    build_device(build, props);
    put_codecs(build, sound);
    return 0;
}

const QemuDeviceKind qemu_sound = { .kind = DEVICE_SOUND, .check = sound_check, .properties = sound_properties };
