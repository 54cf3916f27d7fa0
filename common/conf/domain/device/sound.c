#include "common/conf/domain/device/simple.h"

const char *const sound_model_names[] = { NULL, "sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "ich7",
                                          "virtio", NULL };
static const XmlRow codec_rows[] = {
    A_WORD("type", SoundCodec, type, WORDS("duplex", "micro", "output"), "duplex, micro or output",
           .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(codec_schema, "soundCodec", SoundCodec, codec_rows, "codec of an HDA card");
static const XmlRow audio_rows[] = { A_UINT("id", SoundDef, audio, "the audio back-end"), ROWS_END };
static SCHEMA(audio_schema, "soundAudio", SoundDef, audio_rows, "where the sound goes");

static const XmlRow sound_rows[] = {
    A_ENUM("model", SoundDef, model, sound_model_names, "kind of card", .flags = XR_REQUIRED | XR_ABI),
    A_YESNO("multichannel", SoundDef, multichannel, "more than two channels", WHEN(SoundDef, model, SOUND_USB)),
    A_UINT("streams", SoundDef, streams, "number of streams", WHEN(SoundDef, model, SOUND_VIRTIO)),
    ITEMS("codec", SoundDef, codecs, codec_schema, "a codec"),
    GROUP("audio", audio_schema, "where the sound goes"),
    GROUP_AT("driver", SoundDef, virtio, virtio_driver_schema, "virtio options"),
    INLINE_AT(SoundDef, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(sound_schema, "sound", SoundDef, sound_rows, "sound card");

const DeviceKindOps sound_ops = {
    .kind = DEVICE_SOUND, .element = "sound", .schema = &sound_schema, .alias_prefix = "sound", .has_info = true,
};
