"""Parameters of methods: described and bounded where the constructor names them, checked before a method is made.

What several methods share is described here, and the check; what is a method's own stands in its constructor.
"""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ml_assets.errors import UserError

Made = TypeVar("Made")
# Parameters mostly come from the card of a model.
TRAIN_AGAIN = "Train the recommender again, or put a model of this version in force with `ml-assets promote`."

Days = Annotated[int, Field(ge=1, description="Length of the window, in days.")]
HalfLifeDays = Annotated[float, Field(gt=0, description="Days in which a purchase loses half of its weight.")]
RepeatRate = Annotated[float, Field(ge=0, description="Weight of how readily an item is bought again.")]
Neighbours = Annotated[int, Field(ge=1, description="Nearest customers that are asked.")]
MinItemBuyers = Annotated[int, Field(ge=1, description="Items with fewer buyers stay out of the model.")]
MaxItems = Annotated[int, Field(ge=1, description="Items in the model, most purchases first.")]
Kept = Annotated[int, Field(ge=1, description="Largest weights that are kept of each item.")]
Share = Annotated[float, Field(ge=0, le=1)]
SourceNames = Annotated[list[str], Field(min_length=1, description="Recommenders that are combined.")]
Seed = Annotated[int, Field(ge=0, lt=2**32, description="Of everything random in fitting.")]


@cache
def schema_of(kind: Callable[..., Any]) -> type[BaseModel]:
    """The parameters of a class of methods, one field each."""
    hints = get_type_hints(kind.__init__, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in signature(kind).parameters.items()
    }
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model(kind.__name__, __config__=config, **fields)


def make(kind: Callable[..., Made], name: str, given: Mapping[str, Any], *, next_step: str = TRAIN_AGAIN) -> Made:
    """An unfitted method from the parameters that differ from the defaults.

    Raises `UserError` that names the method, the parameter, its value and what is allowed.
    """
    try:
        schema_of(kind).model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(schema_of(kind).model_fields) or "none"
            raise UserError(f"{name} has no parameter {key}; its parameters are: {known}.", next_step) from None
        problem = first["msg"].removeprefix("Input ")
        shown = "" if first["type"] == "missing" else f" is {first['input']!r}, but"
        raise UserError(f"The parameter {key} of {name}{shown} {problem}.", next_step) from None
    return kind(**given)
