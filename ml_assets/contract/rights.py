"""What each role may do: the one table of it. Granting is in `roles.py`; docs/security.md is tested to say the same.

Names are those of `Schemas.names`. Reading the contract, which every role may, is not listed.
"""

from collections.abc import Mapping
from typing import LiteralString

Rights = Mapping[str, LiteralString]
"""Table of the books (`store.` before those of the lists) -> rights on it."""

NEW_RELEASE: LiteralString = (
    "subject, data_as_of, model_version, run_id, k, row_count, key_count, state, reason, gates, facts, "
    "accepted_reason, source_words, reason_words"
)
MERCHANDISER: Rights = {
    "rules": "SELECT, INSERT, UPDATE, DELETE",
    "purchases": "SELECT, INSERT, UPDATE, DELETE",
    "opt_outs": "SELECT, INSERT, UPDATE, DELETE",
    "opt_outs_of_shop": "SELECT",
    "reason_templates": "SELECT, INSERT, UPDATE",
}
# Publishing and keeping the books. What changes history, or takes an owner, goes through the functions below.
WRITER: Rights = {
    "releases": f"SELECT, INSERT ({NEW_RELEASE})",
    "live": "SELECT",
    "live_history": "SELECT",
    "rescorings": "SELECT, INSERT",
    "published_recommendations": "SELECT",
    "store.replaced_recommendations": "SELECT",
    "store.rescored_customers": "SELECT",
    "models": "SELECT",
    "segmentation_models": "SELECT, INSERT",
    "store.items": "SELECT, INSERT, UPDATE",
    "store.segments": "SELECT, INSERT",
    "shop": "SELECT, UPDATE (timezone, business_days)",
    "placements": "SELECT, INSERT, UPDATE",
    "freshness_policies": "SELECT, INSERT, UPDATE, DELETE",
    "not_made": "SELECT, INSERT, UPDATE, DELETE",
    "holidays": "SELECT, INSERT, UPDATE, DELETE",
    "observations": "SELECT, INSERT, UPDATE",
    "source_days": "SELECT, INSERT, UPDATE",
    "restatements": "SELECT, INSERT, UPDATE (rebuilt_at)",
    "drift": "SELECT, INSERT, UPDATE",
    "incidents": "SELECT, INSERT, UPDATE",
    "messages": "SELECT, INSERT, UPDATE",
    "channels": "SELECT, INSERT, UPDATE",
    "evaluators": "SELECT, INSERT, UPDATE, DELETE",
    "mutes": "SELECT, INSERT, UPDATE, DELETE",
    "rules": "SELECT",
    "purchases": "SELECT",
    "opt_outs": "SELECT",
    "opt_outs_of_shop": "SELECT, INSERT, DELETE",
    "opt_outs_read": "SELECT, INSERT, UPDATE",
    "unread": "SELECT, INSERT, UPDATE, DELETE",
    "reason_templates": "SELECT",
    "hidden_items": "SELECT",
    # Whether anybody was erased at all.
    "erased_customers": "SELECT (erased_at)",
    "migrations": "SELECT",
    "objects": "SELECT",
    "roles": "SELECT",
    "experiment_layers": "SELECT, INSERT",
    # What was started stays as it was started.
    "experiments": "SELECT, INSERT, UPDATE (serving_since, stopped_at, stopped_reason)",
    "experiment_arms": "SELECT, INSERT",
    "experiment_rules": "SELECT, INSERT",
    "store.experiment_customers": "SELECT",
    "store.exposures": "SELECT",
    "experiment_days_known": "SELECT",
    "exposures_set_aside": "SELECT",
    "opted_out": "SELECT",
    "live_quality": "SELECT, INSERT, DELETE",
    "live_places": "SELECT, INSERT",
}
WRITER_FUNCTIONS = (
    "take_turn",
    "create_partition",
    "attach_partition",
    "show_release",
    "withdraw_release",
    "begin_rescoring",
    "show_rescored",
    "undo_rescorings",
    "accept_release",
    "pin_live",
    "retire_releases",
    "drop_release",
    "prune_purchases",
    "keep_segment_history",
    "register_model",
    "force_promotion",
    "decline_model",
    "end_trial",
    "is_erased",
    "erased_among",
    "is_business_day",
    "judge_freshness",
    "hold_off_erasure",
    "arrange_for_arm",
    "enter_customers",
    "drop_exposures",
    "begin_outcomes",
    "add_outcomes",
)
EXPOSURE_FUNCTIONS = ("log_exposure",)
"""In the contract, but for those who tell exposures alone."""
