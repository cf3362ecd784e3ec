"""One person's rows in files: the lake's Parquet files, exports as Parquet and CSV, and a look into model artifacts.

A file is known by its column customer_id, whatever it is called. Files are replaced whole, so that readers see the
old one or the new one.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import polars as pl
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.whole_files import is_in_use, replacing, temporaries

FREE_SPACE = "Free some space, or make the folder writable, and erase again; the file is as it was."
Alone = Callable[[], AbstractContextManager[Callable[[], object]]]


def erase_from_lake(lake: Lake, customer: int | str, nobody_writes: Alone) -> Counter[str]:
    """Rewrite every file of the lake that holds the person; rows removed, by asset.

    Each file is read and written in a block of `nobody_writes`: a correction that is loaded meanwhile is not undone.
    """
    removed: Counter[str] = Counter()
    for path in lake.files(".parquet"):
        if _count(path, customer):
            asset = _asset(lake, path)
            with nobody_writes() as still_alone:
                removed[f"lake/{asset}"] += _rewrite(lake, path, asset, customer, still_alone)
    return +removed


def count_in_lake(lake: Lake, customer: int | str) -> Counter[str]:
    """What a search of the lake finds, model artifacts among it."""
    found: Counter[str] = Counter()
    for path in lake.files(".parquet"):
        if count := _count(path, customer):
            found[f"lake/{_asset(lake, path)}"] += count
    for unfinished in temporaries(Path(str(lake.root))) if lake.is_local else ():
        # A writer at work leaves the person out by itself.
        if not is_in_use(unfinished):
            found[f"lake/{_asset(lake, UPath(unfinished))}"] += _count_unfinished(unfinished, customer)
    for path in lake.files(".npz"):
        found["lake/models"] += _mentions(path.read_bytes(), customer)
    return +found


def _asset(lake: Lake, path: UPath) -> str:
    """The asset that a file of the lake belongs to: its folder, or its own name in the lake's root."""
    return str(path.parent.relative_to(lake.root)) if path.parent != lake.root else path.stem


def erase_from_exports(folder: Path, customer: int | str) -> Counter[str]:
    """Rewrite every export that holds the person; rows removed."""
    removed: Counter[str] = Counter()
    for path, frame in _exports(folder):
        kept = frame.filter(~_is(frame.schema, customer))
        if frame.height == kept.height:
            continue
        with replacing(path, FREE_SPACE, keep_mode=True) as file:
            kept.write_parquet(file) if path.suffix == ".parquet" else kept.write_csv(file)
        removed["exports"] += frame.height - kept.height
    return removed


def count_in_exports(folder: Path, customer: int | str) -> Counter[str]:
    """What a search of the exports finds; one that is being written may hold the person and counts as a row."""
    found: Counter[str] = Counter()
    for path in temporaries(folder):
        found["exports"] += 1 if is_in_use(path) else _count_unfinished(path, customer)
    for _, frame in _exports(folder):
        found["exports"] += frame.filter(_is(frame.schema, customer)).height
    return +found


def _rewrite(lake: Lake, path: UPath, asset: str, customer: int | str, still_alone: Callable[[], object]) -> int:
    """Write one file without the person; rows removed. None of a file that is gone by now."""
    try:
        frame = pl.read_parquet(str(path), storage_options=_options(path))
    except FileNotFoundError:
        return 0
    kept = frame.filter(~_is(frame.schema, customer))
    try:
        lake.write(asset, kept, path.stem if asset != path.stem else None, ready=still_alone)
    except UserError as error:
        raise UserError(error.problem, FREE_SPACE, code=error.code) from error
    return frame.height - kept.height


def _count_unfinished(path: Path, customer: int | str) -> int:
    """Rows of the person in a file whose writer was killed; one that cannot be read may hold them, and counts."""
    try:
        return _count(UPath(path), customer) if path.exists() else 0
    except UserError:
        return 1


def _exports(folder: Path) -> Iterator[tuple[Path, pl.DataFrame]]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.name.startswith(".") or path.suffix not in (".csv", ".parquet"):
            continue
        try:
            # CSV as text, so that it is written again as it was.
            frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UserError(
                f"{path} in the folder of exports cannot be read: {str(error).splitlines()[0]}.",
                "Remove it, or mend it, and erase again.",
            ) from None
        if "customer_id" in frame.columns:
            yield path, frame


def _options(path: UPath) -> dict[str, object] | None:
    return dict(path.storage_options) or None


def _count(path: UPath, customer: int | str) -> int:
    try:
        lines = pl.scan_parquet(str(path), storage_options=_options(path), glob=False)
        schema = lines.collect_schema()
        if "customer_id" not in schema:
            return 0
        return int(lines.filter(_is(schema, customer)).select(pl.len()).collect().item())
    except FileNotFoundError:
        # Pruned, or renamed by its writer, since it was listed.
        return 0
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"{path} cannot be searched: {str(error).splitlines()[0]}.",
            "Remove it, or materialize it again, and erase again.",
        ) from None


def _is(schema: pl.Schema, customer: int | str) -> pl.Expr:
    """Whether a row is the person's."""
    kind = pl.String if schema["customer_id"] == pl.String else pl.Int64
    return (pl.col("customer_id") == pl.lit(customer).cast(kind)).fill_null(value=False)


def _mentions(content: bytes, customer: int | str) -> int:
    """Arrays of a model that name the person: integers only where an array is about customers, texts anywhere."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        about = [name for name in arrays.files if isinstance(customer, str) or "customer" in name]
        named = [name for name in about if (arrays[name].dtype.kind in "US") == isinstance(customer, str)]
        return sum(bool(np.any(arrays[name] == customer)) for name in named)
