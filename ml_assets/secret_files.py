"""Secrets as files: where NAME_FILE names a file, the variable NAME becomes what is in it.

Docker, Kubernetes and systemd hand secrets over as files; libpq, Dagster and the clients of object stores read
variables. `python -m ml_assets.secret_files COMMAND ...`, the image's entry point, reads the files and becomes the
command. Secrets of alert channels are not among these: they are read anew for every message
(`alerts/send/channels.py`).
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from ml_assets.errors import UserError

SETTINGS = "ML_ASSETS_"
ENDING = "_FILE"
# Others ending in _FILE are known to their libraries by that name, such as AWS_SHARED_CREDENTIALS_FILE.
VARIABLES = (
    "DATABASE_URL",
    "DAGSTER_STORAGE_URL",
    "PGPASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_CLIENT_SECRET",
)


def read_secret_files(environment: MutableMapping[str, str]) -> None:
    """Set each variable whose NAME_FILE is set, and take NAME_FILE away, so that children find one of them.

    Raises `UserError` that names the variable where the file cannot be read or is empty, or both variables are set.
    """
    for file in [name for name in environment if name.endswith(ENDING)]:
        name = file.removesuffix(ENDING)
        if not environment[file] or not (name in VARIABLES or name.startswith(SETTINGS)):
            continue
        if environment.get(name):
            raise UserError(
                f"The variables {name} and {file} are both set.", "Unset one of them.", code="settings.wrong"
            )
        environment[name] = _content(file, Path(environment[file]))
        del environment[file]


def _content(variable: str, path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise UserError(
            f"{variable} names {path}, which cannot be read: {error.strerror}.",
            "Mount the secret, or make it readable for the user of this process.",
            code="settings.wrong",
        ) from None
    except UnicodeDecodeError:
        raise UserError(
            f"{variable} names {path}, which is not UTF-8 text.", "Save it as plain text.", code="settings.wrong"
        ) from None
    if not secret:
        raise UserError(f"{variable} names {path}, which is empty.", "Write the secret into it.", code="settings.wrong")
    return secret


def main(command: list[str]) -> None:
    """Become the command, with the secrets in its variables."""
    try:
        read_secret_files(os.environ)
        os.execvp(command[0], command)  # noqa: S606 the command is the user's own
    except UserError as error:
        sys.exit(f"Error: {error.problem} Next: {error.next_step}")
    except OSError as error:
        sys.exit(f"Error: {command[0]} cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main(sys.argv[1:] or ["ml-assets", "--help"])
