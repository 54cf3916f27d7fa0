#include "common/conf/domain/device/audio.h"

const char *const audio_type_names[] = {
    NULL, "none", "alsa", "coreaudio", "jack", "oss", "pulseaudio", "sdl", "spice", "file", "dbus", "pipewire", NULL,
};

#define A AudioDef
#define IO AudioIO
static const XmlRow settings_rows[] = {
    A_UINT("frequency", IO, frequency, "samples per second"),
    A_UINT("channels", IO, channels, "channels"),
    A_WORD("format", IO, format, WORDS("s8", "u8", "s16", "u16", "s32", "u32", "f32"),
           "s8, u8, s16, u16, s32, u32 or f32"),
    ROWS_END,
};
static SCHEMA(settings_schema, "audioSettings", IO, settings_rows, "fixed settings");

/* All that any type knows: an unused one stays absent. */
static const XmlRow io_rows[] = {
    A_YESNO("mixingEngine", IO, mixing_engine, "QEMU mixes"),
    A_YESNO("fixedSettings", IO, fixed_settings, "settings do not follow the guest"),
    A_UINT("voices", IO, voices, "voices"),
    A_UINT("bufferLength", IO, buffer_length, "microseconds"),
    A_STR("dev", IO, dev, "device of the host"),
    A_UINT("bufferCount", IO, buffer_count, "buffers"),
    A_YESNO("tryPoll", IO, try_poll, "poll mode"),
    A_STR("name", IO, name, "sink or source"),
    A_STR("streamName", IO, stream_name, "name of the stream"),
    A_UINT("latency", IO, latency, "microseconds"),
    A_STR("serverName", IO, server_name, "server"),
    A_STR("clientName", IO, client_name, "our name"),
    A_STR("connectPorts", IO, connect_ports, "ports"),
    A_YESNO("exactName", IO, exact_name, "name is exact"),
    GROUP("settings", settings_schema, "fixed settings"),
    ROWS_END,
};
static SCHEMA(io_schema, "audioIo", IO, io_rows, "one direction of sound");

static const XmlRow audio_rows[] = {
    A_UINT("id", A, id, "number other elements refer to", .flags = XR_REQUIRED),
    A_ENUM("type", A, type, audio_type_names, "kind of back-end", .flags = XR_REQUIRED),
    A_UINT("timerPeriod", A, timer_period, "microseconds"),
    A_STR("serverName", A, server_name, "server", WHEN(A, type, AUDIO_PULSEAUDIO, AUDIO_JACK)),
    A_STR("runtimeDir", A, runtime_dir, "directory of the server", WHEN(A, type, AUDIO_PIPEWIRE)),
    A_WORD("driver", A, driver, WORDS("esd", "alsa", "arts", "pulseaudio"), "driver of SDL", WHEN(A, type, AUDIO_SDL)),
    A_STR("path", A, path, "file written", WHEN(A, type, AUDIO_FILE)),
    A_YESNO("tryMMap", A, try_mmap, "map the device", WHEN(A, type, AUDIO_OSS)),
    A_YESNO("exclusive", A, exclusive, "nobody else uses it", WHEN(A, type, AUDIO_OSS)),
    A_INT("dspPolicy", A, dsp_policy, "timing policy", WHEN(A, type, AUDIO_OSS)),
    GROUP_AT("input", A, input, io_schema, "from the host"),
    GROUP_AT("output", A, output, io_schema, "to the host"),
    ROWS_END,
};
static SCHEMA(audio_schema, "audio", A, audio_rows, "where sound goes on the host");

const DeviceKindOps audio_ops = { .kind = DEVICE_AUDIO, .element = "audio", .schema = &audio_schema };
