/* <audio>: where sound goes on the host. An option of QEMU; sound cards and displays name it. */
#include "common/conf/domain/device/audio.h"

#include "virtqemud/device/kind.h"

static const char *const drivers[] = {
    [AUDIO_NONE] = "none", [AUDIO_ALSA] = "alsa", [AUDIO_COREAUDIO] = "coreaudio", [AUDIO_JACK] = "jack", [AUDIO_OSS] = "oss",
    [AUDIO_PULSEAUDIO] = "pa", [AUDIO_SDL] = "sdl", [AUDIO_SPICE] = "spice", [AUDIO_FILE] = "wav", [AUDIO_DBUS] = "dbus",
    [AUDIO_PIPEWIRE] = "pipewire",
};

static json_t *direction(const AudioIO *io)
{
    json_t *props = json_object();

    prop_tri(props, "mixing-engine", io->mixing_engine);
    prop_tri(props, "fixed-settings", io->fixed_settings);
    prop_uint(props, "voices", io->voices);
    prop_uint(props, "buffer-length", io->buffer_length);
    prop_uint(props, "frequency", io->frequency);
    prop_uint(props, "channels", io->channels);
    prop_str(props, "format", io->format);
    prop_str(props, "dev", io->dev);
    prop_str(props, "name", io->name);
    prop_str(props, "stream-name", io->stream_name);
    prop_uint(props, "buffer-count", io->buffer_count);
    prop_uint(props, "latency", io->latency);
    prop_tri(props, "try-poll", io->try_poll);
    prop_str(props, "server-name", io->server_name);
    prop_str(props, "client-name", io->client_name);
    prop_str(props, "connect-ports", io->connect_ports);
    prop_tri(props, "exact-name", io->exact_name);
    return props;
}

static void put_direction(json_t *props, const char *key, const AudioIO *io)
{
    json_t *members = direction(io);

    if (json_object_size(members))
        json_object_set(props, key, members);
    json_decref(members);
}

static int audio_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const AudioDef *audio = AUDIO(device);
    json_t *props = json_object();

    prop_strf(props, "id", "audio%u", audio->id.v);
    prop_str(props, "driver", drivers[audio->type]);
    prop_uint(props, "timer-period", audio->timer_period);
    prop_str(props, "server", audio->server_name);
    prop_str(props, "path", audio->path);
    prop_tri(props, "try-mmap", audio->try_mmap);
    prop_tri(props, "exclusive", audio->exclusive);
    if (audio->dsp_policy.set)
        prop_int(props, "dsp-policy", audio->dsp_policy.v);
    put_direction(props, "in", &audio->input);
    put_direction(props, "out", &audio->output);
    build_json_option(build, "-audiodev", props);
    return 0;
}

const QemuDeviceKind qemu_audio = { .kind = DEVICE_AUDIO, .properties = audio_properties };
