"""A Spark session by the settings: what has to be there is looked at first, and every wait has an end.

Errors name what is missing and where. What is computed in a session belongs to `ranking.py`.
"""

import importlib.util
import os
import re
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from importlib import metadata
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ml_assets.errors import PassingError, UserError
from ml_assets.settings.compute import ComputeSettings
from ml_assets.settings.durations import plain_duration
from ml_assets.spark.background import in_background
from ml_assets.spark.java import find_java
from ml_assets.waiting import waiting_for

DEFAULTS: Mapping[str, str] = {
    "spark.app.name": "ml_assets",
    # Lists come to the driver, which has room for all of them as without Spark.
    "spark.driver.maxResultSize": "0",
    # A web server on all addresses of the machine, in the middle of a step.
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
"""Properties that `compute.conf` has the last word on."""
ALIKE = ("ml_assets", "numpy", "polars")
"""Packages whose versions must be the same where lists are ranked."""
Session = Any
"""A `pyspark.sql.SparkSession`, which is not there without the extra."""
T = TypeVar("T")
PYTHON_ERROR = re.compile(r"(?!java\.|org\.|scala\.)[\w.]+(Error|Exception): .")
FAILED_TASK = re.compile(r"most recent failure: Lost task .*? \(TID \d+\) \([^)]*\): (.+)")


def require_package() -> str:
    """The version of pyspark; raises `UserError` where it is not installed."""
    if importlib.util.find_spec("pyspark") is None:
        raise UserError(
            "compute.kind is spark, but the package pyspark is not installed.",
            "Install it: pip install 'ml-assets[spark]' (in the containers: EXTRAS=spark in docker/.env).",
            code="settings.wrong",
        )
    return metadata.version("pyspark")


def open_session(settings: ComputeSettings) -> Session:
    """A session whose executors have answered.

    Raises `UserError` where Java or the package is missing here, or the executors cannot rank; `PassingError` where the
    master does not answer within `settings.wait`, or gives no executor.
    """
    require_package()
    find_java()
    deadline = monotonic() + settings.wait.total_seconds()
    _reach(settings, deadline)
    session = _started(settings, deadline)
    try:
        _require_alike(settings, session, deadline)
    except BaseException:
        session.stop()
        raise
    return session


def spark_errors() -> tuple[type[Exception], ...]:
    """What calls into Spark raise."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 of an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 of an extra

    return PySparkException, Py4JError


def last_words(error: BaseException) -> str:
    """What an error of Spark comes to: its error of Python, else why a task failed, else its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    python = [line for line in lines if PYTHON_ERROR.match(line)]
    tasks = [found[1] for line in lines if (found := FAILED_TASK.search(line))]
    words = python[-1:] or tasks[-1:] or lines[:1] or [type(error).__name__]
    return words[0][:500]


@contextmanager
def without_pandas_warnings() -> Iterator[None]:
    """PySpark warns of a pandas newer than it knows; no pandas frame is made here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        yield


def _reach(settings: ComputeSettings, deadline: float) -> None:
    """Wait until the master accepts connections, where it has an address."""
    places = _places(settings.master or "")
    if not places:
        return
    with waiting_for(f"the Spark master {settings.master}"):
        while True:
            error = None
            for place in places:
                try:
                    socket.create_connection(place, timeout=max(0.1, min(5.0, deadline - monotonic()))).close()
                except OSError as refused:
                    error = refused
                else:
                    return
            if monotonic() + 1 >= deadline:
                raise _unreachable(settings, f"does not answer: {error}") from None
            sleep(1)


def _places(master: str) -> list[tuple[str, int]]:
    """Host and port of each master; none where it is found otherwise."""
    kind, _, rest = master.partition("://")
    if kind == "spark":
        # Of several, which stand by for each other, one is enough.
        return [(host.strip("[]"), int(port)) for host, _, port in (one.rpartition(":") for one in rest.split(","))]
    if kind == "k8s":
        url = urlsplit(rest if "://" in rest else f"https://{rest}")
        return [(url.hostname or "", url.port or (80 if url.scheme == "http" else 443))]
    return []


def _started(settings: ComputeSettings, deadline: float) -> Session:
    with without_pandas_warnings():
        from pyspark.sql import SparkSession  # noqa: PLC0415 of an extra

        conf = {**DEFAULTS, **_local(settings), **settings.conf}
        # The same Python on the executors, unless something says otherwise.
        python = conf.pop("spark.pyspark.python", os.environ.get("PYSPARK_PYTHON", sys.executable))
        builder = SparkSession.builder.master(settings.master)
        for name, value in conf.items():
            builder = builder.config(name, value)
        try:
            with _python_of_executors(python):
                return _within(settings, deadline, in_background(builder.getOrCreate), "starts no application")
        except spark_errors() as error:
            raise _unreachable(settings, f"started no application: {last_words(error)}") from error


@contextmanager
def _python_of_executors(path: str) -> Iterator[None]:
    """Sessions that are opened in this block use it; pyspark reads it from the environment alone."""
    before = os.environ.get("PYSPARK_PYTHON")
    os.environ["PYSPARK_PYTHON"] = path
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYSPARK_PYTHON"]
        else:
            os.environ["PYSPARK_PYTHON"] = before


def _local(settings: ComputeSettings) -> dict[str, str]:
    """Without a cluster nobody else has to reach the driver."""
    address = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return address if (settings.master or "").startswith("local") else {}


def _require_alike(settings: ComputeSettings, session: Session, deadline: float) -> None:
    """Ask an executor which versions it has."""
    here = versions()
    try:
        with without_pandas_warnings():
            asked = session.range(0, 1, 1, 1).mapInArrow(_tell_versions, "name string, version string")
            found = _within(settings, deadline, in_background(asked.toArrow), "gave no executor").to_pylist()
    except spark_errors() as error:
        raise _unfit(settings, last_words(error)) from error
    there = {row["name"]: row["version"] for row in found}
    if other := [f"{name} {there.get(name)} and not {here[name]}" for name in ALIKE if there.get(name) != here[name]]:
        raise _unfit(settings, f"they have {', '.join(other)}")


def versions() -> dict[str, str]:
    """The versions of this process."""
    return {name: metadata.version(name) for name in ALIKE}


def _tell_versions(batches: Iterator[Any]) -> Iterator[Any]:
    """The versions of an executor."""
    import pyarrow as pa  # noqa: PLC0415 of an extra

    for _ in batches:
        yield pa.RecordBatch.from_pylist([{"name": name, "version": version} for name, version in versions().items()])


def _within(settings: ComputeSettings, deadline: float, future: Future[T], fault: str) -> T:
    """The result; raises `PassingError` where it has not come by then."""
    with waiting_for(f"Spark at {settings.master}, which {fault} so far"):
        try:
            return future.result(max(0.0, deadline - monotonic()))
        except TimeoutError:
            raise _unreachable(settings, fault) from None


def _unreachable(settings: ComputeSettings, fault: str) -> PassingError:
    waited = plain_duration(settings.wait)
    return PassingError(
        f"Spark's master {settings.master} (compute.master) {fault}; it was waited for {waited} (compute.wait).",
        "Look at the master's page: it must be up, with workers that have the free cores and memory that compute.conf "
        "asks for. compute.kind: embedded ranks without Spark.",
        code="compute.unreachable",
    )


def _unfit(settings: ComputeSettings, fault: str) -> UserError:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return UserError(
        f"The executors of {settings.master} cannot rank: {fault}.",
        f"Install the same ml-assets as here there, for Python {python}, and name that Python in "
        "compute.conf as spark.pyspark.python (docs/spark.md).",
        code="settings.wrong",
    )
