"""What killed writers left in the files of a shop: nobody reads it, and it may hold customers who are erased later.

Finding and removing it belongs here; how it is told from files in use, in `whole_files.py`.
"""

from pathlib import Path

from ml_assets.settings.shop import Settings
from ml_assets.whole_files import remove_abandoned


def remove_unfinished(settings: Settings) -> list[Path]:
    """Remove the temporary files of killed writers in the lake, the exports and the home folder; returns them."""
    lake = Path(settings.lake) if settings.lake else settings.home / "lake"
    # An object store shows nothing before it is whole.
    folders = [exports_folder(settings)] if "://" in (settings.lake or "") else [lake, exports_folder(settings)]
    found = [path for folder in dict.fromkeys(folders) for path in remove_abandoned(folder)]
    return found + remove_abandoned(settings.home, deep=False)


def exports_folder(settings: Settings) -> Path:
    """Where `ml-assets export` writes; shops that share a home have one each."""
    folder = settings.serving.exports
    return Path(folder) if folder else settings.home / (f"exports-{settings.name}" if settings.name else "exports")
