"""Orders and the lake in an object store: a real server that speaks S3, on loopback."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from upath import UPath

from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.files import Files
from ml_assets_tests.refused import refused

DAY = date(2026, 9, 1)
LINES = "customer_id,item_id,occurred_at,name\n1,a,2026-09-01 10:00,Crème\n2,b,2026-09-01 11:00,Brûlée\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with a bucket `shop`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> UPath:
    """A folder of its own in the bucket, reachable by the usual variables."""
    variables = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    UPath("s3://shop").mkdir(exist_ok=True, parents=True)
    return UPath(f"s3://shop/{tmp_path.name}")


def source(tmp_path: Path, events: str, **more: Any) -> Files:
    columns = {"item_name": "name"}
    chosen = FilesSource.model_validate({"kind": "files", "events": events, "columns": columns, **more})
    return Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=date(2026, 12, 31))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_csv_of_any_encoding_is_read_from_a_bucket(tmp_path: Path, bucket: UPath, encoding: str) -> None:
    (bucket / "2026/orders.csv").write_bytes(LINES.encode(encoding))
    files = source(tmp_path, f"{bucket}/**/*.csv")
    assert files.read_lines(DAY, DAY)["customer_id"].to_list() == [1, 2]
    assert files.read_items()["item_name"].to_list() == ["Crème", "Brûlée"]
    assert None not in files.pieces().values()


def test_parquet_and_folders_are_read_from_a_bucket(tmp_path: Path, bucket: UPath) -> None:
    for name in ("day=2026-09-01", "day=2026-09-02"):
        frame = pl.read_csv(LINES.encode(), infer_schema=False)
        frame.write_parquet(tmp_path / "part.parquet")
        (bucket / f"orders/{name}/part.parquet").write_bytes((tmp_path / "part.parquet").read_bytes())
    assert source(tmp_path, str(bucket / "orders")).read_lines(DAY, DAY).height == 4


def test_the_lake_lies_in_a_bucket_as_it_does_in_a_folder(bucket: UPath) -> None:
    lake = Lake(str(bucket / "lake"))
    lake.write("features", pl.DataFrame({"x": [1, 2]}), DAY)
    assert lake.partitions("features") == ["2026-09-01"]
    assert pl.read_parquet(str(lake.path("features", DAY)))["x"].to_list() == [1, 2]


def test_an_empty_place_and_a_bucket_that_is_not_there_are_named(tmp_path: Path, bucket: UPath) -> None:
    with refused("source.unreadable", f"no CSV, Parquet, Arrow, NDJSON or Excel file is found at {bucket}/none"):
        source(tmp_path, f"{bucket}/none/*.csv").days()
    with refused("source.unreadable", "s3://no-such-bucket"):
        source(tmp_path, "s3://no-such-bucket/orders/*.csv").days()


def test_a_store_whose_package_is_not_installed_is_told_with_the_extra(tmp_path: Path) -> None:
    with refused("source.unreadable", "no way to reach gs:// here") as error:
        source(tmp_path, "gs://shop/orders/*.csv").days()
    assert "ml-assets[gcs]" in error.value.next_step
    with refused("source.unreadable", "no way to reach gs:// here"):
        Lake("gs://shop/lake")
