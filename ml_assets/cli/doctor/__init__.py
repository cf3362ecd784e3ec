"""`ml-assets doctor`: everything that a run needs, looked at in one go, each finding with what mends it."""
