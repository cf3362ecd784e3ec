"""Errors that nobody foresaw, in one message: what it was, and where its details are.

What can be foreseen is a `UserError` where it is raised.
"""

import os
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

from ml_assets.errors import UserError
from ml_assets.lake import lake_damage
from ml_assets.whole_files import refused_by_the_system


def explained(error: BaseException) -> UserError:
    """An error as a message for people; its details are kept in a file of the machine's temporary folder."""
    # First what the file system says: a file that may not be read is not damaged.
    if refused := refused_by_the_system(error):
        return refused
    # Polars raises such where one of its own assumptions does not hold, and libraries end without words.
    if damage := lake_damage(error):
        return damage
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
