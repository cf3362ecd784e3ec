"""`python -m ml_assets.dagster.web.dev`: `dagster dev` with its own options, its webserver behind the guard."""

import sys
from typing import Any

from dagster._cli import dev  # noqa: TID251 `dagster dev` has no public name
from dagster._cli.dev import dev_command  # noqa: TID251 `dagster dev` has no public name

THEIRS, OURS = ["-m", "dagster_webserver"], ["-m", "ml_assets.dagster.web"]
_open: Any = vars(dev)["open_ipc_subprocess"]


def _open_ours(parts: list[str], **more: Any) -> Any:
    return _open([parts[0], *OURS, *parts[3:]] if parts[1:3] == THEIRS else parts, **more)


if __name__ == "__main__":
    # `dagster dev` has no option for the program that it starts.
    vars(dev)["open_ipc_subprocess"] = _open_ours
    sys.exit(dev_command())
