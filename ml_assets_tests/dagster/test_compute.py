"""What stands in the way of Spark is named with its next step, before anything waits for ever."""

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from ml_assets.cli.doctor.compute import look_at_compute
from ml_assets.errors import PassingError
from ml_assets.settings.compute import ComputeSettings
from ml_assets.spark.session import last_words, open_session
from ml_assets.waiting import listening
from ml_assets_tests.refused import refused


def spark_at(master: str, wait: float = 0.5) -> ComputeSettings:
    return ComputeSettings(kind="spark", master=master, wait=timedelta(seconds=wait))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder on Python's path where pyspark can be found, but not imported, and a place for a Java."""
    (tmp_path / "pyspark.py").write_text("raise AssertionError('nothing of Spark is needed yet')")
    facts = tmp_path / "pyspark-4.3.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: pyspark\nVersion: 4.3.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    write_java(tmp_path, 'openjdk version "17.0.15" 2025-04-15')
    return tmp_path


def write_java(home: Path, told: str) -> None:
    """A program that tells a version as Java does."""
    (home / "bin" / "java").write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    (home / "bin" / "java").chmod(0o755)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Bound, so that nobody else takes it, and not listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with refused("settings.wrong", r"pip install 'ml-assets\[spark\]'"):
        open_session(spark_at("local[1]"))


@pytest.mark.parametrize(
    ("told", "version"),
    [('java version "1.8.0_392"', "Java 8"), ('openjdk version "11.0.2" 2019-01-15', "Java 11")],
)
def test_a_java_that_is_too_old_is_named_with_its_version(installed: Path, told: str, version: str) -> None:
    write_java(installed, told)
    with refused("settings.wrong", f"{installed}/bin/java is {version}, and Spark needs 17"):
        open_session(spark_at("local[1]"))


def test_a_java_that_tells_no_version_is_named(installed: Path) -> None:
    write_java(installed, "Error: could not open jvm.cfg")
    with refused("settings.wrong", "does not tell its version: Error: could not open jvm.cfg"):
        open_session(spark_at("local[1]"))


def test_java_is_looked_for_where_spark_looks(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(installed / "gone"))
    monkeypatch.setenv("PATH", f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with refused("settings.wrong", r"no Java in JAVA_HOME \(.*gone\)"):
        open_session(spark_at("local[1]"))
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(installed / "empty"))
    with refused("settings.wrong", "no Java on PATH, and JAVA_HOME is not set"):
        open_session(spark_at("local[1]"))


@pytest.mark.parametrize(
    "master", ["spark://127.0.0.1:{}", "spark://127.0.0.1:{0},127.0.0.1:{0}", "k8s://127.0.0.1:{}"]
)
def test_a_master_that_does_not_answer_is_waited_for_no_longer_than_the_setting(
    installed: Path, closed_port: int, master: str
) -> None:
    with refused("compute.unreachable", r"does not answer: .*refused.* waited for 0.5s \(compute.wait\)") as raised:
        open_session(spark_at(master.format(closed_port)))
    # The master may be up again for the next attempt.
    assert isinstance(raised.value, PassingError)


def test_who_waits_for_a_master_is_told_so(installed: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("ml_assets.waiting.AFTER_SECONDS", 0.1)
    with listening(told.append), refused("compute.unreachable"):
        open_session(spark_at(f"spark://127.0.0.1:{closed_port}", wait=2.0))
    assert told == [f"the Spark master spark://127.0.0.1:{closed_port}", ""]


def test_the_doctor_tells_what_stands_in_the_way(installed: Path, closed_port: int) -> None:
    assert list(look_at_compute(ComputeSettings())) == []
    (found,) = look_at_compute(spark_at(f"spark://127.0.0.1:{closed_port}"))
    assert (found.about, found.level) == ("compute", "error")
    assert "does not answer" in found.words
    assert "compute.kind: embedded" in found.fix


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"kind": "spark"}, "Spark needs a master; set compute.master"),
        ({"master": "http://host:8080"}, "not a master of Spark"),
        ({"master": "spark://host"}, "not a master of Spark"),
        ({"master": "sc://host"}, "cannot be ranked over Spark Connect"),
        ({"conf": {"executor.memory": "8g"}}, "their names begin with `spark.`"),
        ({"conf": {"spark.master": "yarn"}}, "write compute.master"),
    ],
)
def test_settings_that_spark_would_not_understand_are_refused(given: dict[str, object], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        ComputeSettings.model_validate(given)


def test_properties_are_passed_on_as_spark_writes_them() -> None:
    conf = {"spark.task.cpus": 4, "spark.ui.enabled": True, "spark.executor.memory": "8g"}
    read = ComputeSettings.model_validate({"kind": "spark", "master": "yarn", "conf": conf}).conf
    assert read == {"spark.task.cpus": "4", "spark.ui.enabled": "true", "spark.executor.memory": "8g"}


def test_of_an_error_of_an_executor_the_line_that_says_it_is_told() -> None:
    java = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "/opt/worker.py", line 1, in main
    import ml_assets
ModuleNotFoundError: No module named 'ml_assets'

\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:1)
Caused by: java.io.IOException: gone"""
    assert last_words(ValueError(java)) == "ModuleNotFoundError: No module named 'ml_assets'"
    lost = """An error occurred while calling o62.getResult.
: org.apache.spark.SparkException: Exception thrown in awaitResult:
Caused by: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, \
most recent failure: Lost task 0.3 in stage 0.0 (TID 3) (192.0.2.2 executor 0): java.io.IOException: Cannot run program
Caused by: java.io.IOException: error=2, No such file or directory"""
    assert last_words(ValueError(lost)) == "java.io.IOException: Cannot run program"
    assert last_words(ValueError("All masters are unresponsive! Giving up.")).startswith("All masters")
