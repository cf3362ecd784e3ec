"""Stamps of files: what changes when a file does, without reading it.

Local files have a size, a time and a number; object stores have an ETag. Where a store gives neither ETag nor time, or
a file was written so recently that a second change might leave no trace, there is no stamp and the file is read.
"""

import time

from upath import UPath

# The coarsest clocks of file systems in use count in two seconds (FAT); network file systems lag.
SECONDS_UNTIL_SETTLED = 5.0
CHANGES = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime", "created")


def stamp_of(path: UPath, *, settled: bool = True) -> str | None:
    """The stamp of a file; None where only reading tells whether it changed.

    Without `settled` a file that was written a moment ago has one as well, which tells what was read from what is there
    now, as long as nobody remembers it.
    """
    if path.protocol in ("", "file", "local"):
        try:
            found = path.stat()
        except OSError:
            # Gone since it was listed: reading says what is wrong.
            return None
        if settled and time.time() - found.st_mtime < SECONDS_UNTIL_SETTLED:
            return None
        return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
    facts = path.fs.info(path.path)
    seen = {name: str(facts[name]) for name in CHANGES if facts.get(name) is not None}
    return f"{facts.get('size')} {seen}" if seen else None
