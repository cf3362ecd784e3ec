"""Every command of README and docs is run, in the order of the pages, on one shop; what is not run is listed.

Slow, therefore not part of `make test`: `make docs-test`.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ml_assets.cli import app
from ml_assets.database.embedded.server import psql_path
from ml_assets_tests.alerts.receivers import http_receiver
from ml_assets_tests.conftest import short_lived_folder
from ml_assets_tests.documents.not_run import CODE_NOT_RUN, NOT_RUN
from ml_assets_tests.documents.pages import BLOCK, PAGES, Command, commands, statements, text_of
from ml_assets_tests.documents.shop import write_exports

pytestmark = pytest.mark.documents

# What takes people out, or takes back: after everything else.
LAST = ("rollback", "unpin", "erase", "run --rebuild-lake", "prune")
DEMO = ("demo", "demo break", "demo fix", "stop", "stop --force")
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


class Reader:
    """Somebody who types what the pages say, with what is their own in place of what is the page's."""

    def __init__(self, folder: Path, url: str, hook: str) -> None:
        self.folder = folder
        self.url = url
        self.hook = hook
        self.readers = 0

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def newest(self, what: str) -> str:
        """The number of a release or an incident that fits an example."""
        queries = {
            "live": "SELECT max(release_id) FROM ml.releases WHERE state = 'live' AND subject = 'recommendations'",
            "before": "SELECT max(release_id) FROM ml.releases WHERE state = 'ready' AND subject = 'recommendations'",
            "blocked": "SELECT max(release_id) FROM ml.releases WHERE state = 'blocked'",
            "incident": "SELECT max(incident_id) FROM ml.incidents WHERE state <> 'resolved'",
        }
        return str(self.rows(queries[what])[0][0])

    def own(self, line: str) -> str:
        """The line with the reader's own days, ids and files."""
        day, week = YESTERDAY.isoformat(), (YESTERDAY - timedelta(days=YESTERDAY.weekday())).isoformat()
        earlier, ago = (YESTERDAY - timedelta(days=3)).isoformat(), (YESTERDAY - timedelta(days=20)).isoformat()
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        soon = (YESTERDAY + timedelta(days=30)).isoformat()
        texts = {
            "--date 2026-11-26": f"--date {earlier}",
            "--date 2024-05-31": f"--date {day}",
            "--date D": f"--date {day}",
            "--from D --to D": f"--from {earlier} --to {day}",
            "--date 2026-03-01": f"--date {earlier}",
            "2026-03-02 07:00": now,
            "--until 2026-12-27": f"--until {soon}",
            "--cutoff 2026-10-20": f"--cutoff {ago}",
            "--cutoff D": f"--cutoff {ago}",
            "--week D": f"--week {week}",
            "--horizon 7 30": "--horizon 7",
            "MOMENT": f"'{now}'",
            "-o FILE": "-o features.parquet",
            "PATH": "exports/",
            "psql -c SQL": "psql -c 'SELECT 1'",
            "CUSTOMER": "2498",
            "--customer ID": "--customer 1234",
            "SUBJECT": "recommendations",
            "test NAME": "test ops",
            "import segments FILE": "import segments own.csv",
            "add-reader NAME": "add-reader somebody",
            "--effect PERCENT": "--effect 3",
            "experiment start NAME": "experiment start mine --placement discover --arm a=0.5 --arm b=0.5:popular",
            "experiment start worth_of_for_you": "experiment start worth_of_for_you --placement for_you "
            "--arm lists=0.5 --arm nothing=0.5:none",
        }
        for text, mine in texts.items():
            line = line.replace(text, mine)
        if "diff 17 18" in line:
            line = line.replace("17 18", f"{self.newest('before')} {self.newest('live')}")
        if re.search(r"accept (ID|18)", line):
            self.block_a_release()
            line = re.sub(r"accept (ID|18)", f"accept {self.newest('blocked')}", line)
        if "alerts ack 12" in line:
            self.open_an_incident()
            line = line.replace("ack 12", f"ack {self.newest('incident')}")
        if "--to 15" in line:
            line = line.replace("--to 15", f"--to {self.newest('before')}")
        if "VERSION PLACEMENT" in line:
            line = line.replace("VERSION PLACEMENT", f"{self.refused_model()} for_you")
        if "--segment at_risk" in line:
            ((key,),) = self.rows("SELECT min(segment_key) FROM ml.segments")
            line = line.replace("--segment at_risk", f"--segment {key}")
        if "segments accept VERSION" in line:
            line = line.replace("VERSION", self.refused_segmentation())
        return line

    def refused_segmentation(self) -> str:
        """The newest segmentation, as if it had been refused."""
        newest = "SELECT max(model_id) FROM ml_meta.models WHERE kind = 'segmentation'"
        refuse = f"UPDATE ml_meta.models SET decision = 'refused' WHERE model_id = ({newest}) RETURNING version"
        return str(self.rows(refuse)[0][0])

    def block_a_release(self) -> None:
        (self.folder / "few.csv").write_text("customer_id,item_id,rank\n27,981760,1\n", encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ML_ASSETS_SERVING__GATES__JUDGE_FROM", "1")
            assert self.call("ml-assets import recommendations few.csv") == 2

    def refused_model(self) -> str:
        """The newest model of for_you, as if it had been refused."""
        newest = "SELECT max(model_id) FROM ml_meta.models WHERE placement = 'for_you'"
        refuse = f"UPDATE ml_meta.models SET decision = 'refused' WHERE model_id = ({newest}) RETURNING version"
        return str(self.rows(refuse)[0][0])

    def open_an_incident(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ML_ASSETS_FRESHNESS__DATA__WARN_AFTER", "1s")
            patch.setenv("ML_ASSETS_FRESHNESS__DATA__ERROR_AFTER", "2s")
            assert self.call("ml-assets watch --once") == 2

    def prepare(self, line: str) -> None:
        """Write the files that a line takes for granted."""
        files = {
            "rules.csv": "kind,item_id,category,placement,value,valid_from,valid_until,note\nban,990020,,,,,,old\n",
            "sold.csv": f"customer_id,item_id,bought_at\n27,990001,{YESTERDAY}\n",
            "people.csv": "customer_id,note\n3001,asked for it\n",
            "contacts.csv": "customer_id,email\n27,reader@example.org\n",
            "lists.csv": "customer_id,item_id,rank\n" + "".join(f"{who},981760,1\n" for who in range(3001, 3038)),
        }
        for name, text in files.items():
            if name in line and not (self.folder / name).exists():
                (self.folder / name).write_text(text, encoding="utf-8")
        if "import segments" in line:
            rows = "".join(f"{who},vip\n" for (who,) in self.rows("SELECT customer_id FROM ml.segment_assignments"))
            (self.folder / "own.csv").write_text("customer_id,segment_key\n" + rows, encoding="utf-8")
        if found := re.search(r"--config (\S+)\.yaml", line):
            shop = (self.folder / "ml_assets.yaml").read_text(encoding="utf-8")
            name = "" if found[1] == "other-shop" else f"name: {found[1]}\n"
            (self.folder / f"{found[1]}.yaml").write_text(name + shop, encoding="utf-8")

    def call(self, line: str) -> int:
        """Run `ml-assets ...`, in this process."""
        before, sys.argv = sys.argv, shlex.split(line)
        try:
            return app.exit_code()
        finally:
            sys.argv = before

    def after(self, line: str) -> None:
        """What the shop adds to the settings that `init` wrote: a channel, and haste."""
        settings = (self.folder / "ml_assets.yaml").read_text(encoding="utf-8") if " init " in line else ""
        # One that was refused, or wrote somewhere else, left the settings as they were.
        if settings and "effort: quick" not in settings:
            with (self.folder / "ml_assets.yaml").open("a", encoding="utf-8") as file:
                file.write("\nrecommender: {selection: {effort: quick}, evaluation_days: [7]}\n")
                file.write(f"alerts: {{channels: {{ops: {{url: '{self.hook}'}}}}}}\n")


def wanted(choose: Callable[[str], bool]) -> list[Command]:
    """The commands of ml-assets to run, each once, what takes things away last."""
    found = {one.line: one for page in PAGES for one in commands(page) if one.line.startswith("ml-assets ")}
    rest = [one for one in found.values() if one.line not in NOT_RUN and choose(one.line.removeprefix("ml-assets "))]
    return sorted(rest, key=lambda one: next((n + 1 for n, word in enumerate(LAST) if f" {word}" in one.line), 0))


@pytest.fixture(scope="module")
def reader(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """In a folder with exports, and a database."""
    folder = tmp_path_factory.mktemp("reader")
    write_exports(folder / "exports")
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE documents")
    url = embedded_url.replace("/postgres?", "/documents?")
    with pytest.MonkeyPatch.context() as patch, chdir(folder), http_receiver() as hook:
        patch.setenv("DATABASE_URL", url)
        patch.delenv("DAGSTER_HOME", raising=False)
        yield Reader(folder, url, hook.url)
        for name in ("DAGSTER_HOME", "DAGSTER_STORAGE_URL"):
            os.environ.pop(name, None)
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE documents WITH (FORCE)")
        for role in ("somebody", "shop", "grafana"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")


def test_every_command_does_what_it_says_in_the_order_of_the_pages(
    reader: Reader, capfd: pytest.CaptureFixture[str]
) -> None:
    failed, done = {}, set[str]()
    for command in wanted(lambda line: line not in DEMO):
        reader.prepare(command.line)
        line = reader.own(command.line)
        if line in done:
            continue
        done.add(line)
        capfd.readouterr()
        if reader.call(line) not in (0, 2):
            failed[f"{command.page}: {line}"] = capfd.readouterr().err
        reader.after(line)
    assert failed == {}, "\n".join(f"{line}\n{said}" for line, said in failed.items())


def test_every_statement_of_sql_is_one_that_the_contract_answers(reader: Reader) -> None:
    """In a transaction that is rolled back; roles are made by `contract/test_logins.py`."""
    done = [one for page in PAGES for one in statements(page)]
    assert len(done) > 20
    with psycopg.connect(reader.url, autocommit=True) as connection:
        for statement in done:
            if not re.match(r"(CREATE|ALTER|GRANT|REVOKE) ", statement):
                text = re.sub(r"'20\d\d-\d\d-\d\d \d\d:\d\d\+01'", "now()", statement)
                with connection.transaction(force_rollback=True):
                    connection.execute(re.sub(r"'2026-12-01'", "now() + interval '1 day'", text).encode())


def test_programs_read_a_list(reader: Reader) -> None:
    blocks = [(kind, block) for page in PAGES for kind, block in BLOCK.findall(text_of(page))]
    run = {"python", "sh"}
    assert {kind for kind, _ in blocks} - run - set(CODE_NOT_RUN) <= {
        "", "sql", "yaml", "json", "ini", "crontab", "mermaid", "bash"
    }  # fmt: skip
    assert set(CODE_NOT_RUN) <= {kind for kind, _ in blocks}
    programs = f"{Path(sys.executable).parent}:{psql_path().parent}:{os.environ['PATH']}"
    environment = {**os.environ, "DATABASE_URL": reader.url, "PATH": programs}
    for kind, block in blocks:
        if kind == "python" or "<<'SQL'" in block:
            command = [sys.executable, "-c", block] if kind == "python" else ["bash", "-euc", block]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert re.search(r"\d{6}", done.stdout), done.stdout


def test_the_files_of_the_containers_are_made_as_the_page_says(tmp_path: Path) -> None:
    """Up to where Docker's engine is needed."""
    docker = Path(__file__).parents[2] / "docker"
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / ".env.example").write_bytes((docker / ".env.example").read_bytes())
    block = re.findall(r"```sh\n(cd docker\n.*?)```", text_of("docs/operations.md"), re.DOTALL)[0]
    lines = [line for line in block.splitlines() if line not in NOT_RUN]
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=tmp_path, check=True)
    secrets = tmp_path / "docker" / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert len((secrets / "postgres_password").read_text().strip()) == 48
    assert (tmp_path / "docker" / ".env").is_file()


def test_the_demonstration_is_shown_broken_and_mended() -> None:
    with short_lived_folder() as folder, chdir(folder), pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "DAGSTER_HOME", "DAGSTER_STORAGE_URL"):
            patch.delenv(name, raising=False)
        reader = Reader(folder, "", "")
        assert {one.line.removeprefix("ml-assets ") for one in wanted(lambda line: line in DEMO)} == set(DEMO)
        for line in DEMO:
            assert reader.call(f"ml-assets {line}") in (0, 2), line
        for name in ("DAGSTER_HOME", "DAGSTER_STORAGE_URL"):
            os.environ.pop(name, None)
