"""Ends with status 1 if built pages look like OpenStack's own.

This is no official project, so neither its logo nor the legal pages of its
foundation may be shown: a theme could bring them. Links to Nova's
documentation are fine.
"""

import re
import sys
from pathlib import Path

OFFICIAL = re.compile(
    r"""(?:src|href)=["'](?P<link>[^"']*(?:"""
    r'openstack[\w./-]*\.(?:svg|png|ico)'
    r'|openstack\.org/(?:brand|foundation|legal|privacy)'
    r"""|openinfra\.dev/(?:legal|privacy))[^"']*)["']""",
    re.IGNORECASE,
)


def main() -> int:
    pages = sorted(Path(sys.argv[1]).rglob('*.html'))
    found = {
        (page, match['link'])
        for page in pages
        for match in OFFICIAL.finditer(page.read_text('utf-8'))
    }
    for page, link in sorted(found):
        print(f'{page}: {link}', file=sys.stderr)
    # No page at all is not what was meant either.
    return 1 if found or not pages else 0


if __name__ == '__main__':
    sys.exit(main())
