"""Refusing commands about what a shop does not make."""

from ml_assets.errors import UserError
from ml_assets.settings.made import not_made, switched_off
from ml_assets.settings.shop import Settings

WORDS = {
    "recommendations": "lists of recommendations",
    "recommender_model": "recommendations",
    "segment_assignments": "segments",
}


def require_made(settings: Settings, subject: str) -> None:
    """Raise `UserError` with the reason where the shop does not make a subject."""
    if reason := not_made(settings).get(subject):
        made = ", ".join(settings.published)
        raise UserError(
            f"This shop makes no {WORDS[subject]}: {reason[:1].lower()}{reason[1:]}",
            f"It makes {made}. Change the settings where that is not what you want (docs/connect.md).",
        )


def require_possible(settings: Settings, subject: str) -> None:
    """Raise `UserError` where a subject cannot be, whoever makes it; one that is switched off may come from others."""
    if subject not in switched_off(settings):
        require_made(settings, subject)
