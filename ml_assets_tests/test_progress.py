"""How far long work is, and when it will be over."""

from ml_assets.progress import Course, Estimate, Lines, Stage, part_of


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_steps_count_by_the_time_that_they_usually_take() -> None:
    told: list[Stage] = []
    course = Course(told.append, {"reading": 1.0, "learning": 3.0})
    course.begin("reading", "reading")
    course.begin("learning", "learning trees")
    course.inside(1 / 3, ", 1 of 3")
    assert told == [Stage("reading", 0.0), Stage("learning trees", 0.25), Stage("learning trees, 1 of 3", 0.5)]
    part = part_of(told.append, 0.2, 0.6)
    part(told[-1])
    assert told[-1].share == 0.4


def test_a_step_that_was_not_foreseen_takes_nothing_and_no_share_passes_the_whole() -> None:
    told: list[Stage] = []
    course = Course(told.append, {"one": 0.0})
    course.begin("other", "something else")
    course.inside(1.0)
    assert [stage.share for stage in told] == [0.0, 0.0]


def test_the_time_left_follows_from_the_time_taken() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.note(0.5)
    assert estimate.left == "", "nothing can be told at once"
    clock.now += 60
    estimate.note(0.25)
    assert estimate.left == "about 3 min left"
    clock.now += 140
    assert estimate.left == "about 40 s left", "it goes down while nothing is told"
    clock.now += 45
    assert estimate.left == "some seconds left"
    clock.now += 60
    assert estimate.left == "longer than usual", "nothing is promised again and again"


def test_a_log_gets_a_line_at_most_every_half_minute_whatever_is_told() -> None:
    clock, written = Clock(), list[str]()
    lines = Lines(written.append, clock=clock)
    for second in range(65):
        clock.now = 100.0 + second
        lines(Stage("learning", second / 130))
    assert written == ["learning, 0%", "learning, 23%, about 2 min left", "learning, 46%, about 70 s left"]
