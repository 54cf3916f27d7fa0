/* The small device kinds: each a struct of a few fields. */
#pragma once

#include "common/conf/domain/device/chardev.h"
#include "common/conf/domain/device/device.h"
#include "common/conf/domain/device/storage.h"

/* -- <watchdog> -- */
typedef enum WatchdogModel { WATCHDOG_ABSENT = 0, WATCHDOG_I6300ESB, WATCHDOG_IB700, WATCHDOG_DIAG288, WATCHDOG_ITCO } WatchdogModel;
typedef enum WatchdogAction { WATCHDOG_ACTION_ABSENT = 0, WATCHDOG_RESET, WATCHDOG_SHUTDOWN, WATCHDOG_POWEROFF,
                              WATCHDOG_PAUSE, WATCHDOG_DUMP, WATCHDOG_NONE, WATCHDOG_INJECT_NMI } WatchdogAction;
extern const char *const watchdog_model_names[], *const watchdog_action_names[];
typedef struct WatchdogDef { Device base; WatchdogModel model; WatchdogAction action; } WatchdogDef;
#define WATCHDOG(device) DEVICE_CAST(WatchdogDef, DEVICE_WATCHDOG, device)

/* -- <memballoon> -- */
typedef enum BalloonModel { BALLOON_ABSENT = 0, BALLOON_VIRTIO, BALLOON_XEN, BALLOON_NONE, BALLOON_VIRTIO_TRANSITIONAL,
                            BALLOON_VIRTIO_NON_TRANSITIONAL } BalloonModel;
typedef struct BalloonDef {
    Device base; BalloonModel model; Tri autodeflate, free_page_reporting; OptUint stats_period; VirtioOptions virtio;
} BalloonDef;
#define BALLOON(device) DEVICE_CAST(BalloonDef, DEVICE_MEMBALLOON, device)

/* -- <rng> -- */
typedef enum RngModel { RNG_MODEL_ABSENT = 0, RNG_VIRTIO, RNG_VIRTIO_TRANSITIONAL, RNG_VIRTIO_NON_TRANSITIONAL } RngModel;
typedef enum RngBackend { RNG_BACKEND_ABSENT = 0, RNG_RANDOM, RNG_EGD, RNG_BUILTIN } RngBackend;
typedef struct RngDef {
    Device base; RngModel model; OptUint rate_bytes, rate_period; /* bytes per period of milliseconds */
    RngBackend backend; char *file; CharSource chardev; VirtioOptions virtio;
} RngDef;
#define RNG(device) DEVICE_CAST(RngDef, DEVICE_RNG, device)

/* -- <vsock> -- */
typedef enum VsockModel { VSOCK_ABSENT = 0, VSOCK_VIRTIO, VSOCK_VIRTIO_TRANSITIONAL, VSOCK_VIRTIO_NON_TRANSITIONAL } VsockModel;
typedef struct VsockDef { Device base; VsockModel model; Tri auto_cid; OptUint cid; VirtioOptions virtio; } VsockDef;
#define VSOCK(device) DEVICE_CAST(VsockDef, DEVICE_VSOCK, device)

/* -- <hub> -- */
typedef enum HubType { HUB_ABSENT = 0, HUB_USB } HubType;
typedef struct HubDef { Device base; HubType type; } HubDef;
#define HUB(device) DEVICE_CAST(HubDef, DEVICE_HUB, device)

/* -- <panic> -- */
typedef enum PanicModel { PANIC_ABSENT = 0, PANIC_ISA, PANIC_PSERIES, PANIC_HYPERV, PANIC_S390, PANIC_PVPANIC } PanicModel;
typedef struct PanicDef { Device base; PanicModel model; } PanicDef;
#define PANIC(device) DEVICE_CAST(PanicDef, DEVICE_PANIC, device)

/* -- <nvram> (pSeries) -- */
typedef struct NvramDef { Device base; } NvramDef;
#define NVRAM_DEVICE(device) DEVICE_CAST(NvramDef, DEVICE_NVRAM, device)

/* -- <redirdev>, <redirfilter> -- */
typedef enum RedirBus { REDIR_BUS_ABSENT = 0, REDIR_USB } RedirBus;
typedef struct RedirDef { Device base; RedirBus bus; CharSource source; } RedirDef;
#define REDIRDEV(device) DEVICE_CAST(RedirDef, DEVICE_REDIRDEV, device)
typedef struct RedirRule { OptInt usb_class, vendor, product; char *version; Tri allow; } RedirRule;
typedef struct RedirFilterDef { Device base; LIST(RedirRule) rules; } RedirFilterDef;
#define REDIRFILTER(device) DEVICE_CAST(RedirFilterDef, DEVICE_REDIRFILTER, device)

