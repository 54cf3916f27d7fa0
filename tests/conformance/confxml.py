#!/usr/bin/python3
"""Compare our definitions with recorded answers of libvirt.

usage: confxml.py CONFXML [CONFORMANCE_DIR, default $VIRTD_CONFORMANCE] [--category NAME] [--only WORD] [--diff] [--list]

Feeds the input of every case of a category (domain, network, netupdate, secret, pool, volume) to CONFXML and compares errors and resulting XML by
the rules of the conformance set itself (its mask.py and diff.py). Prints how many agree and what differs most often. Skips,
with status 77, when CONFORMANCE_DIR is not there.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys

# numbers of the public API
COMMANDS = ["NONE", "MODIFY", "DELETE", "ADD_LAST", "ADD_FIRST"]
SECTIONS = ["NONE", "BRIDGE", "DOMAIN", "IP", "IP_DHCP_HOST", "IP_DHCP_RANGE", "FORWARD", "FORWARD_INTERFACE",
            "FORWARD_PF", "PORTGROUP", "DNS_HOST", "DNS_TXT", "DNS_SRV"]


def call(tool, *args, text):
    return subprocess.run([tool, *args], input=text, capture_output=True, text=True, timeout=20)


def error(p, masker):
    code, domain, message = p.stderr.rstrip("\n").split(" ", 2)
    return {"error": [int(code), int(domain), masker.text(message)]}


def crash(p):
    return {"crash": True, "stderr": p.stderr[-2000:]}


def check_stable(tool, kind, text, unstable):
    """What we wrote must come back byte for byte, also by way of a copy."""
    again = call(tool, kind, "--copy", text=text)
    if again.stdout != text:
        unstable.append(again.stderr)


def define(tool, kind, case, masker, unstable):
    p = call(tool, kind, text=case["xml"])
    if p.returncode == 0:
        check_stable(tool, kind, p.stdout, unstable)
        return {"define": {"ok": None}, "xml": {"ok": masker.text(p.stdout)}}
    return {"define": error(p, masker) if p.returncode == 1 else crash(p)}


def update(tool, case, masker, unstable):
    command = str(COMMANDS.index(case["command"].removeprefix("VIR_NETWORK_UPDATE_COMMAND_")))
    section = str(SECTIONS.index(case["section"].removeprefix("VIR_NETWORK_SECTION_")))
    p = call(tool, "network", "--update", command, section, str(case["index"]),
             text=case["base"].rstrip("\n") + "\n%%\n" + case["xml"])
    if p.returncode == 1:
        return {"base": error(p, masker)}
    if p.returncode not in (0, 4):
        return {"base": crash(p)}
    check_stable(tool, "network", p.stdout, unstable)
    return {"base": {"ok": None}, "update": {"ok": None} if p.returncode == 0 else error(p, masker),
            "xml": {"ok": masker.text(p.stdout)}}


def offline(xml):
    """What can be said of a volume without making it: not its size on disk, its times, its label."""
    for pattern in (r" *<(allocation|physical)[^<]*</\1>\n", r" *<timestamps>.*?</timestamps>\n", r" *<label>[^<]*</label>\n"):
        xml = re.sub(pattern, "", xml, flags=re.S)
    return xml


def volume(tool, case, masker, unstable):
    """A volume is made in a directory /pool by root; a file that nobody says anything about has mode 0600."""
    p = call(tool, "volume", "--pool", "dir", "--create", text=case["xml"])
    if p.returncode:
        return {"create": error(p, masker) if p.returncode == 1 else crash(p)}
    check_stable(tool, "volume", p.stdout, unstable)
    name = re.search(r"<name>(.*)</name>", p.stdout).group(1)
    xml = re.sub(r"(?s) *<source>.*</source>\n", "", p.stdout)
    xml = re.sub(r" *<key>.*</key>\n", "", xml).replace("</name>\n", "</name>\n  <key>/pool/%s</key>\n" % name, 1)
    head, target, rest = re.split(r"(?s)(<target>.*</target>)", xml)
    said = dict(re.findall(r"<(mode|owner|group)>([^<]*)<", target))
    target = re.sub(r"(?s) *<permissions>.*</permissions>\n| *<path>[^<]*</path>\n", "", target)
    target = re.sub(r"(<format[^>]*>\n)", r"\1<permissions><mode>%s</mode><owner>%s</owner><group>%s</group></permissions>\n" %
                    (said.get("mode", "0600"), said.get("owner", "0"), said.get("group", "0")), target)
    target = target.replace("<target>", "<target><path>/pool/%s</path>" % name)
    return {"create": {"ok": None}, "xml": {"ok": masker.text(offline(head + target + rest))}}


# category: (parts that are compared, the one that says whether the input was accepted, how our answers are made)
CATEGORIES = {
    "domain": (("define", "xml"), "define", lambda tool, *rest: define(tool, "domain", *rest)),
    "network": (("define", "xml"), "define", lambda tool, *rest: define(tool, "network", *rest)),
    "secret": (("define", "xml"), "define", lambda tool, *rest: define(tool, "secret", *rest)),
    "pool": (("define", "xml"), "define", lambda tool, *rest: define(tool, "pool", *rest)),
    "volume": (("create", "xml"), "create", volume),
    "netupdate": (("base", "update", "xml"), "update", update),
}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("confxml")
    ap.add_argument("folder", nargs="?", default=os.environ.get("VIRTD_CONFORMANCE", ""))
    ap.add_argument("--category", default="domain", choices=list(CATEGORIES))
    ap.add_argument("--only", default="")
    ap.add_argument("--diff", action="store_true")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--min", type=float, default=0, help="least share of exact cases for success")
    args = ap.parse_args()
    path = os.path.join(args.folder, "open", args.category + ".json")
    if not os.path.exists(path):
        print("skipped: no conformance set at '%s' (set VIRTD_CONFORMANCE)" % args.folder)
        return 77
    sys.path.insert(0, args.folder)
    import diff
    import mask
    with open(path) as f:
        cases = json.load(f)["cases"]
    parts_of_interest, first, answer = CATEGORIES[args.category]
    exact, near, total = 0, 0.0, 0
    unstable, drifting = [], []
    accepted = refused = accepted_ok = refused_ok = 0
    reasons, examples = collections.Counter(), {}
    for name, case in cases.items():
        if args.only not in name:
            continue
        want = {k: v for k, v in case["expect"].items() if k in parts_of_interest}
        if args.category == "volume" and "xml" in want:
            want["xml"] = {"ok": offline(want["xml"]["ok"])}
        given = "\n".join(v for v in case.values() if isinstance(v, str))
        got = answer(args.confxml, case, mask.Masker([], given), unstable)
        while len(unstable) > len(drifting):
            drifting.append(name + " " + unstable[-1])
        parts = diff.compare(want, got)
        good = all(p.equal for p in parts)
        lines = sum(p.lines for p in parts)
        near += sum(p.same for p in parts) / lines if lines else good
        total += 1
        exact += good
        if "ok" in want.get(first, {}):
            accepted, accepted_ok = accepted + 1, accepted_ok + good
        else:
            refused, refused_ok = refused + 1, refused_ok + good
        if good:
            continue
        refusal = next((v["error"] for v in got.values() if "error" in v), None)
        for p in parts:
            for path in p.paths:
                key = path
                if "instead of" in path and refusal:
                    key += " " + str(refusal)[:150]
                reasons[key] += 1
                examples.setdefault(key, name)
            if args.diff and not p.equal:
                print("=====", name, want.get(first) if "ok" not in want.get(first, {}) else "", refusal or "")
                print(p.text())
        if args.list:
            print(name)
    for name in drifting:
        print("not stable:", name)
    for reason, n in reasons.most_common(45):
        print("%4d %s   (%s)" % (n, reason, examples[reason].split("/")[-1]))
    print("%d cases: %d exact (accepted %d of %d, refused %d of %d), near %.3f" %
          (total, exact, accepted_ok, accepted, refused_ok, refused, near / max(total, 1)))
    return 0 if total and not drifting and exact / total >= args.min else 1


if __name__ == "__main__":
    sys.exit(main())
