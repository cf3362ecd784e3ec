"""Trained models on disk or in an object store: a file of arrays and a card, nothing that runs when loaded.

The card file names the arrays file by its content and is written last, so a reader sees the old model or the
new one, whole. What the arrays mean belongs to the models.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.models.cards import ModelCard
from ml_assets.whole_files import make_private, replacing

CARD_FILE = "card.json"
TIMING = {"duration_seconds"}
TRAIN_AGAIN = "`ml-assets run` trains it again, and so does `ml-assets train --week` with the week that it is of."
NOT_WRITABLE = "Free some space or make the folder writable, or set `home` or `lake` to another one."
# zip knows no earlier time; a fixed one makes equal arrays equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)

Arrays = dict[str, npt.NDArray[Any]]


def save_artifact(folder: UPath | Path, card: ModelCard, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Write a model and return its checksum, a SHA-256 that covers card and arrays.

    The same model again, whose card differs in how long training took at most, stays as it is: one that was registered
    is not damaged by a training that could not be.
    Arrays are numbers or NumPy text; object arrays raise ValueError, because they would need pickle.
    """
    content = _pack(arrays)
    digest = hashlib.sha256(content).hexdigest()
    envelope = {"arrays": f"arrays-{digest[:16]}.npz", "sha256": digest, "card": card.model_dump(mode="json")}
    text = json.dumps(envelope, indent=2, sort_keys=True).encode()
    if kept := _same_model(folder, card, digest):
        return kept
    try:
        _make(folder)
        _put(folder / str(envelope["arrays"]), content)
        _put(folder / CARD_FILE, text)
        for path in folder.iterdir():
            if path.suffix == ".npz" and path.name != envelope["arrays"]:
                path.unlink()
    except OSError as error:
        raise UserError(
            f"The model {card.version} cannot be written to {folder}: {error.strerror or error}.", NOT_WRITABLE
        ) from error
    return hashlib.sha256(text).hexdigest()


def _same_model(folder: UPath | Path, card: ModelCard, digest: str) -> str | None:
    """The checksum of what is in the folder where that is the same model, whole; else None."""
    try:
        known, _ = load_artifact(folder)
        text = (folder / CARD_FILE).read_bytes()
    except (UserError, OSError):
        return None
    alike = known.model_dump(exclude=TIMING) == card.model_dump(exclude=TIMING)
    return hashlib.sha256(text).hexdigest() if alike and json.loads(text).get("sha256") == digest else None


def load_artifact(folder: UPath | Path, checksum: str | None = None) -> tuple[ModelCard, Arrays]:
    """The card and the arrays of a model; with `checksum`, only exactly the model that was saved with it.

    Raises `UserError` where the model is missing or damaged.
    """
    try:
        text = (folder / CARD_FILE).read_bytes()
    except FileNotFoundError:
        raise UserError(f"There is no model in {folder}.", TRAIN_AGAIN, code="model.missing") from None
    if checksum is not None and hashlib.sha256(text).hexdigest() != checksum:
        raise _damaged(folder, "its card is not the one that was registered")
    try:
        envelope = json.loads(text)
        card = ModelCard.model_validate(envelope["card"])
        content = (folder / str(envelope["arrays"])).read_bytes()
    except FileNotFoundError:
        raise _damaged(folder, "its arrays are missing") from None
    except (ValueError, ValidationError, KeyError, TypeError) as error:
        raise _damaged(folder, f"its card cannot be read ({error})") from error
    if hashlib.sha256(content).hexdigest() != envelope.get("sha256"):
        raise _damaged(folder, "its arrays have changed since they were written")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return card, dict(stored)


def _damaged(folder: UPath | Path, why: str) -> UserError:
    return UserError(f"The model in {folder} is damaged: {why}.", TRAIN_AGAIN, code="model.missing")


def _pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """An uncompressed .npz; weights hardly compress, and loading is faster."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in sorted(arrays.items()):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _make(folder: UPath | Path) -> None:
    if isinstance(folder, UPath) and folder.protocol not in ("", "file", "local"):
        folder.mkdir(parents=True, exist_ok=True)
    else:
        make_private(Path(str(folder)))


def _put(path: UPath | Path, content: bytes) -> None:
    """Local files appear by rename; object stores make one put visible at once."""
    if isinstance(path, UPath) and path.protocol not in ("", "file", "local"):
        path.write_bytes(content)
        return
    with replacing(Path(str(path)), NOT_WRITABLE) as file:
        file.write(content)
