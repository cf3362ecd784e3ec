"""Disks that are full, read-only or gone: one message, nothing lost, and the same command ends it afterwards."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_assets_tests.small_disk import mounted
from ml_assets_tests.torture.outcome import Outcome
from ml_assets_tests.torture.readers import watching
from ml_assets_tests.torture.shop import DAY, Done, Shop

ROOM = 2  # MB beyond what the lake has


@contextmanager
def _lake_on_small_disk(shop: Shop) -> Iterator[Path]:
    """The shop's lake on a disk of its own for a `with` block; the folder of the disk."""
    size = sum(path.stat().st_size + 4096 for path in shop.lake.rglob("*")) // 1_000_000
    with mounted(size + ROOM) as disk:
        if disk is None:
            raise RuntimeError("no file system can be mounted here (needs root and the right to mount)")
        shutil.copytree(shop.home / "lake", disk, dirs_exist_ok=True)
        before = dict(shop.environment)
        shop.environment["ML_ASSETS_LAKE"] = str(disk)
        try:
            yield disk
        finally:
            shop.environment = before


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb") as file:
        for size in (1 << 16, 4096):
            while shutil.disk_usage(disk).free >= size:
                file.write(b"x" * size)
                file.flush()
    return filler


def _refused(outcome: Outcome, done: Done, *words: str) -> None:
    """One message that says what is wrong, and no success."""
    if done.code == 0 or done.has_traceback or not all(word in done.err for word in words):
        outcome.wrong("hands", f"exit {done.code} without {words}: {done.err[-2000:]}")


def lake_full(shop: Shop, tries: int) -> Outcome:
    """No room for a single file, in a run and in an erasure."""
    outcome = Outcome("disk of the lake full")
    with watching(shop.url, shop.customers, outcome), _lake_on_small_disk(shop) as disk:
        for number in range(tries):
            with outcome.attempt():
                filler = _fill(disk)
                if number % 2:
                    person = shop.spare[0]
                    _refused(outcome, shop.call("erase", "--customer", person), "No space left", ".parquet")
                    filler.unlink()
                    done = shop.call("erase", "--customer", person, "--verify")
                    if done.code:
                        said = f"{done.out[-1500:]} {done.err[-1500:]}"
                        outcome.wrong("hands", f"erasing again: exit {done.code}: {said}")
                else:
                    _refused(outcome, shop.call("run", "--date", DAY), "No space left", ".parquet")
                    filler.unlink()
                shop.mend(outcome)
    return outcome


def lake_read_only(shop: Shop, tries: int) -> Outcome:
    """The lake's disk is mounted read-only, as after an error of the file system."""
    outcome = Outcome("lake read-only")
    with watching(shop.url, shop.customers, outcome), _lake_on_small_disk(shop) as disk:
        for _ in range(tries):
            with outcome.attempt():
                _remount(disk, "ro")
                try:
                    _refused(outcome, shop.call("run", "--date", DAY), "Read-only file system")
                finally:
                    _remount(disk, "rw")
                shop.mend(outcome)
    return outcome


def lake_lost(shop: Shop, tries: int) -> Outcome:
    """The lake is an empty folder, as when its disk was not mounted; then it is back."""
    outcome = Outcome("lake not mounted")
    away = shop.home / "lake.away"
    with watching(shop.url, shop.customers, outcome):
        for _ in range(tries):
            with outcome.attempt():
                (shop.home / "lake").rename(away)
                try:
                    (shop.home / "lake").mkdir()
                    _refused(outcome, shop.call("run", "--date", DAY), "lake")
                finally:
                    shutil.rmtree(shop.home / "lake")
                    away.rename(shop.home / "lake")
                shop.mend(outcome)
    return outcome


def database_full(shop: Shop, tries: int) -> Outcome:
    """No room for the database: its server may stop, the run says so in one message."""
    outcome = Outcome("disk of the database full")
    _stop(shop)
    data = shop.home / "postgres"
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) // 1_000_000
    with mounted(size + 64) as disk:
        if disk is None:
            raise RuntimeError("no file system can be mounted here (needs root and the right to mount)")
        away = shop.home / "postgres.away"
        subprocess.run(["cp", "-a", str(data), str(disk / "postgres")], check=True)
        data.rename(away)
        data.symlink_to(disk / "postgres")
        try:
            with watching(shop.url, shop.customers, outcome) as watch:
                for _ in range(tries):
                    with outcome.attempt():
                        filler = _fill(disk)
                        watch.is_down = True
                        done = shop.call("run", "--date", DAY)
                        filler.unlink()
                        _refused(outcome, done)
                        if len(done.err) > 2000:
                            outcome.wrong("hands", f"a message of {len(done.err)} characters: {done.err[:3000]}")
                        _ = shop.url
                        shop.mend(outcome)
                        watch.is_down = False
            _stop(shop)
        finally:
            data.unlink()
            away.rename(data)
    return outcome


def _stop(shop: Shop) -> None:
    from ml_assets.database.embedded.server import stop_embedded

    stop_embedded(shop.home)


def _remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk.parent)], check=True)
