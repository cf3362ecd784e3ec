"""LightGBM as the models use it: loaded late, its trees kept as text.

What is learned with it belongs to the models; nothing here knows customers or items.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import UserError

if TYPE_CHECKING:
    import lightgbm


def why_not_loaded() -> str | None:
    """Why LightGBM cannot be used on this machine, or None."""
    try:
        load_lightgbm()
    except UserError as error:
        return error.problem.removesuffix(".")
    return None


def load_lightgbm() -> Any:
    """The library, imported on first use: it is slow to import, and most processes never train or rank.

    Raises `UserError` where the machine lacks OpenMP, which its wheels do not bring.
    """
    try:
        import lightgbm  # noqa: PLC0415
    except OSError as error:
        raise UserError(
            f"LightGBM cannot be loaded ({str(error).splitlines()[0]}).",
            "Install OpenMP: `apt-get install libgomp1`, or `brew install libomp` on macOS.",
        ) from error
    return lightgbm


def to_text(booster: "lightgbm.Booster") -> npt.NDArray[np.uint8]:
    """The trees as LightGBM's own text, which runs no code when it is read, in bytes."""
    return np.frombuffer(booster.model_to_string().encode(), dtype=np.uint8)


def from_text(text: npt.NDArray[np.uint8]) -> "lightgbm.Booster":
    """The trees that `to_text` wrote; raises `UserError` where LightGBM cannot be loaded."""
    booster: lightgbm.Booster = load_lightgbm().Booster(model_str=text.tobytes().decode())
    return booster
