/* <audio>: where the guest's sound goes on the host. */
#pragma once

#include "common/conf/domain/device/device.h"

typedef enum AudioType {
    AUDIO_ABSENT = 0, AUDIO_NONE, AUDIO_ALSA, AUDIO_COREAUDIO, AUDIO_JACK, AUDIO_OSS, AUDIO_PULSEAUDIO, AUDIO_SDL,
    AUDIO_SPICE, AUDIO_FILE, AUDIO_DBUS, AUDIO_PIPEWIRE,
} AudioType;
extern const char *const audio_type_names[];

/* One direction. Which members count depends on the type. */
typedef struct AudioIO {
    Tri mixing_engine, fixed_settings;
    OptUint voices, buffer_length;               /* buffer_length: microseconds */
    OptUint frequency, channels; char *format;   /* fixed settings */
    char *dev, *name; OptUint buffer_count, latency;
    Tri try_poll; char *stream_name, *server_name, *client_name, *connect_ports; Tri exact_name;
} AudioIO;

typedef struct AudioDef {
    Device base;
    AudioType type;
    OptUint id;
    OptUint timer_period; /* microseconds */
    char *server_name;    /* pulseaudio, jack */
    char *runtime_dir;    /* pipewire */
    char *driver;         /* sdl */
    char *path;           /* file */
    Tri try_mmap, exclusive; OptInt dsp_policy; /* oss */
    AudioIO input, output;
} AudioDef;

#define AUDIO(device) DEVICE_CAST(AudioDef, DEVICE_AUDIO, device)
