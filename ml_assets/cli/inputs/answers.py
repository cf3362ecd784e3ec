"""What the user says to `ml-assets init`, in options and in answers to its questions."""

from dataclasses import replace
from datetime import date

import typer
from rich.markup import escape

from ml_assets.cli.console import ERR
from ml_assets.cli.inputs.doubts import ASKED
from ml_assets.errors import UserError
from ml_assets.settings.columns import EventColumns
from ml_assets.sources.guess.absent import with_column, with_nothing
from ml_assets.sources.guess.columns import NOTHING, Choice
from ml_assets.sources.guess.lacking import complaint
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.several import on_calendar

STYLES = {"day": "31.12.2026", "month": "12/31/2026"}


def given(found: Proposal, columns: list[str], dates: str | None) -> Proposal:
    """The proposal with what the command line says in FIELD=COLUMN, day or month; raises `UserError`."""
    for text in columns:
        field, sign, value = text.partition("=")
        if not sign or field not in EventColumns.model_fields:
            fields = ", ".join(EventColumns.model_fields)
            raise UserError(f"--column {text} names no field.", f"Write FIELD=COLUMN; fields are {fields}.")
        if value.strip().lower() in ("", NOTHING) and field in ("customer", "item"):
            found = with_nothing(found, field, ASKED)
        else:
            found = with_column(found, field, Choice(value, ASKED))
    source = dict(found.source)
    if dates is not None:
        if dates not in STYLES:
            raise UserError(f"--dates {dates} is neither day nor month.", "Say which comes first: day or month.")
        source["dates"] = Choice(STYLES[dates], ASKED)
    return replace(found, source=source)


def with_missing(found: Proposal, *, asks: bool) -> Proposal:
    """The proposal with answers for what no column tells or may tell; raises `UserError` where nobody may be asked."""
    if not asks and found.missing:
        raise complaint(found)
    if found.missing:
        ERR.print(escape(complaint(found).problem), soft_wrap=True)
    unsure = [name for name in found.candidates if asks and found.columns[name].why != ASKED]
    for name in unsure:
        ERR.print(escape(f"The {name} may be in {', '.join(found.candidates[name])}."), soft_wrap=True)
    for field in [*found.missing, *unsure]:
        if field == "time" and found.days_since:
            question = "Day of every customer's first order, as 2024-01-01"
            found = on_calendar(found, typer.prompt(question, value_proc=_day))
        else:
            more = " (null: none)" if field in ("customer", "item") else ""
            text = ask(f"Which column, or SQL over columns, is the {field}?{more}", None)
            if more and text.lower() == NOTHING:
                found = with_nothing(found, field, ASKED)
            else:
                found = with_column(found, field, Choice(text, ASKED))
    return found


def ask(question: str, default: str | None) -> str:
    """An answer that is typed in."""
    return str(typer.prompt(question, default=default))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is no day such as 2024-01-01.") from None
