"""Bytes of files, unpacked by their ending: gzip, Zstandard, zip with one file in it."""

import gzip
import zipfile
from io import BytesIO
from typing import BinaryIO, cast

from upath import UPath

from ml_assets.errors import UserError

PACKED = (".gz", ".zst", ".zip")
"""How the names of packed files end."""


def read_bytes(path: str) -> bytes:
    """The whole content."""
    with UPath(path).open("rb") as file:
        return _unpacked(path, file).read()


def read_start(path: str, size: int) -> bytes:
    """The first bytes of the content."""
    with UPath(path).open("rb") as file:
        return _unpacked(path, file).read(size)


def _unpacked(path: str, file: BinaryIO) -> BinaryIO:
    name = path.lower()
    if name.endswith(".gz"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if name.endswith(".zst"):
        # Polars' own reader, which needs no package more: compression is found by the first bytes.
        return BytesIO(file.read())
    if name.endswith(".zip"):
        return _only_member(path, file)
    return file


def _only_member(path: str, file: BinaryIO) -> BinaryIO:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise UserError(
            f"{path} is no whole zip file: {error}.", "Deliver the file again, whole.", code="source.unreadable"
        ) from None
    members = [each for each in archive.namelist() if not each.endswith("/") and not each.startswith("__MACOSX/")]
    if len(members) != 1:
        raise UserError(
            f"{path} holds {len(members)} files ({', '.join(members[:3])}{', ...' if len(members) > 3 else ''}).",
            "Pack each file by itself, or unpack it into a folder and give that as source.events.",
            code="source.unreadable",
        )
    return cast("BinaryIO", archive.open(members[0]))
