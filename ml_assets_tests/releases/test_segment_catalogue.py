"""What became of the segments at each training, and what is no move."""

from ml_assets.database.connection import ServingConnection
from ml_assets_tests.releases.frames import MONDAY
from ml_assets_tests.releases.segment_days import history, moves, publish, trained


def test_the_catalogue_says_what_a_training_made_of_the_segments(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal", 2: "dormant", 3: "active"}, keys=("loyal", "dormant", "active"))
    lineage = {
        "loyal": ("kept", ["loyal"]), "champions": ("split", ["loyal"]), "at_risk": ("merged", ["dormant", "active"]),
        "dormant": ("ended", ["at_risk"]), "active": ("ended", ["at_risk"]),
    }  # fmt: skip
    trained(connection, "m-2", lineage)
    publish(connection, 7, {1: "champions", 2: "at_risk", 3: "at_risk"}, "m-2", keys=("loyal", "champions", "at_risk"))
    query = (
        "SELECT segment_key, valid_from - %s::date, valid_to - %s::date, change, parents, ended_into "
        "FROM ml.segment_catalogue ORDER BY valid_from, segment_key"
    )
    assert connection.execute(query, [MONDAY, MONDAY]).fetchall() == [
        ("active", 0, 7, "born", [], ["at_risk"]),
        ("dormant", 0, 7, "born", [], ["at_risk"]),
        ("loyal", 0, 7, "born", [], None),
        ("at_risk", 7, None, "merged", ["dormant", "active"], None),
        ("champions", 7, None, "split", ["loyal"], None),
        ("loyal", 7, None, "kept", ["loyal"], None),
    ]


def test_a_relabelling_is_no_move(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal", 2: "dormant", 3: "loyal"}, keys=("loyal", "dormant"))
    trained(connection, "m-2", {"at_risk": ("born", []), "dormant": ("ended", ["at_risk"]), "loyal": ("kept", [])})
    publish(connection, 1, {1: "loyal", 2: "at_risk", 3: "at_risk"}, "m-2", keys=("loyal", "at_risk"))
    publish(connection, 2, {1: "at_risk", 2: "at_risk", 3: "at_risk"}, "m-2", keys=("loyal", "at_risk"))
    assert {kind for *_, kind in moves(connection, 1)} == {"stayed", "relabelled"}
    assert history(connection, 2)[-1] == ("at_risk", 1, None, "relabelled")
    assert history(connection, 1)[-1] == ("at_risk", 2, None, "moved")


def test_a_key_that_ended_and_was_given_again_at_once_is_another_segment(connection: ServingConnection) -> None:
    publish(connection, 0, {1: "loyal", 2: "dormant"}, keys=("loyal", "dormant"))
    trained(connection, "m-2", {"loyal": ("kept", []), "dormant": ("ended", ["loyal"])})
    publish(connection, 1, {1: "loyal", 2: "dormant"}, "m-2", keys=("loyal", "dormant"))
    assert moves(connection, 1) == {("loyal", "loyal", "stayed"): 1, ("dormant", "dormant", "relabelled"): 1}
