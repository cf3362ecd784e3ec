"""Errors by their codes, which stay when words change."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ml_assets.errors import Code, UserError


@contextmanager
def refused(code: Code, match: str | None = None) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """A block that must raise a `UserError` of this code; `match` is for the facts in its words."""
    with pytest.raises(UserError, match=match) as raised:
        yield raised
    assert raised.value.code == code
