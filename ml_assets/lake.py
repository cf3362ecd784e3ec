"""The Parquet lake: one file per asset and day, under a local folder or an object-store URL.

Where files lie, atomic writes and scans belong here; what is in them does not. A file appears whole or not at all:
local writes go to a temporary name and are renamed, object stores make a single put visible at once.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO

import polars as pl
from upath import UPath

from ml_assets.errors import PassingError, UserError
from ml_assets.settings.shop import Settings
from ml_assets.stores import place
from ml_assets.whole_files import SECONDS_IN_USE, remove_abandoned, replacing

NOT_WRITABLE = "Free some space or make the lake writable, or set `home` or `lake` to another folder."
Partition = str | date | None
LOCAL = ("", "file", "local")
# The folder that the lake of every shop has.
DAYS = "transactions"
# Assets whose days have a column of costs, or not.
WITH_COSTS = (DAYS, "superseded_transactions")
MAGIC, SHORTEST = b"PAR1", 12
# The files of the newest lazy frames: what is damaged in one shows where the frame is collected, which knows no file.
_scanned: deque[tuple[str, list[UPath]]] = deque(maxlen=50)


class PackedFrame:
    """A frame as the bytes of its file: worked out once, whenever it may be seen."""

    def __init__(self, content: bytes) -> None:
        """`content` is what `of` made."""
        self.content = content

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "PackedFrame":
        """Pack a frame."""
        file = BytesIO()
        _write(frame, file)
        return cls(file.getvalue())

    def read(self, columns: list[str] | None = None) -> pl.DataFrame:
        """The frame again, or some of its columns."""
        return pl.read_parquet(self.content, columns=columns)


class Lake:
    """Files `<root>/<asset>/<partition>.parquet`, or `<root>/<asset>.parquet` for unpartitioned assets."""

    def __init__(self, root: str | Path) -> None:
        self.root = place(str(root))

    @classmethod
    def of(cls, settings: Settings) -> "Lake":
        """The lake of a shop: the `lake` setting, or a folder in home."""
        root = settings.lake or str(settings.home / "lake")
        return cls(f"{root}/{settings.name}" if settings.name else root)

    @property
    def is_local(self) -> bool:
        """Whether files lie on this machine."""
        return self.root.protocol in LOCAL

    def path(self, asset: str, partition: Partition = None) -> UPath:
        """Where a frame lies, whether or not it exists."""
        return self.root / f"{asset}.parquet" if partition is None else self.root / asset / f"{partition}.parquet"

    def exists(self, asset: str, partition: Partition = None) -> bool:
        """Whether the frame has been written."""
        return self.path(asset, partition).exists()

    def partitions(self, asset: str) -> list[str]:
        """The partitions that exist, in order."""
        folder = self.root / asset
        return sorted(path.stem for path in folder.iterdir() if path.suffix == ".parquet") if folder.exists() else []

    def days_between(self, asset: str, first: date, last: date) -> list[str]:
        """The daily partitions that exist from `first` to `last`, both included, in order."""
        return [day for day in self.partitions(asset) if first.isoformat() <= day <= last.isoformat()]

    def files(self, ending: str) -> Iterator[UPath]:
        """Every file of the shop with that ending, in order, without temporary ones.

        The lakes of named shops may lie in folders of the lake of one without a name; they are not its own.
        """
        for top in sorted(self.root.iterdir(), key=str) if self.root.exists() else ():
            if (top / DAYS).exists():
                continue
            found = sorted(top.rglob(f"*{ending}"), key=str) if top.is_dir() else [top]
            yield from (path for path in found if path.suffix == ending and not path.name.startswith("."))

    def write(
        self,
        asset: str,
        frame: pl.DataFrame | PackedFrame,
        partition: Partition = None,
        *,
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        """Write a frame so that readers see the old file or the new one, whole.

        `ready` is called when all is written and nothing visible; where it raises, the old file stays.
        """
        path = self.path(asset, partition)
        if not self.is_local:
            with path.open("wb") as file:
                _write(frame, file)
                ready()
            return
        with replacing(Path(str(path)), NOT_WRITABLE) as file:
            _write(frame, file)
            ready()

    def remove_abandoned(self, asset: str | None = None) -> list[Path]:
        """Remove what killed writers left of one asset, or of all, models among them; returns the files."""
        if not self.is_local:
            return []
        return remove_abandoned(Path(str(self.root / asset if asset else self.root)))

    def prune(self, asset: str, before: date, *, now: datetime) -> list[str]:
        """Delete the daily partitions before a day; returns those deleted.

        One that was written in the day until `now` stays: a backfill may be working with it.
        """
        recently = now.timestamp() - SECONDS_IN_USE
        old = [
            day
            for day in self.partitions(asset)
            if day < before.isoformat() and self.path(asset, day).stat().st_mtime < recently
        ]
        for day in old:
            self.path(asset, day).unlink(missing_ok=True)
        return old

    def scan(self, asset: str, partitions: Sequence[str] | None = None) -> pl.LazyFrame:
        """A lazy frame over one unpartitioned asset, or over the given partitions of a daily one.

        Raises `UserError` that names the asset and partition where a file is missing or damaged.
        """
        paths = [self.path(asset)] if partitions is None else [self.path(asset, day) for day in partitions]
        if not paths:
            raise UserError(f"{asset} has no partitions in the lake at {self.root}.", f"Materialize {asset} first.")
        self._require(asset, paths)
        _scanned.append((asset, paths))
        options = dict(self.root.storage_options) or None
        # Days from before a shop told its costs have none. Of days with and without, what the first has is read.
        differ = asset in WITH_COSTS
        return pl.scan_parquet(
            [str(path) for path in paths],
            storage_options=options,
            glob=False,
            missing_columns="insert" if differ else "raise",
            extra_columns="ignore" if differ else "raise",
        )

    def read(self, asset: str, partition: Partition = None) -> pl.DataFrame:
        """One frame in memory."""
        try:
            return self.scan(asset, None if partition is None else [str(partition)]).collect()
        except BaseException as error:
            if damage := lake_damage(error):
                raise damage from error
            raise

    def _require(self, asset: str, paths: Iterable[UPath]) -> None:
        for path in paths:
            if not path.exists():
                raise UserError(f"{path} is not in the lake.", f"Materialize {asset} for that partition first.")
            if self.is_local and not _is_whole(Path(str(path))):
                raise _damaged(asset, path, "it is cut short")


def _write(frame: pl.DataFrame | PackedFrame, file: IO[bytes]) -> None:
    if isinstance(frame, PackedFrame):
        file.write(frame.content)
    elif frame.is_empty():
        file.write(_without_rows(tuple(frame.schema.items())))
    else:
        frame.write_parquet(file)


@lru_cache
def _without_rows(schema: tuple[tuple[str, pl.DataType], ...]) -> bytes:
    """A file of Parquet that has columns alone: most days have nothing in quarantine, and all have a file for it."""
    packed = BytesIO()
    pl.DataFrame(schema=dict(schema)).write_parquet(packed)
    return packed.getvalue()


def lake_damage(error: BaseException) -> UserError | None:
    """The damaged file behind an error of reading a lazy frame of a lake; None of errors of another kind.

    Files that were opened last are read again, so that the one is found.
    """
    # Native code ends with an error of its own where it did not foresee the damage.
    if not isinstance(error, pl.exceptions.PolarsError) and type(error).__name__ != "PanicException":
        return None
    for asset, paths in reversed(_scanned):
        for path in paths:
            try:
                pl.read_parquet(str(path), storage_options=dict(path.storage_options) or None, glob=False)
            except FileNotFoundError:
                continue
            except BaseException as found:
                if not isinstance(found, Exception) and type(found).__name__ != "PanicException":
                    raise
                # Of a store the library's words do not tell a damaged file from a network that failed.
                kind = UserError if path.protocol in LOCAL else PassingError
                return _damaged(asset, path, str(found).splitlines()[0].rstrip("."), kind)
    return None


def _damaged(asset: str, path: UPath, why: str, kind: type[UserError] = UserError) -> UserError:
    # Days that are not in the lake are loaded by any run, those too that cannot be run themselves.
    again = "ml-assets run" if asset in ("transactions", path.stem) else f"ml-assets run --date {path.stem}"
    return kind(
        f"The file {path} of the lake is damaged: {why}.",
        f"Remove it; `{again}` then makes it again from the source.",
        code="lake.damaged",
    )


def _is_whole(path: Path) -> bool:
    """Whether a Parquet file has both its ends; what is between them shows when it is read."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - len(MAGIC)))
        return length >= SHORTEST and head == file.read() == MAGIC
