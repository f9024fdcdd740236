"""The name of a server stands in names of its resources, and is never taken for another part of them."""

from components.settings.servers import RESERVED
from tests.unit.conftest import Declare
from tests.unit.test_effects import REMOTELY, acme, bucket, floating


def test_no_name_of_a_resource_starts_with_what_a_server_can_be_called(declare: Declare) -> None:
    declared = declare(**REMOTELY, **acme(), **bucket(), caches={"ghcr.io": {}}), declare(), declare(**floating())
    parts = {
        one.name.removeprefix("registry-").partition("-")[0]
        for recorder in declared
        for one in recorder.resources
        if one.name.startswith("registry-")
    }
    assert parts - {"b"} == set(RESERVED)
