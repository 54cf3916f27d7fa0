#!/usr/bin/env python3
"""Write cpudata.inc: x86 CPU features with their CPUID bits and the CPU models, as QEMU itself describes them.

    cpudata.py QEMU [DATA-DIR] > cpudata.inc

QEMU should be the newest there is (10.0 knew all models here). A feature's bit is found by asking for a CPU that has that
feature alone and looking at its CPUID words. What QEMU cannot tell is in the tables below: bits it has no name for, what
sits in MSRs, signatures of real processors, and where the definition that libvirt's clients know (which never changes
once published) is older than QEMU's.
"""
import json
import re
import subprocess
import sys

REGS = ["EAX", "EBX", "ECX", "EDX"]
# Names where QEMU has several for one bit: these are the ones definitions use.
PREFERRED = """lahf_lm cmp_legacy fxsr_opt tsc_adjust perfctr_core perfctr_nb nodeid_msr ds_cpl sse4.1 sse4.2 pclmuldq pni nx lm
    syscall nrip-save pause-filter tsc-scale vmcb-clean svm-lock xstore xsaves""".split()
# Bits this daemon must name though QEMU does not (leaf, subleaf, register, bit): Intel SDM vol. 2 CPUID, AMD APM vol. 3.
EXTRA = {
    "osxsave": (1, 0, "ECX", 27), "fdp-excptn-only": (7, 0, "EBX", 6), "cmt": (7, 0, "EBX", 12), "zero-fcs-fds": (7, 0, "EBX", 13),
    "ospke": (7, 0, "ECX", 4), "mbm_total": (0xf, 1, "EDX", 1), "mbm_local": (0xf, 1, "EDX", 2),
    "prefetchiti": (7, 1, "EDX", 14), "ddpd-u": (7, 2, "EDX", 3), "mcdt-no": (7, 2, "EDX", 5),
    "overflow-recov": (0x80000007, 0, "EBX", 0), "succor": (0x80000007, 0, "EBX", 1), "cvt16": (0x80000001, 0, "ECX", 18),
    "avx10-128": (0x24, 0, "EBX", 16), "avx10-256": (0x24, 0, "EBX", 17), "avx10-512": (0x24, 0, "EBX", 18),
}
MSR = {
    0x10a: """rdctl-no ibrs-all rsba skip-l1dfl-vmentry ssb-no mds-no pschange-mc-no tsx-ctrl taa-no . . . . sbdr-ssdp-no fbsdp-no
              psdp-no . fb-clear . . . . . . . . gds-no rfds-no""".split(),
    0xcf: ". . . . . split-lock-detect".split(),
}
# Nested virtualization, by MSR and bit as the SDM (vol. 3, appendix A) orders them: not read, but named and ordered.
VMX = """ins-outs true-ctls store-lma activity-hlt activity-shutdown activity-wait-sipi vmwrite-vmexit-fields zero-len-inject
    apicv-xapic ept desc-exit rdtscp-exit apicv-x2apic vpid wbinvd-exit unrestricted-guest apicv-register apicv-vid ple
    rdrand-exit invpcid-exit vmfunc shadow-vmcs encls-exit rdseed-exit pml xsaves tsc-scaling enable-user-wait-pause
    ept-execonly page-walk-4 page-walk-5 ept-2mb ept-1gb invept eptad ept-advanced-exitinfo invept-single-context
    invept-all-context invvpid invvpid-single-addr invvpid-all-context invvpid-single-context-noglobals
    intr-exit nmi-exit vnmi preemption-timer posted-intr vintr-pending tsc-offset hlt-exit invlpg-exit mwait-exit rdpmc-exit
    rdtsc-exit cr3-load-noexit cr3-store-noexit cr8-load-exit cr8-store-exit flexpriority vnmi-pending movdr-exit io-exit
    io-bitmap mtf msr-bitmap monitor-exit pause-exit secondary-ctls
    exit-nosave-debugctl exit-load-perf-global-ctrl exit-ack-intr exit-save-pat exit-load-pat exit-save-efer exit-load-efer
    exit-save-preemption-timer exit-clear-bndcfgs exit-clear-rtit-ctl exit-load-pkrs
    entry-noload-debugctl entry-ia32e-mode entry-load-perf-global-ctrl entry-load-pat entry-load-efer entry-load-bndcfgs
    entry-load-rtit-ctl entry-load-pkrs eptp-switching""".split()
