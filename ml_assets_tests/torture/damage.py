"""Files that are truncated, emptied, overwritten or gone: the run mends it, or names the command that does."""

import itertools
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ml_assets_tests.torture.outcome import Outcome
from ml_assets_tests.torture.readers import watching
from ml_assets_tests.torture.shop import DAY, Done, Shop

COMMAND = re.compile(r"`ml-assets ([a-z]+[^`]*)`")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _overwrite(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


HARMS: tuple[Callable[[Path], None], ...] = (_truncate, _empty, _overwrite, Path.unlink)


def _victims(shop: Shop) -> list[tuple[Path, bool]]:
    """A file of every kind, and whether it is the shop's own, which nothing but the shop can mend."""
    lake = shop.lake
    assets = ("transactions", "quarantined_transactions", "interactions", "customer_features", "recommendations")
    model = next((lake / "models" / "recommender").iterdir())
    return [
        *((lake / asset / f"{DAY}.parquet", False) for asset in assets),
        (lake / "transactions" / "2024-05-10.parquet", False),
        (lake / "items.parquet", False),
        (model / "card.json", False),
        (next(model.glob("*.npz")), False),
        (next((lake / "models" / "segmentation").rglob("*.npz")), False),
        (next((lake / "models" / "customer_value").rglob("*.npz")), False),
        (shop.home / "source-books.json", False),
        (shop.home / "dagster" / "dagster.yaml", False),
        (shop.folder / "events" / "part-1.parquet", True),
        (shop.folder / "items.csv", True),
    ]


def files_damaged(shop: Shop, tries: int) -> Outcome:
    """Every kind of file, harmed in every way."""
    outcome = Outcome("damaged files of each kind")
    pairs = itertools.cycle(zip(_victims(shop) * len(HARMS), itertools.cycle(HARMS), strict=False))
    with watching(shop.url, shop.customers, outcome):
        for (path, is_the_shops), harm in itertools.islice(pairs, tries):
            with outcome.attempt():
                kept, wrong = shop.folder / "kept", len(outcome.notes)
                shutil.copy2(path, kept)
                harm(path)
                done = shop.call("run", "--date", DAY)
                what = f"{path.relative_to(shop.folder)} {harm.__name__}"
                if done.code:
                    _told(outcome, done, what, path)
                    if is_the_shops:
                        shutil.copy2(kept, path)
                    else:
                        _do_what_it_says(shop, outcome, done, path)
                elif is_the_shops:
                    shutil.copy2(kept, path)
                shop.mend(outcome)
                if not path.exists() or len(outcome.notes) > wrong:
                    # So that one that nothing mended is not told of all that follow.
                    shutil.copy2(kept, path)
                kept.unlink()
    return outcome


def _told(outcome: Outcome, done: Done, what: str, path: Path) -> None:
    if done.has_traceback or path.name not in done.err:
        outcome.wrong("hands", f"{what}: exit {done.code} does not name it: {done.err[-1500:]}")


def _do_what_it_says(shop: Shop, outcome: Outcome, done: Done, path: Path) -> None:
    """Remove the file where the message says so, and give the commands it names, but for those that only show."""
    if is_removed := re.search(r"(Remove|Delete) it", done.err) is not None:
        path.unlink(missing_ok=True)
    said = [words for words in COMMAND.findall(done.err) if words.split()[0] not in ("ui", "status", "releases")]
    if not said and not is_removed:
        outcome.wrong("hands", f"{path}: no command mends it: {done.err[-1500:]}")
    for words in said[:2]:
        shop.call(*words.split())
