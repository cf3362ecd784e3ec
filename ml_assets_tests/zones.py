"""Time zones whose clock is changed, and the days of 2024 on which it is: the usual ones, and those that do it at
midnight, so that a day has no beginning or two, or by half an hour.
"""

from datetime import date, timedelta

CHANGES = [
    ("Europe/Berlin", date(2024, 3, 31)),
    ("Europe/Berlin", date(2024, 10, 27)),
    ("America/New_York", date(2024, 3, 10)),
    ("America/New_York", date(2024, 11, 3)),
    ("America/Santiago", date(2024, 4, 7)),
    ("America/Santiago", date(2024, 9, 8)),
    ("Africa/Cairo", date(2024, 4, 26)),
    ("Africa/Cairo", date(2024, 11, 1)),
    ("Australia/Lord_Howe", date(2024, 4, 7)),
    ("Australia/Lord_Howe", date(2024, 10, 6)),
]


def fortnight_around(change: date) -> list[date]:
    """Fourteen days, the change in the middle."""
    return [change + timedelta(days=number) for number in range(-7, 7)]
