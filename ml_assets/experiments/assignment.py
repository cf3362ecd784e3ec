"""Who is in which arm: drawn by a hash, the same here and in the database (`contract/functions/place_of.sql`).

Only drawing belongs here. Who may take part at all is asked in `entrants.py` and in `ml.assign_arm`.
"""

import secrets
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.float64]
PLACES = float(2**48)


def new_salt() -> str:
    """What makes a draw another than all before: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def places_of(salt: str, customers: Sequence[int] | Sequence[str]) -> Places:
    """A number from 0 to below 1 for each customer: the first 48 bits of SHA-256 of `salt:customer` in UTF-8.

    Uniform, always the same for a customer and a salt, and independent between salts.
    """
    begun = sha256(f"{salt}:".encode())
    found = np.empty(len(customers), np.float64)
    for number, customer in enumerate(customers):
        digest = begun.copy()
        digest.update(str(customer).encode())
        found[number] = int.from_bytes(digest.digest()[:6]) / PLACES
    return found


def arms_at(places: Places, drawn_below: Sequence[float]) -> npt.NDArray[np.int64]:
    """The number of the arm at each place, from 0: the first whose bound is above it."""
    return np.searchsorted(np.asarray(drawn_below), places, side="right")


def bounds_of(shares: Sequence[float]) -> list[float]:
    """The places below which each arm is drawn; the last is exactly 1, whatever rounding makes of the sum."""
    bounds = np.cumsum(np.asarray(shares, np.float64))
    bounds[-1] = 1.0
    return [float(bound) for bound in bounds]
