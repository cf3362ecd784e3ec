"""Where lists are ranked, where that is elsewhere: the doctor opens a session, and an executor answers."""

from collections.abc import Iterator

from ml_assets.cli.doctor.finding import Finding, findings
from ml_assets.settings.compute import ComputeSettings
from ml_assets.spark.java import find_java
from ml_assets.spark.session import open_session, require_package

ABOUT = "compute"


def look_at_compute(settings: ComputeSettings) -> Iterator[Finding]:
    """Nothing where lists are ranked in the process of the run."""
    if settings.kind == "spark":
        yield from findings(ABOUT, lambda: _spark(settings))


def _spark(settings: ComputeSettings) -> Iterator[Finding]:
    package, java = require_package(), find_java()
    open_session(settings).stop()
    words = f"Spark {package} on Java {java.version}; the executors of {settings.master} have the same ml-assets."
    yield Finding(ABOUT, "good", words)
