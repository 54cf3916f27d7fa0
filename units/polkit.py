#!/usr/bin/env python3
"""polkit.py OUTPUT PROTO...: the polkit actions of the fine-grained access control, one for each permission that the
protocol description names. What only looks is allowed to anyone who was let in; everything else is denied by default."""
import re
import sys
from xml.sax.saxutils import escape

HEAD = '''<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD polkit Policy Configuration 1.0//EN"
  "http://www.freedesktop.org/software/polkit/policyconfig-1.dtd">
<policyconfig>
  <vendor>virtd</vendor>
'''
ACTION = '''  <action id="org.libvirt.api.{id}">
    <description>{text}</description>
    <message>Access to a {kind} ({permission}) is controlled by the system policy</message>
    <defaults>
      <allow_any>{default}</allow_any>
      <allow_inactive>{default}</allow_inactive>
      <allow_active>{default}</allow_active>
    </defaults>
  </action>
'''


def only_looks(permission):
    return permission in ('getattr', 'read') or permission.startswith('search_')


def main(output, sources):
    found = set()
    for source in sources:
        with open(source) as text:
            found |= set(re.findall(r'^\s*acl(?:filter)?\s+(\w+):(\w+)', text.read(), re.M))
    if not found:
        sys.exit('polkit.py: the protocol description names no permission')
    with open(output, 'w') as out:
        out.write(HEAD)
        for kind, permission in sorted(found):
            out.write(ACTION.format(id=f'{kind}.{permission}'.replace('_', '-'), kind=escape(kind.replace('_', ' ')),
                                    permission=escape(permission.replace('_', ' ')),
                                    text=escape(f'{kind}: {permission}'.replace('_', ' ')),
                                    default='yes' if only_looks(permission) else 'no'))
        out.write('</policyconfig>\n')


main(sys.argv[1], sys.argv[2:])
