"""Lists that are not those of everybody: what a method, a model of another version or a challenger makes of a day.

Arms of experiments are filled by them, and lists that nobody was shown are estimated. Ranking is done by
`ml_assets.models`.
"""

from datetime import date
from functools import cached_property

import polars as pl

from ml_assets.books.models import RegisteredModel, of_version, require_champion
from ml_assets.books.trials import challenger
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.features.load import load_interactions
from ml_assets.lake import Lake
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.one_method import with_one_method
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.training import artifact_fault, artifact_folder
from ml_assets.settings.shop import Settings


class OtherLists:
    """Makes lists of one placement day by day.

    By a method (`method:NAME`), a model (`model:VERSION`) or what is on trial of a method (`challenger:METHOD`).
    """

    def __init__(
        self, connection: ServingConnection, lake: Lake, settings: Settings, wanted: str, placement: str
    ) -> None:
        self._connection, self._lake, self._settings = connection, lake, settings
        self._kind, _, self._name = wanted.partition(":")
        self._placement = placement
        self._loaded: dict[str, RecommenderModel] = {}

    def can_be_of(self, as_of: date) -> bool:
        """Whether it may rank a day: as everywhere, a model ranks only days after those that it was trained on."""
        if self._kind == "challenger":
            found = challenger(self._connection, self._placement, self._name, as_of)
            return found is not None and artifact_fault(self._lake, found.artifact, found.checksum) is None
        return self._kind != "model" or self._asked_model().trained_through < as_of

    def of_day(self, as_of: date, customers: pl.Series) -> pl.DataFrame:
        """customer_id, item_id and rank of all that would have been stored as of a day, 1 is best."""
        known, items = load_interactions(self._lake, as_of=as_of, settings=self._settings), self._items
        made = recommend(
            {self._placement: self.model(as_of, known, items)},
            known,
            items,
            as_of=as_of,
            settings=self._settings.recommender,
            customers=customers,
            past=True,
        )
        ranks = pl.int_ranges(1, pl.col("item_ids").list.len() + 1)
        return made.lists.select("customer_id", item_id="item_ids", rank=ranks).explode("item_id", "rank")

    @cached_property
    def _items(self) -> pl.DataFrame:
        return self._lake.read("items")

    def model(self, as_of: date, known: pl.DataFrame, items: pl.DataFrame) -> RecommenderModel:
        """What makes the list as of a day, of which the interactions are `known`, from the catalogue.

        Raises `UserError` where it may not, or where there is no such model.
        """
        if self._kind == "model":
            asked = self._asked_model()
            if asked.trained_through >= as_of:
                raise UserError(
                    f"The model {self._name} was trained through {asked.trained_through}, and cannot rank {as_of}.",
                    "Run a later day, or name an older model; `ml-assets models` lists them.",
                    code="model.missing",
                )
            return self._load(asked)
        if self._kind == "challenger":
            return self._load(self._challenger(as_of))
        found = require_champion(self._connection, "recommender", as_of, self._placement)
        key = f"{self._name} of {found.version}"
        if key not in self._loaded:
            loaded, options = self._load(found), self._settings.recommender
            self._loaded[key] = with_one_method(
                loaded, self._name, self._placement, known, items=items, settings=options
            )
        return self._loaded[key]

    def _asked_model(self) -> RegisteredModel:
        found = of_version(self._connection, "recommender", self._name)
        if found is None:
            raise UserError(
                f"There is no recommender of the version {self._name}.",
                "`ml-assets models` lists them. An experiment that shows it has to be stopped.",
                code="model.missing",
            )
        return found

    def _challenger(self, as_of: date) -> RegisteredModel:
        found = challenger(self._connection, self._placement, self._name, as_of)
        if found is None:
            raise UserError(
                f"No challenger {self._name} for {self._placement} that was trained before {as_of} was ever on trial.",
                "`ml-assets models` says which are; method:NAME is the list of a single method.",
                code="model.missing",
            )
        return found

    def _load(self, model: RegisteredModel) -> RecommenderModel:
        if model.version not in self._loaded:
            folder = artifact_folder(self._lake, model.artifact)
            loaded = RecommenderModel.load(folder, model.checksum)
            if self._kind != "method" and self._placement not in loaded.methods:
                raise UserError(
                    f"The model {model.version} makes no list {self._placement}.",
                    "Name another list, or another model; an experiment that shows it has to be stopped.",
                    code="model.missing",
                )
            self._loaded[model.version] = loaded
        return self._loaded[model.version]
