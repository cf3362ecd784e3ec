"""Backup, restore into an empty server, and upgrade, by the commands of docs/operations.md."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ml_assets.contract.migrate import delivered
from ml_assets.database.embedded.server import psql_path, start_embedded
from ml_assets_tests.cli.shops import Shop, running_shop
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.contract.before_baseline.restore import restore

DOCUMENT = Path(__file__).parents[2] / "docs/operations.md"
LISTS = "SELECT customer_id, placement, rank, item_id, release_id FROM ml.recommendations ORDER BY 1, 2, 3"
DEFINITIONS = """
    SELECT n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner),
        (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(coalesce(c.relacl,
            acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))) AS a)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('ml', 'ml_store', 'ml_meta') ORDER BY 1, 2
"""


def commands_under(heading: str) -> str:
    """The last block of commands below a heading, without those that fetch or install."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    block = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[-1]
    return str(re.sub(r"(?m)^(git|make) .*\n", "", block))


def follow(heading: str, folder: Path, url: str) -> str:
    """Type the commands of the document in a folder."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    own = programs / "ml-assets"
    own.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from ml_assets.cli.main import main; main()' \"$@\"\n")
    own.chmod(0o755)
    environment = {**os.environ, "DATABASE_URL": url, "PATH": f"{programs}:{psql_path().parent}:{os.environ['PATH']}"}
    script = f"set -e\n{commands_under(heading)}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    # Old days are stale, which status says with 2.
    assert done.returncode in (0, 2), done.stderr
    return done.stdout


@pytest.fixture
def shop(embedded_url: str, tmp_path: Path) -> Iterator[Shop]:
    with running_shop(embedded_url, tmp_path, "backup_shop") as running:
        text = running.config.read_text().replace("name: books\n", "")
        running.config = running.config.rename(running.config.with_name("ml_assets.yaml"))
        running.config.write_text(text)
        assert running.call("run", "--date", "2024-05-31") == 0
        yield running


def test_what_readers_saw_is_read_again_from_an_empty_server_and_work_goes_on(shop: Shop, tmp_path: Path) -> None:
    folder = shop.config.parent
    follow("Back up", folder, shop.url)
    lists, definitions = shop.rows(LISTS), shop.rows(DEFINITIONS)
    assert lists
    restored = tmp_path / "restored"
    restored.mkdir()
    for name in ("ml_assets.dump", "home.tar.gz", "ml_assets.yaml", "items.csv", "events"):
        (folder / name).rename(restored / name)
    with short_lived_home() as home:
        url = start_embedded(home)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        url = url.replace("/postgres?", "/shop?")
        assert "recommendations" in follow("Restore", restored, url)
        shop.url = os.environ["DATABASE_URL"] = url
        assert shop.rows(LISTS) == lists
        assert shop.rows(DEFINITIONS) == definitions
        shop.config = restored / "ml_assets.yaml"
        assert shop.call("run", "--date", "2024-05-31", "--accept-source") == 0
        assert shop.rows(LISTS)[0][-1] > lists[0][-1]


def test_an_upgrade_brings_what_an_older_version_served_to_this_one(postgres_url: str, tmp_path: Path) -> None:
    restore(postgres_url, "integer")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        lists = connection.execute(LISTS).fetchall()
        assert lists
        assert "recommendations" in follow("Upgrade", tmp_path, postgres_url)
        assert connection.execute(LISTS).fetchall() == lists
        newest = connection.execute("SELECT count(*) FROM ml_meta.objects").fetchone()
        assert newest == (len(delivered().objects),)
