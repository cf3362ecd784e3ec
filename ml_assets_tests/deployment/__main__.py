"""How long each service takes until its health check succeeds: `python -m ml_assets_tests.deployment`.

The processes of docker-compose.yaml on this machine, one after the other, in the order of the file. No test: machines
differ, and this one may be busy.
"""

import sys
import tempfile
from pathlib import Path

from ml_assets_tests.deployment.containers import Containers

SERVICES = ("code", "webserver", "daemon", "watch")


def main() -> None:
    """Start everything, print a line for each service, stop everything."""
    with tempfile.TemporaryDirectory() as folder:
        running = Containers(Path(folder), password="not secret")
        try:
            running.start("migrate")
            if running.finish("migrate"):
                sys.exit(running.output("migrate"))
            for name in SERVICES:
                running.start(name)
                running.wait_until_healthy(name)
                print(f"{name:<12}{running.seconds_until_healthy[name]:6.1f} s", flush=True)
        finally:
            running.close()


if __name__ == "__main__":
    main()
