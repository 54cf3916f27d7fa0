#!/usr/bin/python3
"""Compare our domain XML with recorded answers of libvirt.

usage: domainxml.py DOMXML [CONFORMANCE_DIR, default $VIRTD_CONFORMANCE] [--only WORD] [--diff] [--list]

Feeds the input of every case of category "domain" to DOMXML and compares the parts `define` and `xml` by the rules of
the conformance set itself (its mask.py and diff.py). Prints how many agree and what differs most often. Skips, with
status 77, when CONFORMANCE_DIR is not there.
"""
import argparse
import collections
import json
import os
import subprocess
import sys


def run(tool, case, masker, unstable):
    p = subprocess.run([tool], input=case["xml"], capture_output=True, text=True, timeout=20)
    if p.returncode == 0:
        # what we wrote must come back byte for byte, also by way of a copy
        again = subprocess.run([tool, "--copy"], input=p.stdout, capture_output=True, text=True, timeout=20)
        if again.stdout != p.stdout:
            unstable.append(again.stderr)
        return {"define": {"ok": None}, "xml": {"ok": masker.text(p.stdout)}}
    if p.returncode == 1:
        code, domain, message = p.stderr.rstrip("\n").split(" ", 2)
        return {"define": {"error": [int(code), int(domain), masker.text(message)]}}
    return {"define": {"crash": True, "stderr": p.stderr[-2000:]}}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("domxml")
    ap.add_argument("folder", nargs="?", default=os.environ.get("VIRTD_CONFORMANCE", ""))
    ap.add_argument("--only", default="")
    ap.add_argument("--diff", action="store_true")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--min", type=float, default=0, help="least share of exact cases for success")
    args = ap.parse_args()
    path = os.path.join(args.folder, "open", "domain.json")
    if not os.path.exists(path):
        print("skipped: no conformance set at '%s' (set VIRTD_CONFORMANCE)" % args.folder)
        return 77
    sys.path.insert(0, args.folder)
    import diff
    import mask
    with open(path) as f:
        cases = json.load(f)["cases"]
    exact, near, total = 0, 0.0, 0
    unstable, drifting = [], []
    accepted = refused = accepted_ok = refused_ok = 0
    reasons, examples = collections.Counter(), {}
    for name, case in cases.items():
        if args.only not in name:
            continue
        want = {k: v for k, v in case["expect"].items() if k in ("define", "xml")}
        got = run(args.domxml, case, mask.Masker([], case["xml"]), unstable)
        while len(unstable) > len(drifting):
            drifting.append(name + " " + unstable[-1])
        parts = diff.compare(want, got)
        good = all(p.equal for p in parts)
        lines = sum(p.lines for p in parts)
        near += sum(p.same for p in parts) / lines if lines else good
        total += 1
        exact += good
        if "ok" in want["define"]:
            accepted, accepted_ok = accepted + 1, accepted_ok + good
        else:
            refused, refused_ok = refused + 1, refused_ok + good
        if good:
            continue
        for p in parts:
            for path in p.paths:
                key = path
                if "instead of" in path and "error" in got["define"]:
                    key += " " + str(got["define"]["error"])[:150]
                reasons[key] += 1
                examples.setdefault(key, name)
            if args.diff and not p.equal:
                print("=====", name, want["define"] if "error" in want["define"] else "",
                      got["define"] if "ok" not in got["define"] else "")
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
