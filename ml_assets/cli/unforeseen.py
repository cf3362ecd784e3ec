"""Errors that nobody foresaw, in one message: what it was, and where its details are.

What can be foreseen is a `UserError` where it is raised.
"""

import errno
import os
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

from ml_assets.errors import UserError
from ml_assets.lake import lake_damage

# What the machine refuses, and a person can mend.
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE)


def explained(error: BaseException) -> UserError:
    """An error as a message for people; its details are kept in a file of the machine's temporary folder."""
    # Polars raises such where one of its own assumptions does not hold, and libraries end without words.
    if damage := lake_damage(error):
        return damage
    if isinstance(error, OSError) and error.errno in REFUSED:
        file = error.filename or "A file"
        next_step = "Free some space, or make it readable and writable for you."
        return UserError(f"{file} cannot be used: {error.strerror}.", next_step, code="file.not_written")
    words = str(error).strip().splitlines() or ["no words"]
    where = _kept(error)
    return UserError(
        f"ml-assets failed on something unforeseen: {type(error).__name__}: {words[0].rstrip('.')}.",
        f"Its details are in {where}; please report it with them." if where else "Please report it.",
        code="error.unforeseen",
    )


def _kept(error: BaseException) -> Path | None:
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix=f"ml-assets-{datetime.now():%Y%m%d-%H%M%S}-", suffix=".txt")  # noqa: DTZ005
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return None
    return Path(name)