MISSPELT = {"vmx-invept-single-context-noglobals": "vmx-invvpid-single-context-noglobals"} # QEMU's own slip
# Not properties of a processor.
NOT_FEATURES = re.compile(r"kvm|hv-|x-|check$|enforce|full-cpuid|l3-cache|cpuid-0xb|realized|fill-mtrr|legacy-|pmu$|tcg-|vmware|"
                          r"host-|lmce$|migratable|start-powered|hotplug|vmx-|full-width|sgx-epc|pdcm-on|hypervisor$")
VENDORS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon"}
VENDORLESS = "486 pentium pentium2 pentium3 pentiumpro qemu32 qemu64 kvm32 kvm64 cpu64-rhel5 cpu64-rhel6".split()
# Models by generation, each with its versions behind it: the order decides between models that fit equally well.
ORDER = """486 pentium pentium2 pentium3 pentiumpro coreduo n270 core2duo qemu32 kvm32 cpu64-rhel5 cpu64-rhel6 qemu64 kvm64
    Conroe Penryn Nehalem,Nehalem-IBRS Westmere,Westmere-IBRS SandyBridge,SandyBridge-IBRS IvyBridge,IvyBridge-IBRS
    Haswell-noTSX,Haswell-noTSX-IBRS,Haswell,Haswell-IBRS Broadwell-noTSX,Broadwell-noTSX-IBRS,Broadwell,Broadwell-IBRS
    Skylake-Client,Skylake-Client-IBRS,Skylake-Client-noTSX-IBRS Skylake-Server,Skylake-Server-IBRS,Skylake-Server-noTSX-IBRS
    Cascadelake-Server,Cascadelake-Server-noTSX Icelake-Client,Icelake-Client-noTSX Icelake-Server,Icelake-Server-noTSX
    Cooperlake Snowridge SapphireRapids GraniteRapids SierraForest Denverton KnightsMill athlon phenom
    Opteron_G1 Opteron_G2 Opteron_G3 Opteron_G4 Opteron_G5 EPYC,EPYC-IBPB EPYC-Rome EPYC-Milan EPYC-Genoa Dhyana""".split()
# Versions that are not models of their own.
NO_VERSIONS = "pentiumpro cpu64-rhel5 cpu64-rhel6 Icelake-Client SierraForest-v2".split()
# Where the published definition differs from QEMU's: "+" it has more, "-" less; "~" has it, but QEMU took it away later.
OLD = "-abm -arat -f16c -rdrand -xsaveopt"
PUBLISHED = {
    **{m + s: OLD for m in ("Haswell", "Haswell-noTSX", "Broadwell", "Broadwell-noTSX") for s in ("", "-IBRS")},
    **{m + s: "-arat -xsaveopt" for m in ("SandyBridge", "IvyBridge") for s in ("", "-IBRS")},
    **{m: "-arat -pclmuldq" for m in ("Westmere", "Westmere-IBRS")},
    **{m: "~mpx" for m in ("Skylake-Client", "Skylake-Client-IBRS", "Skylake-Client-noTSX-IBRS")},
    "Skylake-Server": "~mpx -pku -clflushopt", "Skylake-Server-IBRS": "~mpx -pku", "Skylake-Server-noTSX-IBRS": "~mpx -pku",
    "Cascadelake-Server": "~mpx -pku",
    "Cascadelake-Server-noTSX": "~mpx -pku -arch-capabilities -ibrs-all -mds-no -rdctl-no -skip-l1dfl-vmentry",
    "Icelake-Server": "~mpx ~intel-pt", "Icelake-Server-noTSX": "~mpx ~intel-pt", "Snowridge": "-monitor -mpx",
    **{m: "~monitor -npt -nrip-save -topoext" for m in ("EPYC", "EPYC-IBPB", "Dhyana")},
    "EPYC-Rome": "-monitor -topoext -xsaves", "EPYC-Milan": "-monitor -topoext", "Opteron_G2": "+rdtscp",
    "Opteron_G3": "~monitor", "Opteron_G4": "-npt -nrip-save", "Opteron_G5": "-npt -nrip-save", "athlon": "-mca",
    "core2duo": "-acpi -cx16 -lahf_lm -ss", "coreduo": "-acpi -ss", "n270": "-acpi -lahf_lm -movbe -ss",
    "pentium": "-apic", "pentium2": "-apic", "pentium3": "-apic", "qemu64": "-lahf_lm",
    "phenom": "-abm -cx16 -lahf_lm -npt -pdpe1gb -popcnt -rdtscp -sse4a",
}
# Models QEMU does not have (any more), from one that it has.
GONE = {
    "pentiumpro": ("pentium2", "+apic +mtrr -mmx -pat -pse36 -vme"), "cpu64-rhel5": ("kvm64", "-cx16 -vme"),
    "cpu64-rhel6": ("kvm64", "+sse4a +lahf_lm +abm +popcnt -vme"),
    "Icelake-Client": ("Icelake-Server", "-avx512ifma -clwb -la57 -pdpe1gb -fsrm"),
    "Icelake-Client-noTSX": ("Icelake-Client", "-hle -rtm"),
}
# family/model[/stepping-stepping] of the processors sold under a model.
CORES = {
    "Conroe": "6/15 6/22", "Penryn": "6/23 6/29", "Nehalem": "6/26 6/30 6/31 6/46", "Westmere": "6/44 6/47 6/37",
    "SandyBridge": "6/42 6/45", "IvyBridge": "6/58 6/62", "Haswell": "6/60 6/63 6/69 6/70", "Broadwell": "6/61 6/71 6/79 6/86",
    "Skylake-Client": "6/94 6/78 6/142 6/158", "Skylake-Server": "6/85/0-4", "Cascadelake-Server": "6/85/5-7",
    "Cooperlake": "6/85/10-11", "Icelake-Client": "6/126", "Icelake-Server": "6/106 6/108", "Snowridge": "6/134",
    "SapphireRapids": "6/143", "GraniteRapids": "6/173", "SierraForest": "6/175", "Denverton": "6/95", "KnightsMill": "6/133",
    "Opteron_G1": "15/6", "Opteron_G2": "15/6", "Opteron_G3": "15/6", "Opteron_G4": "21/1", "Opteron_G5": "21/2",
    "EPYC": "23/1", "EPYC-Rome": "23/49", "EPYC-Milan": "25/1", "EPYC-Genoa": "25/17", "Dhyana": "24/0",
}


