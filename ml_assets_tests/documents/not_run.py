"""Commands of the documents that `test_commands.py` does not run, each with its reason; the list is exact."""

from collections.abc import Mapping

ENGINE = "needs Docker's engine; deployment/test_topology.py starts the same processes with the same files"
SYSTEMD = "changes the machine's systemd; deployment/test_deploy_folder.py has it verify the units"
BACKUP = "deployment/test_recipes.py runs it, into an empty server"
ENDLESS = "runs until it is stopped; cli/test_ui.py and deployment/test_topology.py start and stop its like"
NETWORK = "fetches from the network"
ESTIMATE = "needs a week of lists that explored; live/test_off_policy_report.py and cli/test_estimate.py run it"
INSIDE_THE_DAY = (
    "takes back what was made anew inside the day, and the built-in data end with a day; cli/test_since_last.py"
)
UPLIFT = "learns from weeks of an experiment; cli/test_uplift.py runs it"


NOT_RUN: Mapping[str, str] = {
    'ml-assets rollback recommendations --rescored --reason "..."': INSIDE_THE_DAY,
    "make demo": "is `ml-assets demo` after the installation that runs this test",
    "make test": "is what runs these tests",
    "make .venv/.installed": "is the installation that runs this test",
    "make docs-test": "is what runs these tests",
    "make test-long": "is what .ci/run runs beside these tests",
    "make test-spark": "needs Java, and PySpark from the network",
    "make lint": "is what .ci/run runs beside these tests",
    'make test PART="models drift"': "is a part of `make test`",
    "make test-fast": "is a part of `make test`",
    'make test-postgres VERSIONS="14 16"': "is what .ci/run runs beside these tests, with other versions",
    "make torture": "takes an hour",
    "make lock": "asks the registries, and changes the repository",
    "make clean": "would remove the installation that runs this test",
    "dagster dev": ENDLESS,
    "dagster dev -w workspace.yaml": ENDLESS,
    "dg dev": ENDLESS,
    "psql -v": "is an option, not a command",
    "git pull": NETWORK,
    "pip install 'ml-assets[s3]'": NETWORK,
    "pip install 'ml-assets[duckdb]'": NETWORK,
    "pip install 'ml-assets[spark]'": NETWORK,
    "docker compose up --detach --build --wait": ENGINE,
    "docker compose run --rm code ml-assets run": ENGINE,
    "docker compose exec -T code ml-assets status": ENGINE,
    "docker compose exec code ml-assets": ENGINE,
    "docker compose restart code": ENGINE,
    "docker compose restart daemon": ENGINE,
    "docker buildx imagetools inspect python:3.12-slim-trixie --format '{{.Manifest.Digest}}'": NETWORK,
    "docker buildx imagetools inspect postgres:18 --format '{{.Manifest.Digest}}'": NETWORK,
    "cp deploy/systemd/ml-assets-*@.* /etc/systemd/system/": SYSTEMD,
    "systemctl daemon-reload": SYSTEMD,
    "systemctl enable --now ml-assets-run@books.timer ml-assets-watch@books.service": SYSTEMD,
    "systemctl start ml-assets-run@books.service": SYSTEMD,
    'pg_dump --format=custom --file=ml_assets.dump "$DATABASE_URL"': BACKUP,
    "tar --create --gzip --file=home.tar.gz --exclude=./postgres --directory=.ml_assets .": BACKUP,
    'psql "$DATABASE_URL" --command="CREATE ROLE ml_owner; CREATE ROLE ml_writer; CREATE ROLE ml_reader; '
    'CREATE ROLE ml_merchandiser; CREATE ROLE ml_exposure; GRANT ml_owner, ml_writer TO CURRENT_USER"': BACKUP,
    'pg_restore --exit-on-error --dbname="$DATABASE_URL" ml_assets.dump': BACKUP,
    "mkdir --parents .ml_assets": BACKUP,
    "tar --extract --gzip --file=home.tar.gz --directory=.ml_assets": BACKUP,
    "ml-assets ui": ENDLESS,
    "ml-assets ui --port N": ENDLESS,
    "ml-assets ui --config books.yaml --config wine.yaml": ENDLESS,
    "ml-assets watch": ENDLESS,
    "ml-assets watch --port": ENDLESS,
    "python -m ml_assets.secret_files dagster-daemon run": ENDLESS,
    "python -m ml_assets_tests.deployment": "measures; deployment/test_topology.py starts the same, and more",
    "python -m benchmarks": "ml_assets_tests/test_benchmarks.py runs it",
    "ml-assets init --from postgresql://reader@db.example/shop": "needs that server; cli/test_init_postgres.py runs it",
    "ml-assets experiment estimate": ESTIMATE,
    "ml-assets experiment estimate --list LIST --placement P --days N --within N --lower-half --exposed": ESTIMATE,
    "ml-assets experiment estimate --list method:ease --placement discover": ESTIMATE,
    "ml-assets experiment estimate --list method:ease --lower-half": ESTIMATE,
    "ml-assets experiment estimate --list model:VERSION --days 28 --within 7 --exposed": ESTIMATE,
    "ml-assets experiment uplift NAME": UPLIFT,
    "ml-assets experiment uplift mail_in_may": UPLIFT,
    "ml-assets experiment uplift mail_in_may --plot curve.png": UPLIFT,
    "ml-assets export segments --by uplift --experiment mail_in_may": UPLIFT,
    "python -m benchmarks experiments": "measures for a minute; needs pgbench",
    "python -m benchmarks read": "measures for many minutes; test_benchmarks.py runs it with few lines",
    "python -m benchmarks read --rows 50000000 --rounds 1 --folder /var/tmp": "the same with more lines",
    "python -m benchmarks since-last": "measures for minutes; test_benchmarks.py runs it on a tiny shop",
    "python -m benchmarks spark": "needs Java, and PySpark from the network",
    "python -m benchmarks since-last --customers N --changed K": "the same with numbers of one's own",
    "python -m benchmarks ranker": "ml_assets_tests/test_benchmarks.py runs it on three months",
    "python -m benchmarks quality": "measures for an hour; short, which it is made of, runs",
    "python -m benchmarks short": "measures for an hour; ml_assets_tests/test_benchmarks.py runs it on a tiny shop",
    "python -m benchmarks lookup": "measures for many minutes; test_benchmarks.py runs others of its kind",
}

# Languages of blocks of code that are not run.
NO_DRIVER = "needs the language and its driver; was run by hand, as the page says"
CODE_NOT_RUN: Mapping[str, str] = {
    "javascript": NO_DRIVER,
    "php": NO_DRIVER,
    "java": NO_DRIVER,
    "go": NO_DRIVER,
    "ruby": NO_DRIVER,
    "dockerfile": "builds an image; no engine runs in tests",
}
