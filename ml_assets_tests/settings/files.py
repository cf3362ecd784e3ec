"""Settings files for tests."""

from pathlib import Path


def write(text: str, name: str = "ml_assets.yaml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path
