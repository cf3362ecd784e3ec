"""Codes of errors: documented, used, and told to scripts."""

import json
import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from ml_assets.cli import app as command
from ml_assets.errors import Code

ROOT = Path(__file__).parents[1]


def test_every_code_is_documented_and_used() -> None:
    documented = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", (ROOT / "docs/errors.md").read_text("utf-8"), re.MULTILINE)
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "ml_assets").rglob("*.py"))
    assert tuple(documented) == get_args(Code)
    assert set(re.findall(r'code="([^"]+)"', sources)) == set(documented)


@pytest.mark.parametrize(("arguments", "code"), [(["--wrong"], "usage.wrong"), ([], "settings.wrong")])
def test_with_json_an_error_is_json_too(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ml_assets.yaml").write_text("colour: red")
    for more in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["ml-assets", "status", *arguments, *more])
        assert command.exit_code() == 1
        shown = capfd.readouterr()
        assert shown.err.count("Error:") == 1
        if more:
            error = json.loads(shown.out)["error"]
            assert (error["code"], error["problem"] in shown.err, error["next_step"] in shown.err) == (code, True, True)
        else:
            assert shown.out == ""
