"""One person's rows in files: the lake's Parquet files, exports as Parquet and CSV, and a look into model artifacts.

A file is known by its column customer_id, whatever it is called. Files are replaced whole, so that readers see the
old one or the new one.
"""

import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.lake import Lake


def erase_from_lake(lake: Lake, customer: int | str) -> Counter[str]:
    """Rewrite every file of the lake that holds the person; rows removed, by asset."""
    removed: Counter[str] = Counter()
    for path in _parquet(lake.root):
        if count := _count(path, customer):
            asset = str(path.parent.relative_to(lake.root)) if path.parent != lake.root else path.stem
            frame = pl.read_parquet(str(path), storage_options=_options(path))
            lake.write(asset, frame.filter(~_is(frame.schema, customer)), path.stem if asset != path.stem else None)
            removed[f"lake/{asset}"] += count
    return removed


def count_in_lake(lake: Lake, customer: int | str) -> Counter[str]:
    """What a search of the lake finds, model artifacts among it."""
    found: Counter[str] = Counter()
    for path in _parquet(lake.root):
        if count := _count(path, customer):
            found[f"lake/{path.parent.name}"] += count
    for path in lake.root.rglob("*.npz"):
        found["lake/models"] += _mentions(path.read_bytes(), customer)
    return +found


def erase_from_exports(folder: Path, customer: int | str) -> Counter[str]:
    """Rewrite every export that holds the person; rows removed."""
    removed: Counter[str] = Counter()
    for path, frame in _exports(folder):
        kept = frame.filter(~_is(frame.schema, customer))
        if frame.height == kept.height:
            continue
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            kept.write_parquet(temporary) if path.suffix == ".parquet" else kept.write_csv(temporary)
            os.replace(temporary, path)  # noqa: PTH105 one call that is atomic on every file system
        finally:
            temporary.unlink(missing_ok=True)
        removed["exports"] += frame.height - kept.height
    return removed


def count_in_exports(folder: Path, customer: int | str) -> Counter[str]:
    """What a search of the exports finds."""
    found: Counter[str] = Counter()
    for _, frame in _exports(folder):
        found["exports"] += frame.filter(_is(frame.schema, customer)).height
    return +found


def _parquet(root: UPath) -> Iterator[UPath]:
    if root.exists():
        # A temporary file belongs to a writer at work, who filters by itself.
        yield from (path for path in sorted(root.rglob("*.parquet"), key=str) if not path.name.startswith("."))


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
