"""Where `ml-assets` starts: it can be stopped before all that its commands need is loaded, which takes a while."""

import signal

from ml_assets.cli import stopping


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        stopping.listen()
        from ml_assets.cli.app import command_line  # noqa: PLC0415

        code = command_line()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    stopping.leave(code)
