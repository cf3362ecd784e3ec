"""Damaged files, lost folders and full disks: one message that says what to do, and doing that is enough."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from ml_assets_tests.cli.shops import Shop, running_shop
from ml_assets_tests.small_disk import fill, give_to_server, mounted

DAY = date(2024, 5, 31)
RUN = ("run", "--date", DAY.isoformat())
EVALUATE = ("evaluate", "--cutoff", "2024-05-20", "--horizon", "7")


@pytest.fixture(scope="module")
def disk() -> Iterator[Path | None]:
    """A file system of its own for the database."""
    with mounted(100) as folder:
        yield folder


@pytest.fixture(scope="module")
def shop(embedded_url: str, disk: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose last day has been run."""
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        if disk:
            give_to_server(disk, connection)
            connection.execute(f"CREATE TABLESPACE damage LOCATION '{disk}'")
    folder = tmp_path_factory.mktemp("damage")
    with running_shop(embedded_url, folder, "damage", tablespace="damage" if disk else "pg_default") as made:
        assert made.call(*RUN) == 0
        yield made
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("DROP TABLESPACE IF EXISTS damage")


@pytest.fixture
def lake(shop: Shop) -> Path:
    return shop.home / "lake" / "books"


def refused(shop: Shop, capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a command that fails."""
    capfd.readouterr()
    assert shop.call(*arguments) == 1
    output = "".join(capfd.readouterr())
    assert output.count("Error:") == 1, output
    for unwanted in ("Traceback", "sqlalche.me", "[SQL", "unforeseen"):
        assert unwanted not in output
    return output


def cut_short(path: Path) -> None:
    os.truncate(path, 300)


def half_written(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed_within(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60:360] = bytes(300)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [half_written, Path.unlink])
def test_a_lost_memory_of_the_source_is_made_again_as_it_was(
    shop: Shop, capfd: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    file, older = shop.home / "source-books.json", shop.home.parent / "events" / "part-0.parquet"
    known, kept = file.read_text(), older.rename(shop.home.parent / "kept")
    try:
        damage(file)
        capfd.readouterr()
        # The files of the first month are gone as well: the days of the shop stay what they were.
        assert shop.call(*RUN) == 0
        output = "".join(capfd.readouterr())
    finally:
        kept.rename(older)
    assert output.count(f"{file} is damaged") == (0 if damage is Path.unlink else 1)
    assert json.loads(file.read_text()) == json.loads(known)


@pytest.mark.parametrize("damage", [cut_short, changed_within])
def test_a_damaged_file_of_the_lake_is_named_with_what_makes_it_again(
    shop: Shop, lake: Path, capfd: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    file = lake / "transactions" / "2024-05-10.parquet"
    damage(file)
    for arguments in (RUN, EVALUATE):
        message = refused(shop, capfd, *arguments)
        assert f"{file} of the lake is damaged" in message
        assert "Remove it; `ml-assets run` then" in message
    file.unlink()
    assert shop.call(*RUN) == 0
    assert file.exists()


def test_a_damaged_model_is_trained_again(shop: Shop, lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for kind in ("recommender", "customer_value"):
        (arrays,) = lake.glob(f"models/{kind}/*/arrays-*.npz")
        content = arrays.read_bytes()
        cut_short(arrays)
        capfd.readouterr()
        assert shop.call(*RUN) == 0
        said = " ".join(capfd.readouterr().err.split())
        assert f"The model in {arrays.parent} is damaged" in said
        assert "training the models of week 2024-05-27" in said
        assert arrays.read_bytes() == content


def test_the_models_of_a_week_are_trained_on_demand(shop: Shop, lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("train", "--week", "2024-05-22") == 0
    assert "Trained the models of week 2024-05-20." in capfd.readouterr().out
    assert len(list(lake.glob("models/recommender/*/card.json"))) == 2
    message = refused(shop, capfd, "train", "--week", "2023-05-22")
    assert "Choose a week from 2024-04-08 to 2024-05-27." in message


def test_a_lake_that_is_not_mounted_is_not_taken_for_an_empty_one(
    shop: Shop, lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere = lake.with_name("unmounted")
    lake.rename(elsewhere)
    try:
        assert "is empty, but 61 days from 2024-04-01 to 2024-05-31" in refused(shop, capfd, *RUN)
        assert not (lake / "transactions").exists()
        assert shop.call(*RUN, "--rebuild-lake") == 0
        assert len(list((lake / "transactions").iterdir())) == 61
    finally:
        shutil.rmtree(lake, ignore_errors=True)
        elsewhere.rename(lake)


@pytest.mark.parametrize(("left", "sessions_begin"), [(0, True), (0, False), (100_000, True)])
def test_a_full_disk_of_the_database_is_told_and_room_is_enough_to_go_on(
    shop: Shop, disk: Path | None, capfd: pytest.CaptureFixture[str], left: int, *, sessions_begin: bool
) -> None:
    if disk is None:
        pytest.skip("a small file system cannot be mounted here (needs root and the right to mount)")
    if not sessions_begin:
        # The first session after it is gone, which may be any one, writes it anew.
        for cache in list(disk.rglob("pg_internal.init")):
            cache.unlink()
    filler = fill(disk, but=left)
    try:
        message = refused(shop, capfd, *RUN)
    finally:
        filler.unlink()
    assert "The database has no space left on its disk: could not " in message
    assert shop.rows("SELECT DISTINCT data_as_of FROM books_ml.recommendations") == [(DAY,)]
    assert shop.call(*RUN) == 0


def test_books_changed_by_hand_are_named(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    def change(statement: str) -> None:
        with psycopg.connect(shop.url, autocommit=True) as connection:
            connection.execute(statement)

    change("UPDATE books_ml_meta.objects SET version = 'banana'")
    assert shop.call("status") in (0, 2)
    change("CREATE TABLE kept AS TABLE books_ml_meta.shop")
    change("DELETE FROM books_ml_meta.shop")
    for arguments in (["status"], RUN):
        assert "somebody has changed it by hand" in refused(shop, capfd, *arguments)
    change("INSERT INTO books_ml_meta.shop SELECT * FROM kept")
    change("ALTER TABLE books_ml_meta.releases RENAME COLUMN gates TO doors")
    assert "gates" in refused(shop, capfd, *RUN)
    change("ALTER TABLE books_ml_meta.releases RENAME COLUMN doors TO gates")
