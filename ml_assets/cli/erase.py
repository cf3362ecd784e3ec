"""`ml-assets erase`: remove a person from everything ml_assets keeps."""

from typing import Annotated

import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.settings.read.load import load_settings


def erase(
    customer: Annotated[str, typer.Option("--customer", metavar="ID", help="The shop's own id of the person.")],
    verify: Annotated[bool, typer.Option("--verify", help="Search everything again afterwards.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Remove a person from every release, table, lake file and export, for good; exit code 2 when a search finds any.

    The source of the shop is its own: what is erased here is never loaded from it again.
    """
    from ml_assets.erasure.erase import erase as erase_person  # noqa: PLC0415 Polars imports slowly

    settings = load_settings(config)
    with shop_database(settings) as connection:
        receipt = erase_person(connection, settings, customer, verify=verify)
    if emit(receipt, as_json):
        return 2 if receipt.found else 0
    rows = [[where, f"{count:,}"] for where, count in receipt.removed.items()]
    table("Removed", ["from", "rows"], rows or [["nothing was there", ""]], right=["rows"])
    if receipt.found:
        table("Still found", ["in", "rows"], [[where, count] for where, count in receipt.found.items()])
        OUT.print("Something was written meanwhile, or cannot be searched: erase again.")
    elif receipt.found is not None:
        OUT.print("A search of the database, the lake, the models and the exports found nothing more.")
    OUT.print(f"Receipt {receipt.receipt_id}, customer hash {receipt.customer_hash}.")
    OUT.print("Backups of the database and of the lake keep what they hold until they expire.")
    if not verify:
        next_commands(config, (f"ml-assets erase --customer {customer} --verify", "search everything again"))
    else:
        next_commands(config, ("ml-assets releases", "what is live"))
    return 2 if receipt.found else 0
