"""The whole way, from a shop's files to rows that an application reads, through the command line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from ml_assets.subjects import MODEL_KINDS, PUBLISHED, SUBJECTS
from ml_assets_tests.cli.shops import PASSWORD, Shop, running_shop

DAY = date(2024, 5, 31)


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose last day has been run."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("pipeline"), "pipeline", effort="full") as made:
        assert made.call("run", "--date", DAY.isoformat()) == 0
        yield made


def test_every_customer_has_full_dense_lists_of_the_shops_own_ids(shop: Shop) -> None:
    lists = shop.rows(
        "SELECT customer_id, placement, array_agg(rank ORDER BY rank), count(DISTINCT item_id) "
        "FROM books_ml.recommendations GROUP BY 1, 2"
    )
    assert len(lists) == 3 * 40
    assert {tuple(row[2]) for row in lists} == {(1, 2, 3, 4, 5)}
    assert {row[3] for row in lists} == {5}
    assert all(str(row[0]).startswith("c-") for row in lists)


def test_lists_follow_tastes_and_discover_holds_nothing_bought(shop: Shop) -> None:
    tastes = shop.rows(
        "SELECT substr(customer_id, 3)::int % 2, avg((substr(item_id, 3)::int >= 15)::int) "
        "FROM books_ml.recommendations WHERE placement = 'for_you' GROUP BY 1 ORDER BY 1"
    )
    assert [float(share) for _, share in tastes] == [0.0, 1.0]
    interactions = pl.read_parquet(shop.home / "lake" / "books" / "interactions" / f"{DAY}.parquet")
    bought = set(interactions.select("customer_id", "item_id").unique().iter_rows())
    discover = "SELECT customer_id, item_id FROM books_ml.recommendations WHERE placement = 'discover'"
    assert not bought & set(shop.rows(discover))


def test_every_customer_has_one_segment_that_is_described(shop: Shop) -> None:
    counts = shop.rows("SELECT count(*), count(DISTINCT customer_id) FROM books_ml.segment_assignments")
    assert counts == [(40, 40)]
    sizes = shop.rows("SELECT sum(customers)::int, round(sum(share)::numeric, 6)::float FROM books_ml.segments")
    assert sizes == [(40, 1.0)]


def test_every_customer_has_a_value_that_adds_up_in_the_segments(shop: Shop) -> None:
    value = "count(*), min(alive_probability) >= 0 AND max(alive_probability) <= 1, round(sum(expected_spend_90d))"
    ((customers, bounded, total),) = shop.rows(f"SELECT {value} FROM books_ml.segment_assignments")
    assert (customers, bounded) == (40, True)
    assert total > 0
    sums = "round(sum(total_expected_spend_90d)), round(sum(mean_expected_spend_90d * customers))"
    assert shop.rows(f"SELECT {sums} FROM books_ml.segments") == [(total, total)]


def test_reasons_name_items_and_rows_say_how_old_they_are(shop: Shop) -> None:
    reasons = shop.rows("SELECT DISTINCT reason_text, data_as_of, is_stale FROM books_ml.recommendations")
    assert {row[1:] for row in reasons} == {(DAY, True)}
    assert all(row[0] for row in reasons)


def test_popular_items_are_there_for_everybody_and_by_category(shop: Shop) -> None:
    scopes = shop.rows("SELECT scope, count(*) FROM books_ml.popular_items GROUP BY 1 ORDER BY 1")
    assert scopes == [("all", 5), ("crime", 5), ("poetry", 5)]


def test_old_data_is_reported_as_stale_with_exit_code_2(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("status", "--json") == 2
    facts = json.loads(capfd.readouterr().out)
    assert {row["status"] for row in facts} == {"stale"}
    assert {row["subject"] for row in facts} >= {"transactions", "recommender_model", "recommendations"}


def test_running_an_older_day_publishes_it_but_leaves_the_newer_one_live(shop: Shop) -> None:
    assert shop.call("run", "--from", "2024-05-28", "--to", "2024-05-29") == 0
    states = shop.rows(
        "SELECT data_as_of, state FROM books_ml.releases WHERE subject = 'recommendations' ORDER BY data_as_of"
    )
    assert states == [(date(2024, 5, 28), "ready"), (date(2024, 5, 29), "ready"), (DAY, "live")]


def test_running_a_day_again_gives_the_same_lists_in_a_new_release(shop: Shop) -> None:
    query = "SELECT customer_id, placement, rank, item_id FROM books_ml.recommendations ORDER BY 1, 2, 3"
    before, (old,) = shop.rows(query), shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations")
    assert shop.call("run", "--date", DAY.isoformat()) == 0
    (new,) = shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations")
    assert new != old
    assert shop.rows(query) == before


def test_the_model_of_a_week_has_seen_nothing_of_it(shop: Shop) -> None:
    models = shop.rows("SELECT DISTINCT kind, trained_through FROM books_ml_meta.models ORDER BY 1, 2")
    assert models == [(kind, date(2024, 5, 26)) for kind in sorted(MODEL_KINDS)]


def test_two_commands_at_once_take_turns(shop: Shop) -> None:
    program = [sys.executable, "-c", "from ml_assets.cli.main import main; main()"]
    command = [*program, "run", "--date", "2024-05-30", "--config", str(shop.config)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    messages = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], messages
    states = "SELECT state, count(*) FROM books_ml.releases WHERE data_as_of = '2024-05-30' GROUP BY 1"
    assert dict(shop.rows(states)) == dict.fromkeys(("ready", "retired"), len(PUBLISHED.keys() & SUBJECTS))


def test_psql_reads_what_was_published(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("psql", "--csv", "-c", "SELECT count(*) AS lists FROM books_ml.recommendations") == 0
    assert capfd.readouterr().out == "lists\n600\n"
    assert shop.call("psql", "--csv", "-c", "SELECT 1 AS a", "-c", "SELECT 2 AS b") == 0
    assert capfd.readouterr().out == "a\n1\nb\n2\n"
    assert shop.call("psql", "-c", "SELECT nonsense") == 1


def test_evaluate_exports_the_lists_it_judged(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--cutoff", "2024-05-20", "--horizon", "5", "10", "--json", "--export", "lists.parquet"]
    assert shop.call("evaluate", *arguments) == 0
    facts = json.loads(capfd.readouterr().out)
    assert {row["horizon"] for row in facts["rows"]} == {5, 10}
    lists = pl.read_parquet("lists.parquet")
    assert lists.columns == ["customer_id", "item_id", "placement", "rank"]
    assert lists["customer_id"].n_unique() == 40


def test_another_source_in_the_same_home_is_refused_unless_accepted(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    live = shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations")
    before = shop.config.read_text()
    (shop.config.parent / "events").rename(shop.config.parent / "moved")
    shop.config.write_text(before.replace("events: events", "events: moved"))
    assert shop.call("run", "--date", DAY.isoformat()) == 1
    message = capfd.readouterr().err
    assert "the settings now name files" in message
    assert "--accept-source" in message
    assert shop.call("evaluate", "--cutoff", "2024-05-20", "--horizon", "5") == 1
    assert "the settings now name files" in capfd.readouterr().err
    assert shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations") == live
    assert shop.call("run", "--date", DAY.isoformat(), "--accept-source") == 0
    (shop.config.parent / "moved").rename(shop.config.parent / "events")
    shop.config.write_text(before)
    assert shop.call("run", "--date", DAY.isoformat(), "--accept-source") == 0


def test_lost_models_are_trained_again(shop: Shop) -> None:
    shutil.rmtree(shop.home / "lake" / "books" / "models")
    assert shop.call("run", "--date", DAY.isoformat()) == 0
    assert len(list((shop.home / "lake" / "books" / "models" / "recommender").iterdir())) == 1


def test_a_step_that_crashes_is_an_error_even_where_a_check_failed_too(
    shop: Shop, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr("ml_assets.dagster.assets.customers.assign", crash)
    monkeypatch.setenv("ML_ASSETS_SERVING__GATES__LEAST_ACTIVE_COVERAGE", "1")
    monkeypatch.setattr(
        "ml_assets.dagster.assets.releases.active_customers", lambda *_: pl.Series(["c-000", "a stranger"])
    )
    assert shop.call("run", "--date", DAY.isoformat()) == 1
    message = capfd.readouterr().err
    assert "out of ideas" in message
    assert "Check failed: books/recommendations_release" in message


def test_a_killed_command_leaves_no_run_that_looks_alive(shop: Shop) -> None:
    program = [sys.executable, "-c", "from ml_assets.cli.main import main; main()"]
    command = [*program, "run", "--date", "2024-05-30", "--config", str(shop.config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    next(line for line in process.stderr if "scoring" in line)
    process.kill()
    process.wait()
    process.stderr.close()
    assert shop.call("run", "--date", "2024-05-30") == 0
    states = dict(shop.rows("SELECT status, count(*) FROM dagster.runs GROUP BY 1"))
    assert not {"STARTED", "STARTING"} & set(states)


def test_the_demo_shows_lists_segments_freshness_and_the_next_commands(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shop.call("demo") == 0
    shown = capfd.readouterr().out
    for words in ("For you", "Discover", "customer c-", "You buy this often", "Segments", "Freshness", "NDCG@10"):
        assert words in shown
    assert f"ml-assets ui --config {shop.config}" in shown


def test_a_release_that_a_gate_refuses_leaves_the_live_one_and_exits_with_2(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    """The feed of the next day brings a shop of three customers: the live lists of forty stay."""
    live = shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations")
    events = shop.config.parent / "events"
    few = pl.read_parquet(events / "part-1.parquet").filter(pl.col("buyer").is_in(["c-000", "c-001", "c-002"]))
    moved = few.with_columns(pl.col("sold_at").dt.offset_by("1d"))
    moved.filter(pl.col("sold_at").dt.month() == 6).write_parquet(events / "part-2.parquet")
    shop.config.write_text(shop.config.read_text() + "lookback_days: 1\n")
    if not moved.filter(pl.col("sold_at").dt.month() == 6).height:
        pytest.fail("the made-up feed has no line")
    assert shop.call("run", "--date", "2024-06-01") == 2
    shown = capfd.readouterr()
    assert "less than 50%" in shown.err
    assert shown.out.startswith("Published 2024-06-01, but not all of it:")
    assert f"the release is blocked; readers see {DAY}." in shown.out
    assert shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations") == live
    blocked = shop.rows(
        "SELECT reason FROM books_ml.releases WHERE state = 'blocked' AND subject = 'recommendations' "
        "AND data_as_of = '2024-06-01'"
    )
    assert len(blocked) == 1
    assert shop.call("run", "--date", "2024-06-01", "--override", "the other customers moved away") == 0
    accepted = shop.rows(
        "SELECT state, reason FROM books_ml.releases WHERE subject = 'recommendations' AND data_as_of = '2024-06-01' "
        "AND state <> 'retired'"
    )
    assert [state for state, _ in accepted] == ["live"]
    assert "Accepted: the other customers moved away" in str(accepted[0][1])


def test_the_databases_password_is_in_no_file_and_in_no_table(shop: Shop) -> None:
    """After all that the other tests of this file have run: logs of steps, events and metadata of Dagster, books."""
    files = [path for path in shop.home.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []
    tables = "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace >= 16384"
    names = [name for (name,) in shop.rows(tables)]
    assert "dagster.event_logs" in names
    found = [name for name in names if shop.rows(f"SELECT FROM {name} AS t WHERE t::text LIKE '%{PASSWORD}%'")]
    assert found == []
