"""Commands called in the process of the tests."""

import sys
from collections.abc import Callable

import pytest

from ml_assets.cli import app as command

Run = Callable[..., tuple[int, str, str]]


def caller(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """What runs `ml-assets ...`: exit code, output, errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ml-assets", *arguments])
        code = command.exit_code()
        return code, *capfd.readouterr()

    return call


def caller_in_words(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The same, with single blanks between words, wherever lines were broken."""
    call = caller(monkeypatch, capfd)

    def called(*arguments: str) -> tuple[int, str, str]:
        code, *texts = call(*arguments)
        said, error = (" ".join(text.split()) for text in texts)
        return code, said, error

    return called
