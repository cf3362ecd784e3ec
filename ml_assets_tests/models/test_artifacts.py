"""Cards, fingerprints and stored models."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.models.artifacts import CARD_FILE, load_artifact, save_artifact
from ml_assets.models.cards import ModelCard, fingerprint, library_versions, model_version


def card(version: str = "recommender-2024-07-01-0000abcd") -> ModelCard:
    return ModelCard(
        name="recommender",
        version=version,
        trained_through=date(2024, 6, 30),
        data_fingerprint="ab" * 16,
        parameters={"half_life_days": 90.0},
        metrics={"ndcg": 0.3},
        rows=10,
        customers=3,
        items=4,
        duration_seconds=0.1,
        seed=7,
        libraries=library_versions(["numpy"]),
    )


ARRAYS = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    "codes": np.array([3, 1], dtype=np.int32),
    "ids": np.array(["Äpfel", "b"]),
}


@pytest.mark.parametrize("make", [Path, UPath, lambda path: UPath(f"memory://{path}")])
def test_a_model_comes_back_as_it_was_saved(tmp_path: Path, make: Callable[[str], UPath]) -> None:
    folder = make(str(tmp_path / "model"))
    checksum = save_artifact(folder, card(), ARRAYS)
    again, arrays = load_artifact(folder, checksum)
    assert again == card()
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_equal_models_have_equal_checksums(tmp_path: Path) -> None:
    assert save_artifact(tmp_path / "a", card(), ARRAYS) == save_artifact(tmp_path / "b", card(), ARRAYS)


def test_saving_again_replaces_the_model_and_leaves_nothing_behind(tmp_path: Path) -> None:
    save_artifact(tmp_path, card(), ARRAYS)
    save_artifact(tmp_path, card("recommender-2024-07-08-11112222"), {"weights": np.ones(3)})
    again, arrays = load_artifact(tmp_path)
    assert again.version == "recommender-2024-07-08-11112222"
    assert set(arrays) == {"weights"}
    assert len(list(tmp_path.iterdir())) == 2


def test_objects_that_would_need_pickle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        save_artifact(tmp_path, card(), {"bad": np.array([{}], dtype=object)})


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model in .*`ml-assets run` trains it again"):
        load_artifact(tmp_path / "nowhere")


def damage_arrays(folder: Path) -> None:
    file = next(folder.glob("*.npz"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE = {
    "changed arrays": damage_arrays,
    "cut arrays": lambda folder: next(folder.glob("*.npz")).write_bytes(b"PK"),
    "lost arrays": lambda folder: next(folder.glob("*.npz")).unlink(),
    "cut card": lambda folder: (folder / CARD_FILE).write_text("{"),
    "foreign card": lambda folder: (folder / CARD_FILE).write_text('{"name": 1}'),
    "card of another kind": lambda folder: (folder / CARD_FILE).write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_model_is_refused(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    save_artifact(tmp_path, card(), ARRAYS)
    damage(tmp_path)
    with pytest.raises(UserError, match="damaged"):
        load_artifact(tmp_path)


def test_a_model_that_was_swapped_is_refused(tmp_path: Path) -> None:
    registered = save_artifact(tmp_path, card(), ARRAYS)
    save_artifact(tmp_path, card(), {"weights": np.zeros(3)})
    with pytest.raises(UserError, match="registered"):
        load_artifact(tmp_path, registered)


ROWS = st.lists(
    st.tuples(st.integers(-5, 5), st.sampled_from(["a", "b", None]), st.sampled_from([0.0, 1.5, None]), st.booleans()),
    max_size=20,
)


def frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    schema = {"number": pl.Int64, "text": pl.String, "value": pl.Float64, "flag": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


@given(ROWS, st.randoms(use_true_random=False))
def test_fingerprints_do_not_depend_on_the_order_of_rows_or_columns(
    rows: list[tuple[object, ...]], random: Random
) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert fingerprint(frame(rows)) == fingerprint(frame(shuffled).select("flag", "value", "text", "number"))


@given(ROWS, ROWS)
def test_different_rows_have_different_fingerprints(
    one: list[tuple[object, ...]], other: list[tuple[object, ...]]
) -> None:
    key = repr
    assert (fingerprint(frame(one)) == fingerprint(frame(other))) == (sorted(one, key=key) == sorted(other, key=key))


def test_fingerprints_stay_the_same_over_versions_of_the_libraries() -> None:
    rows = pl.DataFrame({"id": [1, 2], "name": ["x", None], "day": [date(2024, 1, 1), None]})
    assert fingerprint(rows) == "c0d2ebf4de5b3ca64f47092ca73edd35"


def test_swapped_columns_and_other_types_have_other_fingerprints() -> None:
    prints = [
        fingerprint(pl.DataFrame({"a": [1], "b": [2]})),
        fingerprint(pl.DataFrame({"a": [2], "b": [1]})),
        fingerprint(pl.DataFrame({"a": [1], "c": [2]})),
        fingerprint(pl.DataFrame({"a": [1.0], "b": [2]})),
    ]
    assert len(set(prints)) == 4


def test_a_version_names_the_first_day_it_may_score_and_changes_with_every_input() -> None:
    base = model_version("recommender", date(2024, 6, 30), "f", {"x": 1}, 7)
    assert base.startswith("recommender-2024-07-01-")
    assert len({base, *(model_version("recommender", date(2024, 6, 30), *rest) for rest in OTHERS)}) == 4


OTHERS = [("g", {"x": 1}, 7), ("f", {"x": 2}, 7), ("f", {"x": 1}, 8)]
