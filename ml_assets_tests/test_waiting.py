"""Waiting for somebody else's answer is told to who listens, and only where it takes long."""

from threading import Event

from ml_assets.waiting import listening, waiting_for


def test_a_long_wait_is_told_and_when_it_is_over() -> None:
    told, heard = list[str](), Event()

    def listener(what: str) -> None:
        told.append(what)
        heard.set()

    with listening(listener), waiting_for("the database", after=0.01):
        assert heard.wait(30)
    assert told == ["the database", ""]


def test_a_short_wait_is_not_told() -> None:
    told = list[str]()
    with listening(told.append), waiting_for("the database", after=3600):
        pass
    assert told == []


def test_who_has_stopped_to_listen_is_told_nothing() -> None:
    told, heard = list[str](), Event()
    with listening(told.append):
        pass
    with listening(lambda _: heard.set()), waiting_for("the database", after=0.01):
        assert heard.wait(30)
    assert told == []