/* -- <smartcard> -- */
typedef enum SmartcardMode { SMARTCARD_ABSENT = 0, SMARTCARD_HOST, SMARTCARD_HOST_CERTS, SMARTCARD_PASSTHROUGH } SmartcardMode;
typedef struct SmartcardDef {
    Device base; SmartcardMode mode; StringList certificates; char *database; CharSource source;
} SmartcardDef;
#define SMARTCARD(device) DEVICE_CAST(SmartcardDef, DEVICE_SMARTCARD, device)

/* -- <sound> -- */
typedef enum SoundModel { SOUND_ABSENT = 0, SOUND_SB16, SOUND_ES1370, SOUND_PCSPK, SOUND_AC97, SOUND_ICH6, SOUND_ICH9,
                          SOUND_USB, SOUND_ICH7, SOUND_VIRTIO } SoundModel;
extern const char *const sound_model_names[];
typedef struct SoundCodec { char *type; } SoundCodec;
typedef struct SoundDef {
    Device base; SoundModel model; Tri multichannel; OptUint streams; LIST(SoundCodec) codecs; OptUint audio;
    VirtioOptions virtio;
} SoundDef;
#define SOUND(device) DEVICE_CAST(SoundDef, DEVICE_SOUND, device)

/* -- <tpm> -- */
typedef enum TpmModel { TPM_MODEL_ABSENT = 0, TPM_TIS, TPM_CRB, TPM_SPAPR, TPM_SPAPR_PROXY } TpmModel;
typedef enum TpmBackend { TPM_BACKEND_ABSENT = 0, TPM_PASSTHROUGH, TPM_EMULATOR, TPM_EXTERNAL } TpmBackend;
extern const char *const tpm_model_names[];
typedef struct TpmDef {
    Device base; TpmModel model; TpmBackend backend; char *version; char *path;
    char *source_type, *source_path, *source_mode; Tri persistent_state; OptUint debug;
    char *profile_source, *profile_name, *profile_remove; char *encryption_secret_usage; Uuid encryption_secret;
    CharSource chardev;
    bool pcr_banks, sha1, sha256, sha384, sha512;
} TpmDef;
#define TPM(device) DEVICE_CAST(TpmDef, DEVICE_TPM, device)

/* -- <shmem> -- */
typedef enum ShmemModel { SHMEM_ABSENT = 0, SHMEM_IVSHMEM, SHMEM_IVSHMEM_PLAIN, SHMEM_IVSHMEM_DOORBELL } ShmemModel;
typedef struct ShmemDef {
    Device base; char *name; char *role; ShmemModel model; OptU64 size; /* MiB */
    bool server; char *server_path; bool msi; OptUint vectors; Tri ioeventfd;
} ShmemDef;
#define SHMEM(device) DEVICE_CAST(ShmemDef, DEVICE_SHMEM, device)

/* -- <iommu> -- */
typedef enum IommuModel { IOMMU_ABSENT = 0, IOMMU_INTEL, IOMMU_SMMUV3, IOMMU_VIRTIO, IOMMU_AMD } IommuModel;
typedef struct IommuDef {
    Device base; IommuModel model; Tri intremap, caching_mode, eim, iotlb, dma_translation, xtsup, passthrough; OptUint aw_bits;
} IommuDef;
#define IOMMU(device) DEVICE_CAST(IommuDef, DEVICE_IOMMU, device)

/* -- <crypto> -- */
typedef struct CryptoDef {
    Device base; char *model, *type, *backend; OptUint queues; VirtioOptions virtio;
} CryptoDef;
#define CRYPTO(device) DEVICE_CAST(CryptoDef, DEVICE_CRYPTO, device)

/* -- <lease> -- */
typedef struct LeaseDef { Device base; char *lockspace, *key, *path; OptU64 offset; } LeaseDef;
#define LEASE(device) DEVICE_CAST(LeaseDef, DEVICE_LEASE, device)

/* -- <pstore> -- */
typedef struct PstoreDef { Device base; char *backend, *path; OptU64 size; /* KiB */ } PstoreDef;
#define PSTORE(device) DEVICE_CAST(PstoreDef, DEVICE_PSTORE, device)