class Qemu:
    """A QEMU that runs nothing, to be asked."""

    def __init__(self, binary, *args):
        data = ["-L", sys.argv[2]] if len(sys.argv) > 2 else []
        self.process = subprocess.Popen([binary, *data, "-S", "-no-user-config", "-nodefaults", "-display", "none", "-qmp", "stdio",
                                         *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        json.loads(self.process.stdout.readline())
        self.ask("qmp_capabilities")

    def ask(self, command, **args):
        self.process.stdin.write(json.dumps({"execute": command, "arguments": args}) + "\n")
        self.process.stdin.flush()
        while True:
            reply = json.loads(self.process.stdout.readline())
            if "error" in reply:
                raise RuntimeError(reply["error"]["desc"])
            if "return" in reply:
                return reply["return"]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()


def words(binary, feature):
    """The CPUID bits of a CPU with one feature."""
    bits = set()
    with Qemu(binary, "-machine", "pc,accel=tcg", "-cpu", "base,%s=on" % feature) as q:
        path = next("/machine/unattached/" + x["name"] for x in q.ask("qom-list", path="/machine/unattached") if "-cpu>" in x["type"])
        for prop in ("feature-words", "filtered-features"):
            for w in q.ask("qom-get", path=path, property=prop):
                bits |= {(w["cpuid-input-eax"], w.get("cpuid-input-ecx", 0), w["cpuid-register"], i)
                         for i in range(32) if w["features"] >> i & 1}
    return bits


def find_bits(binary, names):
    """{feature: bit} with the one preferred name of each bit, and {other name: preferred name}."""
    base, at, alias = words(binary, "check"), {}, {}
    for name in sorted(names, key=lambda n: (n not in PREFERRED, "-" in n and n.replace("-", "_") in PREFERRED, n)):
        try:
            bits = words(binary, name) - base
        except (RuntimeError, json.JSONDecodeError):
            bits = set()
        bits = {b for b in bits if b[:2] != (0xd, 0)} # the states XSAVE saves follow from the features
        if len(bits) != 1 or min(bits)[0] & 0xc0000000 == 0x40000000:
            continue
        bit = bits.pop()
        if bit in at:
            alias[name] = at[bit]
        else:
            at[bit] = name
    return {n: b for b, n in at.items()}, alias


def sort_key(item):
    leaf, sub, reg, bit = item[1]
    return leaf, sub, REGS.index(reg), bit


def models_of(binary):
    with Qemu(binary, "-machine", "none,accel=tcg") as q:
        return {d["name"]: q.ask("query-cpu-model-expansion", type="full", model={"name": d["name"]})["model"]["props"]
                for d in q.ask("query-cpu-definitions")}


def apply(features, text, removed=None):
    features = set(features)
    for word in text.split():
        if word[0] == "-":
            features.discard(word[1:])
        else:
            features.add(word[1:])
        if word[0] == "~" and removed is not None:
            removed.add(word[1:])
    return features


def core_of(name):
    fits = [c for c in CORES if name == c or name.startswith(c + "-")]
    return max(fits, key=len) if fits else None


def signatures(name):
    core = core_of(name)
    return CORES[core] if core else ""


def versions_of(stem, props):
    return sorted((n for n in props if re.fullmatch(re.escape(stem) + r"-v\d+", n)), key=lambda n: int(n.rsplit("-v", 1)[1]))


def main():
    binary = sys.argv[1]
    props = models_of(binary)
    names = {k for k, v in props["base"].items() if isinstance(v, bool) and not NOT_FEATURES.match(k)} | {"hypervisor"}
    bits, alias = find_bits(binary, names)
    bits.update(EXTRA)
    msr = [(n, m, i) for m, ns in MSR.items() for i, n in enumerate(ns) if n != "."]
    known = set(bits) | {n for n, _, _ in msr}
    print("/* Written by cpudata.py from QEMU's own answers; do not edit. */\n")
    print("#ifdef FEATURE")
    for name, (leaf, sub, reg, bit) in sorted(bits.items(), key=sort_key):
        print('FEATURE("%s", 0x%x, %d, CPU_%s, %d)' % (name, leaf, sub, reg, bit))
    for name, number, bit in msr:
        print('FEATURE("%s", 0x%x, 0, CPU_MSR, %d)' % (name, number, bit))
    vmx = ["vmx-" + v for v in VMX]
    for name in vmx + sorted(k for k in props["base"] if k.startswith("vmx-") and k not in vmx and k not in MISSPELT):
        print('FEATURE("%s", 0, 0, CPU_NONE, 0)' % name)
    print("#endif\n\n#ifdef ALIAS")
    for name, of in sorted({**alias, **MISSPELT}.items()):
        print('ALIAS("%s", "%s")' % (name, of))
    print("#endif\n\n#ifdef MODEL")
    done = {}

    def features_of(name):
        return {alias.get(k, k) for k, v in props[name].items() if v is True} & known - {"hypervisor"} | vme(name)

    def vme(name):  # "-machine none" takes it away from all, for old QEMUs' sake
        return {"vme"} if name.startswith(VME) else set()

    def emit(name, features, removed=()):
        parent = min(done, key=lambda d: len(done[d] ^ features), default=None)
        base = done.get(parent, set())
        p = props.get(name) or props.get(re.sub(r"-noTSX|-IBRS", "", name)) or {}
        stem = re.sub(r"-v\d+$", "", name)
        vendor = "" if stem in VENDORLESS else VENDORS.get(p.get("vendor"), "Intel")
        print('MODEL("%s", "%s", "%s", "%s",\n      "%s", "%s")' % (
            name, vendor, signatures(name), parent or "",
            " ".join(["+" + f for f in sorted(features - base)] + ["-" + f for f in sorted(base - features)]), " ".join(sorted(removed))))
        done[name] = features

    for group in ORDER:
        stem = group.split(",")[0].replace("-noTSX", "") if group.startswith(("Haswell", "Broadwell")) else group.split(",")[0]
        published = {}
        for name in group.split(","):
            removed = set()
            if name in GONE:
                parent, change = GONE[name]
                start = published.get(parent) or done.get(parent) or apply(features_of(parent), PUBLISHED.get(parent, ""))
                features = apply(start, change)
            else:
                features = apply(features_of(name), PUBLISHED.get(name, ""), removed)
            published[name] = features
            emit(name, features, removed)
        if stem in NO_VERSIONS:
            continue
        removed_of_stem = {w[1:] for w in PUBLISHED.get(stem, "").split() if w[0] == "~"}
        for version in (v for v in versions_of(stem, props) if v not in NO_VERSIONS):
            v1, now = features_of(stem + "-v1"), features_of(version)
            emit(version, (published[stem] - removed_of_stem | now - v1) - (v1 - now))
    print("#endif")


VME = ("486", "pentium", "coreduo", "core2duo", "n270", "athlon", "IvyBridge", "Skylake", "Cascadelake", "Icelake", "Cooperlake",
       "Snowridge", "Sapphire", "Granite", "Sierra", "Denverton", "KnightsMill", "EPYC", "Dhyana")

if __name__ == "__main__":
    main()
