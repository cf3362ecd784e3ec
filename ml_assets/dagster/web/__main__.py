"""`python -m ml_assets.dagster.web`: Dagster's webserver, with its own options, behind the guard.

Names by which browsers may ask for it are those of the loopback and in the variable UI_HOSTS, with commas between.
"""

import os
from typing import Any

from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from ml_assets.dagster.web.guard import Guard

HOSTS_VARIABLE = "UI_HOSTS"


def _guarded(webserver: DagsterWebserver[Any, Any]) -> list[Middleware]:
    hosts = [host.strip() for host in os.environ.get(HOSTS_VARIABLE, "").split(",") if host.strip()]
    return [Middleware(Guard, hosts=hosts), *_unguarded(webserver)]


# Dagster asks this method for what stands in front of its routes; it has no option for it.
_unguarded = DagsterWebserver.build_middleware
DagsterWebserver.build_middleware = _guarded  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    main()  # type: ignore[no-untyped-call]
