"""The compiled walk through trees against LightGBM's own predictions."""

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.models.kernels.trees import LANES
from ml_assets.models.ranking.forest import Forest

FEATURES = 6


def shop(seed: int, rows: int, unknown: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows x features, float32, and labels that hang on some of them; the first half of the features has gaps."""
    rng = np.random.default_rng(seed)
    features = rng.integers(-3, 4, (rows, FEATURES)).astype(np.float32)
    features[:, 1::2] += rng.standard_normal((rows, FEATURES // 2), dtype=np.float32)
    label = features[:, 0] + features[:, 1] * features[:, 4] > rng.standard_normal(rows)
    features[:, : FEATURES // 2][rng.random((rows, FEATURES // 2)) < unknown] = np.nan
    return features, label.astype(np.int8)


def grown(
    features: np.ndarray, label: np.ndarray, trees: int = 4, *, categorical: Any = "auto", **given: Any
) -> lightgbm.Booster:
    groups = [features.shape[0] // 4] * 3
    parameters = {"objective": "lambdarank", "min_data_in_leaf": 3, "num_threads": 1, "verbose": -1, **given}
    data = lightgbm.Dataset(
        features, label, group=[*groups, features.shape[0] - sum(groups)], categorical_feature=categorical
    )
    return lightgbm.train(parameters, data, trees)


def predicted(booster: lightgbm.Booster, rows: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(rows, raw_score=True))


def walked(boosters: list[lightgbm.Booster], rows: np.ndarray) -> np.ndarray:
    forest = Forest.of([booster.model_to_string() for booster in boosters])
    return forest.sums(forest.names, np.ascontiguousarray(rows.T))


@given(
    st.integers(0, 99), st.integers(20, 400), st.sampled_from([0.0, 0.3, 1.0]), st.integers(1, 4), st.integers(2, 64),
    st.sampled_from(["lambdarank", "rank_xendcg", "regression"]),
)  # fmt: skip
@example(0, 60, 0.3, 1, 2, "lambdarank")
@example(1, 400, 0.0, 2, 64, "regression")
@settings(deadline=None, max_examples=25)
def test_the_sums_are_those_that_lightgbm_predicts(
    seed: int, rows: int, unknown: float, trees: int, leaves: int, objective: str
) -> None:
    booster = grown(*shop(seed, rows, unknown), trees=trees, num_leaves=leaves, objective=objective)
    asked = shop(seed + 1, LANES + 70, 0.5)[0]
    asked[0], asked[1] = np.nan, np.finfo(np.float32).max
    np.testing.assert_allclose(walked([booster], asked), predicted(booster, asked), rtol=0, atol=1e-6)


def test_values_on_a_threshold_go_the_way_that_lightgbm_sends_them() -> None:
    features, label = shop(3, 300, 0.2)
    booster = grown(features, label, trees=20, num_leaves=31)
    forest = Forest.of([booster.model_to_string()])
    thresholds = np.unique(forest.splits[2])
    around = [np.nextafter(thresholds, np.float32(to)) for to in (-np.inf, np.inf)]
    on = np.concatenate([thresholds, *around])
    asked = np.repeat(on[:, np.newaxis], FEATURES, axis=1)
    np.testing.assert_allclose(walked([booster], asked), predicted(booster, asked), rtol=0, atol=1e-9)


def test_trees_that_found_nothing_to_split_have_one_leaf_for_all() -> None:
    booster = grown(*shop(4, 40, 0.0), min_data_in_leaf=1000)
    asked = shop(5, 9, 0.2)[0]
    assert walked([booster], asked).tolist() == predicted(booster, asked).tolist()


def test_several_boosters_are_summed_up_whatever_their_leaves() -> None:
    features, label = shop(6, 400, 0.3)
    boosters = [grown(features, label, num_leaves=leaves) for leaves in (3, 40)]
    expected = sum(predicted(booster, features) for booster in boosters)
    np.testing.assert_allclose(walked(boosters, features), expected, rtol=0, atol=1e-9)


def test_parts_of_the_pairs_have_the_same_bits_as_the_whole() -> None:
    features, label = shop(7, 3000, 0.3)
    booster = grown(features, label)
    whole = walked([booster], features)
    assert np.concatenate([walked([booster], features[:1001]), walked([booster], features[1001:])]).tolist() == (
        whole.tolist()
    )
    assert walked([booster], features[:0]).size == 0


def test_features_are_found_by_their_names() -> None:
    features, label = shop(8, 200, 0.3)
    booster = grown(features, label, num_leaves=8)
    forest = Forest.of([booster.model_to_string()])
    order = [3, 5, 1, 0, 4, 2]
    mixed = forest.sums([*(forest.names[place] for place in order), "another"], np.append(
        features.T[order], np.zeros((1, 200), np.float32), axis=0
    ))  # fmt: skip
    np.testing.assert_allclose(mixed, predicted(booster, features), rtol=0, atol=1e-9)
    with pytest.raises(UserError, match="asks for Column_"):
        forest.sums(["another"], features.T[:1])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"num_leaves": 90, "min_data_in_leaf": 1}, "at most 64"),
        ({"categorical": [0]}, "categories"),
        ({"linear_tree": True, "objective": "regression"}, "linear"),
        ({"zero_as_missing": True}, "zeros"),
    ],
)
def test_trees_that_cannot_be_walked_are_refused(given: dict[str, Any], words: str) -> None:
    features, label = shop(9, 2000, 0.0)
    features[:, 0] = np.arange(2000) % 7
    label = (features[:, 0] % 2).astype(np.int8)
    with pytest.raises(ValueError, match=words):
        Forest.of([grown(features, label, **given).model_to_string()])
