"""`ml-assets rules import` and `rules list`: what merchandisers want, in force on the next SELECT.

Judging rows is in `exchange/rules.py`, writing them in `exchange/rule_tables.py`; plain SQL on the same tables does
as well.
"""

from pathlib import Path
from typing import Annotated

import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.errors import UserError
from ml_assets.exchange.rule_tables import count_customers, import_rules, rules_to_come, unknown_things
from ml_assets.exchange.rules import TABLES, read_rules
from ml_assets.exchange.vocabulary import vocabulary
from ml_assets.settings.read.load import load_settings

# Unknown items and categories that are named.
SHOWN = 5

app = typer.Typer(help="Hide, pin, boost and cap items, note purchases and opt-outs.", no_args_is_help=True)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header line, or .parquet.")],
    into: Annotated[str, typer.Option("--into", help=f"What the file holds: {', '.join(TABLES)}.")] = "rules",
    replace: Annotated[bool, typer.Option("--replace", help="Remove what was there before.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Take rules from a file, whole or not at all.

    rules: kind (unavailable, ban, pin, boost, cap), item_id or category, placement, segment_key, value, valid_from,
    valid_until, note. purchases: customer_id, item_id, bought_at. opt-outs: customer_id, note.
    """
    if into not in TABLES:
        raise UserError(f"--into {into} is not known.", f"It may be {', '.join(TABLES)}.")
    settings = load_settings(config)
    with shop_database(settings) as connection:
        rows = read_rules(file, into, vocabulary(connection, settings.tz))
        added = import_rules(connection, into, rows, mode="replace" if replace else "add")
        unknown = unknown_things(connection, rows) if into == "rules" else []
    if emit({"read": len(rows), "added": added, "into": into, "unknown": unknown}, as_json):
        return 0
    known = "" if added == len(rows) else f", {len(rows) - added:,} were known, doubled or of erased customers"
    OUT.print(f"Added {added:,} of {len(rows):,} rows to {into}{known}. In force from the next SELECT.")
    if unknown:
        more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        OUT.print(f"Nobody knows {', '.join(unknown[:SHOWN])}{more}: misspelt, or still to come?")
    next_commands(config, ("ml-assets rules list", "what is in force now"))
    return 0


@app.command("list")
def list_rules(as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """Show the rules on items and categories that are in force or to come, and how many customers opted out."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        rules = rules_to_come(connection)
        opted_out, bought = count_customers(connection)
    if emit({"rules": rules, "opt_outs": opted_out, "purchases": bought}, as_json):
        return 0
    cells = [
        [
            rule["rule_id"],
            rule["kind"],
            rule["category"] or rule["brand"] or f"{rule['item_id']} {rule['item_name'] or ''}".strip(),
            rule["placement"] or "every list",
            rule["segment_key"] or "everybody",
            f"{rule['value']:g}" if rule["value"] is not None else "",
            "now" if rule["in_force"] else f"from {rule['valid_from'].astimezone(settings.tz):%Y-%m-%d %H:%M}",
            f"{rule['valid_until'].astimezone(settings.tz):%Y-%m-%d %H:%M}" if rule["valid_until"] else "",
            rule["note"] or "",
        ]
        for rule in rules
    ]
    columns = ["id", "kind", "what", "where", "for", "value", "in force", "until", "note"]
    if cells:
        table("Rules", columns, cells, right=["id", "value"])
    OUT.print(f"{len(rules):,} rules, {opted_out:,} customers opted out, {bought:,} purchases noted.")
    next_commands(config, ("ml-assets rules import FILE.csv", "take more from a file"))
    return 0
