"""The lists of a day, ranked by Spark's executors: the same functions on the same blocks as without Spark.

The driver prepares the day and broadcasts what came of it; a task ranks some blocks of customers and sends their frames
back. What is ranked, and how, belongs to `models/ranking`.
"""

import pickle
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import polars as pl

from ml_assets.errors import PassingError
from ml_assets.models.ranking.prepared import Frames, ModelRanking, Prepared, Recommended
from ml_assets.progress import Report, Stage, silent
from ml_assets.settings.compute import ComputeSettings
from ml_assets.spark.background import in_background
from ml_assets.spark.session import Session, last_words, spark_errors, without_pandas_warnings

SCHEMA = "task bigint, placement string, lists binary"
"""Of what tasks send back: frames travel as Arrow files, so that every type comes back as it was."""
LOOK_EVERY = 0.5
"""Seconds between looks at how far Spark is."""


@dataclass(frozen=True)
class Work:
    """All blocks of a day, for all its models."""

    rankings: list[ModelRanking]
    tasks: list[tuple[int, int, int]]
    """Number of the ranking, and bounds of the block."""

    def rank(self, task: int) -> Frames:
        """Rank one block."""
        number, first, last = self.tasks[task]
        return self.rankings[number].rank(first, last)

    def __reduce__(self) -> tuple[Any, ...]:
        """Scores hold functions made inside others, which only Spark's own pickle can send."""
        from pyspark import cloudpickle  # noqa: PLC0415 of an extra

        return _received, (cloudpickle.dumps((self.rankings, self.tasks), pickle.HIGHEST_PROTOCOL),)


def recommend_on_spark(
    session: Session, settings: ComputeSettings, day: Prepared, report: Report = silent
) -> Recommended:
    """The lists of a day, equal row by row to those of `recommend`.

    Raises `PassingError` where Spark gives up: a lost executor's blocks are ranked again by others, four times.
    """
    models, blocks = len(day.by_model()), day.blocks()
    tasks = [(number, first, last) for number in range(models) for first, last in blocks]
    if not tasks:
        return day.recommended([])
    report(Stage("sending what ranking needs to Spark", 0.0))
    shared = session.sparkContext.broadcast(Work(list(day.rankings()), tasks))
    try:
        with without_pandas_warnings():
            plan = session.range(0, len(tasks), 1, min(settings.shards, len(tasks))).mapInArrow(
                lambda batches: _ranked(shared, batches), SCHEMA
            )
            found = pl.DataFrame(pl.from_arrow(_collected(session, plan, report)))
    except spark_errors() as error:
        raise PassingError(
            f"Ranking on Spark ({settings.master}) failed: {last_words(error)}",
            "The logs of the executors have the rest; compute.kind: embedded ranks without Spark.",
            code="run.failed",
        ) from error
    finally:
        shared.destroy()
    rows = found.sort("task", maintain_order=True).select("placement", "lists").iter_rows()
    return day.recommended((placement, pl.read_ipc(lists)) for placement, lists in rows)


def _ranked(shared: Any, batches: Iterator[Any]) -> Iterator[Any]:
    """On an executor: the frames of the tasks that it is given, one row for each."""
    import pyarrow as pa  # noqa: PLC0415 of an extra

    for batch in batches:
        for task in batch.column(0).to_pylist():
            for placement, frame in shared.value.rank(task):
                row = {"task": task, "placement": placement, "lists": _file(frame)}
                yield pa.RecordBatch.from_pylist(
                    [row], pa.schema([("task", pa.int64()), ("placement", pa.string()), ("lists", pa.binary())])
                )


def _file(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def _received(content: bytes) -> Work:
    return Work(*pickle.loads(content))  # noqa: S301 what our own driver broadcast


def _collected(session: Session, plan: Any, report: Report) -> Any:
    """All rows as an Arrow table, while it is told how many tasks are done; whoever stops waiting stops the tasks."""
    group, context = f"ml_assets-{id(plan)}", session.sparkContext

    def collect() -> Any:
        context.setJobGroup(group, "ranking", interruptOnCancel=True)
        return plan.toArrow()

    collecting = in_background(collect)
    try:
        while not _is_done(collecting):
            done, tasks = _done(context, group)
            report(Stage(f"ranking on Spark, {done} of {tasks or '?'} shards", done / max(tasks, 1)))
    except BaseException:
        context.cancelJobGroup(group)
        raise
    return collecting.result()


def _is_done(future: Future[Any]) -> bool:
    try:
        future.exception(LOOK_EVERY)
    except TimeoutError:
        return False
    return True


def _done(context: Any, group: str) -> tuple[int, int]:
    """Tasks that are done, and all."""
    tracker = context.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
    known = [stage for stage in stages if stage]
    return sum(stage.numCompletedTasks for stage in known), sum(stage.numTasks for stage in known)
