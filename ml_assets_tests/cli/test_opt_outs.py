"""The shop's own list of who opted out: obeyed at each run, and safe where it cannot be read."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets_tests.cli.shops import Shop, running_shop

pytestmark = pytest.mark.long

DAY = "2024-05-31"
LISTED = """
opt_outs: {files: consent.csv, columns: {customer: Member, consent: Marketing OK}}
recommender: """


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(embedded_url, tmp_path_factory.mktemp("opt_outs"), "opt_outs") as found:
        found.config.write_text(found.config.read_text().replace("recommender: ", LISTED.lstrip()))
        yield found


def consents(shop: Shop, **said: str) -> None:
    """Everybody says yes, but who says otherwise."""
    everybody = {f"c-{number:03}": "yes" for number in range(40)} | {
        who.replace("_", "-"): what for who, what in said.items()
    }
    lines = "\n".join(f"{who};{what}" for who, what in everybody.items())
    (shop.config.parent / "consent.csv").write_text(f"Member;Marketing OK\n{lines}\n")


def contactable(shop: Shop) -> set[str]:
    """Whom lists, segments and the export of segments name, all the same."""
    listed = {who for (who,) in shop.rows("SELECT DISTINCT customer_id FROM books_ml.recommendations")}
    grouped = {who for (who,) in shop.rows("SELECT customer_id FROM books_ml.segment_assignments")}
    path = Path("people.csv").absolute()
    assert shop.call("export", "segments", "--csv", "-o", str(path)) == 0
    with path.open(newline="") as file:
        exported = {row["customer_id"] for row in csv.DictReader(file)}
    assert listed == grouped == exported
    return listed


def test_nothing_personal_is_published_before_the_list_was_read(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("run", "--date", DAY) == 1
    said = " ".join(capfd.readouterr().err.split())
    assert "opt_outs.files: no CSV, Parquet, Arrow, NDJSON or Excel file is found" in said
    assert "Nothing personal is published before it was read." in said
    personal = "SELECT count(*) FROM books_ml.releases WHERE subject IN ('recommendations', 'segment_assignments')"
    assert shop.rows(personal) == [(0,)]


def test_whoever_does_not_plainly_say_yes_is_left_alone(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    consents(shop, c_001="no", c_002="FALSE", c_003="", c_004="perhaps", c_005="True")
    assert shop.call("run", "--date", DAY) == 0
    said = " ".join(capfd.readouterr().err.split())
    assert "4 customers opted out (4 new, 0 back)" in said
    assert "Marketing OK is neither yes nor no (perhaps): taken as no" in said
    everybody = {f"c-{number:03}" for number in range(40)}
    assert contactable(shop) == everybody - {"c-001", "c-002", "c-003", "c-004"}
    assert {source for (source,) in shop.rows("SELECT source FROM books_ml.recommend('c-001')")} == {"popular"}
    capfd.readouterr()
    assert shop.call("rules", "list") == 0
    assert "4 customers opted out" in capfd.readouterr().out


def test_a_list_that_cannot_be_read_lets_nobody_back_in(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    before = contactable(shop)
    shop.rows("INSERT INTO books_ml_meta.opt_outs (customer_id) VALUES ('c-010') RETURNING 1")
    (shop.config.parent / "consent.csv").unlink()
    capfd.readouterr()
    assert shop.call("run", "--date", DAY) == 2
    said = " ".join(capfd.readouterr().err.split())
    assert "Who opted out could not be read" in said
    assert "stay opted out; whoever opted out since is not known." in said
    assert contactable(shop) == before - {"c-010"}
    capfd.readouterr()
    # A cron job tells it, without Dagster.
    assert shop.call("watch", "--once") == 2
    assert "opt_outs unread" in " ".join(capfd.readouterr().out.split())
    shop.call("doctor")
    assert "no CSV, Parquet, Arrow, NDJSON or Excel file is found" in " ".join(capfd.readouterr().out.split())
    # Columns that were renamed, and a list that lost everybody, are no permission either.
    for broken in ("Nr;Marketing OK\nc-001;yes\n", "Member;Marketing OK\n"):
        (shop.config.parent / "consent.csv").write_text(broken)
        shop.call("doctor")
    assert "opt-outs" in capfd.readouterr().out


def test_whoever_comes_back_is_let_in_and_a_note_by_hand_stays(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    consents(shop, c_001="no")
    assert shop.call("run", "--date", DAY) == 0
    assert "1 customers opted out (0 new, 3 back)" in " ".join(capfd.readouterr().err.split())
    shop.call("watch", "--once")
    settling = "SELECT good_since IS NOT NULL FROM books_ml_meta.incidents WHERE cause = 'unread'"
    assert shop.rows(settling) == [(True,)]
    assert contactable(shop) == {f"c-{number:03}" for number in range(40)} - {"c-001", "c-010"}
