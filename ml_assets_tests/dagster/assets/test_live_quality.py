"""The asset of live quality judges what is due, draws it, and its checks name lost lists and broken promises."""

from datetime import timedelta
from pathlib import Path

from ml_assets.dagster.assets.live_quality import build_live_quality
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named, on
from ml_assets_tests.live.shop import DAY, judged_shop
from ml_assets_tests.models.purchase_frames import END


def test_a_day_is_judged_drawn_and_told(shop: Shop, connection: ServingConnection, tmp_path: Path) -> None:
    made = judged_shop(connection, tmp_path)
    asset = named(build_live_quality(Shop(made.settings, shop.calendar)), "live_quality")

    def run(days: int = 0) -> tuple[dict[str, object], dict[str, str]]:
        result = asset(on(END + timedelta(days=days)), lake=made.lake, serving=OpenDatabase(connection))
        failed = {one.check_name: str(one.description) for one in result.check_results if not one.passed}
        return {name: getattr(value, "value", value) for name, value in result.metadata.items()}, failed

    figures, failed = run()
    assert failed == {}
    assert figures["judged"] == str(DAY)
    assert 0 < float(str(figures["for_you_hit_rate"])) < 1
    assert str(figures["plot"]).startswith("![Hit rate of the lists that were live](data:image/png")
    connection.execute(
        "UPDATE ml_meta.live_quality SET computed_at = '2000-01-01', least_hit_rate = 1, promised_hit_rate = 1"
    )
    connection.execute("DELETE FROM ml_meta.live_places")
    connection.execute("UPDATE ml_meta.live_quality SET day = day - 1")
    connection.execute(
        "UPDATE ml_meta.releases SET dropped_at = now(), state = 'retired' WHERE subject = 'recommendations'"
    )
    one_day = made.settings.live_quality.model_copy(update={"days_below": 1})
    asset = named(
        build_live_quality(Shop(made.settings.model_copy(update={"live_quality": one_day}), shop.calendar)),
        "live_quality",
    )
    _, failed = run()
    assert failed["lists_were_kept"] == (
        f"The lists of {DAY} are not kept any more: set serving.keep_releases to 8 at least."
    )
    assert "100.0% was promised" in failed["keeps_its_promise"]
