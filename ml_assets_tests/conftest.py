"""Fixtures that every package of tests shares: one embedded PostgreSQL per session, a fresh database per test."""

import gc
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import hypothesis
import psycopg
import pytest

from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.embedded.server import start_embedded, stop_embedded
from ml_assets.database.names import Schemas
from ml_assets.experiments import register
from ml_assets.ids import IdType
from ml_assets_tests.servers.server import server
from ml_assets_tests.small_disk import mounted

# Databases come and go by the hundred, each some 300 files; on a disk that takes a minute of every run.
MEMORY, ROOM = Path("/dev/shm"), 4 * 1024**3
# Fixture that a test asks for -> fixture with the name of the database that it is a copy of.
SHOPS = {"connection": "integer_shop", "text_connection": "text_shop"}
# These rooms train models, for minutes; the database that they call is tested by the rooms below them.
TRAINING = ("cli", "dagster", "deployment", "spark")
LONG = ("cli", "deployment", "models", "dagster")
"""Rooms of tests that run whole commands, or train."""
SUCCEEDED = pytest.StashKey[bool]()
# A PostgreSQL version; without it the embedded server is tested with. `make test-postgres` sets it.
VERSION = os.environ.get("TEST_POSTGRES")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give every session a folder of its own.

    In those that pytest shares out, every pytest that starts closes all to but its user, while under root servers run
    as another one: two sessions at once would disturb each other.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = tempfile.mkdtemp(prefix="ml_assets_tests-")
        config.add_cleanup(partial(_remove_after_success, config))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Note whether there is something to look at."""
    session.config.stash[SUCCEEDED] = exitstatus == pytest.ExitCode.OK


def _remove_after_success(config: pytest.Config) -> None:
    if config.stash.get(SUCCEEDED, False):
        shutil.rmtree(config.option.basetemp, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what must pass on every PostgreSQL that is promised: tests on the shared server that train nothing."""
    rooms = Path(__file__).parent
    for item in items:
        room = item.path.relative_to(rooms).parts[0]
        if "embedded_url" in getattr(item, "fixturenames", ()) and room not in TRAINING:
            item.add_marker("server")
    # Files with few long tests first: two workers that share files end at the same time then.
    items.sort(key=lambda item: item.path.relative_to(rooms).parts[0] not in LONG)


# No test measures a clock: on a busy machine any example takes long.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Leave the modules alone: walking through all of Dagster again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@contextmanager
def short_lived_home() -> Iterator[Path]:
    """A home for an embedded server, stopped and removed at the end."""
    with short_lived_folder() as home:
        try:
            yield home
        finally:
            stop_embedded(home)


@contextmanager
def short_lived_folder() -> Iterator[Path]:
    """A folder for a server, removed at the end."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="ml_assets_tests-", dir=MEMORY if has_room else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def known_salts() -> Iterator[None]:
    """Every test draws the same customers in every run: of a thousand draws one looks unfair by chance."""
    drawn: Counter[str] = Counter()

    def known() -> str:
        test = os.environ["PYTEST_CURRENT_TEST"]
        drawn[test] += 1
        return sha256(f"{test} {drawn[test]}".encode()).hexdigest()[:32]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register, "new_salt", known)
        yield


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    """The URL of a real server; its database `postgres` stays empty."""
    if VERSION is not None:
        with short_lived_folder() as home, server(int(VERSION), home) as url:
            yield url
        return
    with short_lived_home() as home:
        url = start_embedded(home)
        with psycopg.connect(url, autocommit=True) as connection:
            # Databases that live for one test need not survive a power cut.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def integer_shop(embedded_url: str) -> str:
    """A database with a shop whose ids are integers."""
    return _set_up(embedded_url, "integer_shop", Schemas(), "bigint")


@pytest.fixture(scope="session")
def text_shop(embedded_url: str) -> str:
    """A database with a shop named x whose ids are text."""
    return _set_up(embedded_url, "text_shop", Schemas("x"), "text")


def _set_up(url: str, name: str, schemas: Schemas, ids: IdType) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    with ServingConnection.open(url.replace("/postgres?", f"/{name}?"), schemas) as connection:
        migrate(connection, customer_id_type=ids, item_id_type=ids, source="files")
    return name


@pytest.fixture
def postgres_url(embedded_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database that exists for one test."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    # Where a test wants a shop that is set up, copying one is faster than setting it up.
    shops = [shop for shop in SHOPS if shop in request.fixturenames]
    template = request.getfixturevalue(SHOPS[shops[0]]) if shops else "template0"
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield embedded_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def connection(postgres_url: str) -> Iterator[ServingConnection]:
    """A shop whose ids are integers."""
    with ServingConnection.open(postgres_url, Schemas()) as opened:
        migrate(opened, customer_id_type="bigint", item_id_type="bigint", source="files")
        yield opened


@pytest.fixture
def text_connection(postgres_url: str) -> Iterator[ServingConnection]:
    """A shop named x whose ids are text."""
    with ServingConnection.open(postgres_url, Schemas("x")) as opened:
        migrate(opened, customer_id_type="text", item_id_type="text", source="files")
        yield opened


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a file system of 3 MB that the server may write."""
    with mounted() as folder:
        if folder is None:
            pytest.skip("a small file system cannot be mounted here (needs root and the right to mount)")
        yield folder
