"""The files of rules that arms of an experiment name.

What a line may say is judged in `exchange/rules.py`; this names the setting that asks for the file.
"""

from collections.abc import Mapping
from pathlib import Path

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.exchange.rules import read_rules
from ml_assets.exchange.vocabulary import vocabulary
from ml_assets.settings.experiments import ExperimentSettings
from ml_assets.settings.read.load import find_config
from ml_assets.settings.shop import Settings


def rules_of_arms(
    connection: ServingConnection, settings: Settings, name: str, wanted: ExperimentSettings, config: Path | None
) -> Mapping[str, list[dict[str, object]]]:
    """The judged lines of the file of each arm that names one.

    Relative paths begin at the settings file where it plans the experiment, else where the command is given. Raises
    `UserError` that names the setting, or the option, the file, and the lines that are wrong.
    """
    is_planned = name in settings.experiments.planned
    file = find_config(config) if is_planned else None
    folder = file.parent if file else Path.cwd()
    found = {}
    for arm, each in wanted.arms.items():
        if each.rules_file is None:
            continue
        key = f"experiments.planned.{name}.arms.{arm}.list" if is_planned else f"--arm {arm}"
        try:
            found[arm] = read_rules(folder / each.rules_file.expanduser(), "rules", vocabulary(connection, settings.tz))
        except UserError as error:
            raise UserError(f"{key}: {error.problem}", error.next_step, code=error.code) from None
        if not found[arm]:
            raise UserError(
                f"{key}: {folder / each.rules_file} has no rules below its header line.",
                "Write some; an arm under the rules of everybody sees the list live.",
                code="file.refused",
            )
    return found
