"""docker/dagster.yaml and the instance that ml-assets keeps for itself behave alike."""

import yaml

from ml_assets.dagster.instance import DAGSTER_YAML
from ml_assets.dagster.storage_waits import STORAGE_VARIABLE
from ml_assets_tests.deployment.files import DOCKER

# Where things are kept; containers do that on volumes.
PLACES = {"storage", "local_artifact_storage", "compute_logs"}


def test_both_instances_agree_on_everything_but_where_things_are_kept() -> None:
    containers = yaml.safe_load((DOCKER / "dagster.yaml").read_text(encoding="utf-8"))
    embedded = yaml.safe_load(DAGSTER_YAML)
    assert containers["storage"] == embedded["storage"] == {"postgres": {"postgres_url": {"env": STORAGE_VARIABLE}}}
    alike = [{key: value for key, value in each.items() if key not in PLACES} for each in (containers, embedded)]
    assert alike[0] == alike[1]
