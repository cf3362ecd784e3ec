"""What can be wrong: the vocabulary between those who look (collectors) and those who tell.

A finding is a statement about one moment. What becomes of it over time is in `incident.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ml_assets.settings.alerts import Kind

Severity = Literal["warning", "error"]
RANK: dict[Severity, int] = {"warning": 0, "error": 1}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now."""

    subject: str
    """What is affected: a table, a model, a job, a channel."""
    cause: str
    """What is wrong with it; the name of its runbook section, with a detail after a colon: `check:is_dense`."""
    kind: Kind
    severity: Severity
    collector: str
    """Which collector saw it."""
    summary: str
    """One full sentence, without secrets."""
    next_step: str
    """The command to run next."""

    @property
    def key(self) -> str:
        """What makes it the same incident tomorrow."""
        return f"{self.subject}/{self.cause}"


@dataclass(frozen=True)
class Collected:
    """What some collectors saw; an incident of a collector that did not look is left as it is."""

    findings: tuple[Finding, ...] = ()
    collectors: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, findings: Iterable[Finding], *collectors: str) -> "Collected":
        """Findings of collectors that looked everywhere they should."""
        return cls(tuple(findings), frozenset(collectors))

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(self.findings + other.findings, self.collectors | other.collectors)


def worst(severities: Iterable[Severity]) -> Severity:
    """The most severe one."""
    return max(severities, key=RANK.__getitem__)
