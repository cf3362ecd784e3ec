"""Exact top-K scoring beside its floor, the products alone, and beside the package implicit.

Every case has exclusions (what a customer already has) and availability (a tenth of the items is not). Packing,
checks and threads are inside our time. The cases and the table belong here.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import typer
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_info

from benchmarks import scoring_implicit
from benchmarks.built_in import purchases_until
from benchmarks.scoring_floors import BlockedProduct, scattered_product
from benchmarks.sides import interleaved, ratios
from ml_assets.cli.console import ERR, OUT, table
from ml_assets.models.kernels.csr import Bools, Csr, Float32
from ml_assets.models.matrices.dense_scores import top_factors
from ml_assets.models.matrices.sparse_scores import top_items
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.similarity import ItemSimilarity

K = 20
FACTORS = 64
AS_OF = date(2017, 11, 30)
AVAILABLE = 0.9


@dataclass(frozen=True)
class Case:
    """One thing to score, and the ways to do it; `floor` and `ours` always, `implicit` where it is installed."""

    name: str
    shape: str
    sides: dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Measured:
    """Seconds are wall clock, the least of all repetitions; ratios are to the floor."""

    case: str
    shape: str
    k: int
    repetitions: int
    floor_seconds: float
    ours_seconds: float
    ours_ratio_of_minima: float
    ours_median_ratio: float
    implicit_seconds: float | None
    implicit_ratio_of_minima: float | None
    implicit_median_ratio: float | None


def cases(quick: bool) -> Iterator[Case]:
    """Made when they are measured, because each occupies memory."""
    rng = np.random.default_rng(0)
    users, items = (1_000, 5_000) if quick else (20_000, 50_000)
    histories = random_rows(rng, users, items, 50)
    yield dense_case(
        "dense, flat norms",
        rng.standard_normal((users, FACTORS), dtype=np.float32),
        rng.standard_normal((items, FACTORS), dtype=np.float32),
        histories,
        available(rng, items),
    )
    purchases = purchases_until(date(2017, 1, 31) if quick else AS_OF)
    counts = purchases.decayed(180.0)
    counts = counts.with_data(np.log1p(counts.data))
    svd = TruncatedSVD(FACTORS, random_state=0)
    yield dense_case(
        "dense, built-in data",
        svd.fit_transform(
            csr_matrix((counts.data, counts.indices, counts.indptr), shape=(counts.rows, counts.columns))
        ).astype(np.float32),
        np.ascontiguousarray(svd.components_.T, dtype=np.float32),
        counts,
        available(rng, counts.columns),
    )
    yield built_in_sparse_case(purchases, rng)
    yield sparse_case("sparse, skewed", histories, random_rows(rng, items, items, 100), available(rng, items))


def dense_case(name: str, users: Float32, items: Float32, excluded: Csr, eligible: Bools) -> Case:
    """Factors of users (n x f) and items (m x f)."""
    sides: dict[str, Callable[[], object]] = {
        "floor": BlockedProduct(users, items[eligible]),
        "ours": lambda: top_factors(users, items, K, eligible=eligible, excluded=excluded).items,
    }
    if scoring_implicit.INSTALLED:
        sides["implicit"] = lambda: scoring_implicit.dense_lists(users, items, K, eligible, excluded)
    return Case(name, f"{len(users):,} x {len(items):,} x {users.shape[1]}", sides)


def sparse_case(name: str, histories: Csr, similar: Csr, eligible: Bools) -> Case:
    """Histories (n x m) times similarities (m x m)."""
    lengths = np.diff(similar.indptr)[histories.indices]
    sides: dict[str, Callable[[], object]] = {
        "floor": lambda: scattered_product(histories, similar),
        "ours": lambda: top_items(histories, similar, K, eligible=eligible, excluded=histories).items,
    }
    if scoring_implicit.INSTALLED:
        theirs = scoring_implicit.SparseLists(similar, eligible)
        sides["implicit"] = lambda: theirs(histories, K)[0]
    products = int(lengths.sum() / max(histories.rows, 1))
    return Case(name, f"{histories.rows:,} x {similar.columns:,}, {products:,} products each", sides)


def built_in_sparse_case(purchases: Purchases, rng: np.random.Generator) -> Case:
    """Item-item similarity as the model learns it from the built-in data."""
    model = ItemSimilarity().fit(purchases)
    product = model.product(purchases)
    histories = product.left(np.arange(len(purchases.customers), dtype=np.int32))
    return sparse_case("sparse, built-in data", histories, model.similar_, available(rng, histories.columns))


def random_rows(rng: np.random.Generator, rows: int, columns: int, per_row: int) -> Csr:
    """About `per_row` entries in each row, low columns more often, as in lists of best sellers."""
    weights = np.cumsum(1 / (np.arange(columns) + 10.0) ** 0.8)
    drawn = np.searchsorted(weights, rng.random((rows, per_row)) * weights[-1]).clip(max=columns - 1)
    drawn.sort(axis=1)
    kept = np.ones(drawn.shape, np.bool_)
    kept[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
    indptr = np.append(0, np.cumsum(kept.sum(axis=1)))
    return Csr.of(indptr, drawn[kept].astype(np.int32), rng.random(indptr[-1]), columns)


def available(rng: np.random.Generator, items: int) -> Bools:
    """Which items may be listed."""
    return rng.random(items) < AVAILABLE


def measure(case: Case, repetitions: int) -> Measured:
    """Measure one case."""
    seconds = interleaved(case.sides, repetitions)
    ours = ratios(seconds["ours"], seconds["floor"])
    theirs = ratios(seconds["implicit"], seconds["floor"]) if "implicit" in seconds else (None, None)
    return Measured(
        case=case.name,
        shape=case.shape,
        k=K,
        repetitions=repetitions,
        floor_seconds=min(seconds["floor"]),
        ours_seconds=min(seconds["ours"]),
        ours_ratio_of_minima=ours[0],
        ours_median_ratio=ours[1],
        implicit_seconds=min(seconds["implicit"]) if "implicit" in seconds else None,
        implicit_ratio_of_minima=theirs[0],
        implicit_median_ratio=theirs[1],
    )


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Small shapes, two repetitions: only that it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="Turns of each side.")] = 9,
) -> None:
    """Measure exact top-K scoring beside the products alone and beside implicit, in turns, in one run."""
    measured = []
    for case in cases(quick):
        ERR.print(f"[dim]{case.name}: {case.shape}[/dim]")
        measured.append(measure(case, 2 if quick else repetitions))
    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    if as_json:
        facts = {"workers": os.cpu_count(), "blas_threads_per_worker": 1, "blas": blas}
        typer.echo(json.dumps({"cases": [asdict(each) for each in measured], **facts}, indent=2))
        return
    show(measured, blas)


def show(measured: list[Measured], blas: list[dict[str, Any]]) -> None:
    """One table, and what it was measured on."""
    headings = ["case", "shape", "K", "floor s", "ours s", "ratio", "median", "implicit s", "ratio", "median"]
    rows = [
        [
            each.case, each.shape, f"{each.k}", f"{each.floor_seconds:.3f}", f"{each.ours_seconds:.3f}",
            f"{each.ours_ratio_of_minima:.2f}", f"{each.ours_median_ratio:.2f}",
            *(
                "-" if value is None else f"{value:.{digits}f}"
                for value, digits in (
                    (each.implicit_seconds, 3), (each.implicit_ratio_of_minima, 2), (each.implicit_median_ratio, 2),
                )
            ),
        ]
        for each in measured
    ]  # fmt: skip
    table("Exact top-K beside its floor, the products alone", headings, rows, right=headings[2:])
    OUT.print("Seconds: least of all turns. Ratios to the floor: of the least seconds, and median of the turns.")
    versions = sorted({f"{each['internal_api']} {each['version']} ({each['architecture']})" for each in blas})
    OUT.print(f"{os.cpu_count()} workers, one BLAS thread each; {', '.join(versions)}.")
    if not scoring_implicit.INSTALLED:
        OUT.print(
            f"implicit is not installed, so its columns are empty. To compare: {scoring_implicit.INSTALL}", markup=False
        )


def main() -> None:
    """Measure what the command line asks for."""
    app = typer.Typer(add_completion=False)
    app.command()(run)
    app(prog_name="python -m benchmarks scoring")
