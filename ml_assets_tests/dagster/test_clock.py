"""A machine and a database server whose clocks differ: nothing is decided by either."""

from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets.dagster.database import ServingDatabase
from ml_assets.database.embedded.server import start_embedded
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets_tests.clocks import other_clock
from ml_assets_tests.conftest import short_lived_home


def opened(home: Path) -> None:
    settings = Settings(home=home)
    with ServingDatabase(settings, build_source(settings)).connect():
        pass


def test_a_run_is_refused_where_the_clocks_are_hours_apart_and_goes_on_when_they_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with other_clock() as clock, short_lived_home() as home:
        if clock is None:
            pytest.skip("no other clock can be set here (needs Linux and a C compiler)")
        with monkeypatch.context() as environment:
            for name, value in clock.environment.items():
                environment.setenv(name, value)
            start_embedded(home)
        for hours in (24, -24, 1):
            clock.set(timedelta(hours=hours))
            with pytest.raises(UserError, match=r"This machine's clock says .* UTC, that of the database") as told:
                opened(home)
            assert told.value.code == "clock.wrong"
        clock.set(timedelta(minutes=1))
        opened(home)
