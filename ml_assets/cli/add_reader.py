"""`ml-assets add-reader`: a login for an application that reads, with limits."""

from datetime import timedelta
from typing import Annotated

import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.contract.logins import Limits, add_reader, in_words
from ml_assets.settings.read.load import load_settings


def add_reader_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the login, such as shop.")],
    connections: Annotated[int, typer.Option(min=1, max=10_000, help="Connections at once, at most.")] = 40,
    seconds: Annotated[int, typer.Option(min=1, max=86_400, help="For one statement, at most.")] = 10,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Make a login that may read the schema ml and nothing else, with a limit of connections and timeouts.

    Its password is made up, and shown this once.
    """
    limits = Limits(connections, timedelta(seconds=seconds))
    with shop_database(load_settings(config)) as connection:
        password = add_reader(connection, name, limits)
    if emit({"name": name, "password": password}, as_json):
        return 0
    OUT.print(f"{name} may read; {in_words(limits)}.")
    OUT.print(f"Its password, which is kept nowhere: {password}", soft_wrap=True, highlight=False)
    return 0
