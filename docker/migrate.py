"""Brings the database to the version of this image: the schemas of every shop, and an empty schema for Dagster.

Runs once, before anything else of a deployment; Dagster's own tables are then made by `dagster instance migrate`.
Arguments: the settings files of the shops.
"""

import sys
from pathlib import Path

from ml_assets.cli.console import print_error
from ml_assets.dagster.database import ServingDatabase
from ml_assets.database.connection import sqlalchemy_url
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source


def main(files: list[str]) -> int:
    """Migrate the database of each shop; the exit code."""
    try:
        for file in files:
            settings = load_settings(Path(file))
            with ServingDatabase(settings, build_source(settings)).connect() as connection:
                print(f"{file}: database {connection.info.dbname} is up to date.")
            sqlalchemy_url(settings)  # creates the schema
    except UserError as error:
        print_error(error.problem, error.next_step)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
