"""`ml-assets prune`: free the space of what nobody needs any more, now; and what `ml-assets status` says of it."""

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.database.connection import ServingConnection
from ml_assets.database.orphaned_files import OrphanedFile, orphaned_files, remove_orphaned_files
from ml_assets.releases.space import RetiredRelease, drop_now, megabytes, retired_releases
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

SHOWN = 5


def prune(as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """Drop retired releases now instead of ten minutes after they were replaced, and say how much that freed.

    Live, pinned, ready and blocked releases stay, and so do retired ones that an open transaction may still read. Of
    the embedded PostgreSQL, files that its crashes orphaned go too.
    """
    settings = load_settings(config)
    with shop_database(settings) as connection:
        dropped, in_use = drop_now(connection)
        files = [] if settings.database_url else remove_orphaned_files(connection, settings.home / "postgres")
        left = orphaned_files(connection)
    if emit({"dropped": dropped, "in_use": in_use, "removed_files": files, "orphaned_files": left}, as_json):
        return 0
    OUT.print(f"Dropped {_releases(dropped)}." if dropped else "No retired release was there to drop.")
    if in_use:
        OUT.print(f"Open transactions still read {_releases(in_use)}; the next run drops what they let go.")
    if files:
        OUT.print(f"Removed {_files(files)} that crashes of PostgreSQL left.")
    if left:
        show_orphaned(left, settings, connection)
    next_commands(config, ("ml-assets releases", "what is left"))
    return 0


def show_space(connection: ServingConnection, settings: Settings) -> None:
    """Print what could be freed, where there is anything."""
    if retired := retired_releases(connection):
        OUT.print(f"{_releases(retired)} wait to be dropped; `ml-assets prune` drops them now.\n".capitalize())
    show_orphaned(orphaned_files(connection), settings, connection)


def show_orphaned(files: list[OrphanedFile] | None, settings: Settings, connection: ServingConnection) -> None:
    """Name files of no table, or say that they cannot be seen."""
    if files is None:
        OUT.print(
            f"[dim]Files that crashes of PostgreSQL orphaned cannot be seen by {connection.info.user}: GRANT "
            "pg_read_all_stats and EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean) "
            "to it.[/dim]\n"
        )
    elif files:
        names = ", ".join(file.path for file in files[:SHOWN]) + (", ..." if len(files) > SHOWN else "")
        step = (
            "with the server stopped, an administrator can delete them"
            if settings.database_url
            else "`ml-assets prune` removes them"
        )
        OUT.print(f"Crashes of PostgreSQL left {_files(files)} that belong to no table: {names}; {step}.\n")


def _releases(releases: list[RetiredRelease]) -> str:
    words = "1 retired release" if len(releases) == 1 else f"{len(releases)} retired releases"
    return f"{words} ({megabytes([release.size for release in releases])})"


def _files(files: list[OrphanedFile]) -> str:
    words = "1 file" if len(files) == 1 else f"{len(files)} files"
    return f"{words} ({megabytes([file.size for file in files])})"
