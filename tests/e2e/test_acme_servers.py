"""Certificates by ACME on two servers: the authority asks one of them for the proof that is on the other.

Costs an update with two servers, and three hosts.
"""

from collections.abc import Iterator

import pytest
from cryptography import x509

from lab import hosts, images, servers
from tests.acme import Authority, authority
from tests.e2e.bucket import Bucket, serving
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.load import Connection
from tests.e2e.stack import Stack, write_secret

NAME = "acme-servers"
ADDRESSES = {"server": f"{PREFIX}.15", "three": f"{PREFIX}.13"}
"""Hosts of the lab that play servers; the second one is called b."""


@pytest.fixture(scope="module")
def known(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    client_hosts.start("one", *ADDRESSES)
    with authority(servers.PEBBLE.ensure(), tmp_path_factory.mktemp("pebble"), NETWORK.gateway, seconds=3600) as known:
        yield known


@pytest.fixture(scope="module")
def bucket(known: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with serving(servers.S3.ensure(), tmp_path_factory.mktemp("s3"), known.address) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str],
    client_hosts: Hosts,
    known: Authority,
    bucket: Bucket,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    pinned = {"registry": found_images["registry"], "nginx": found_images["nginx"], "lego": images.lego()}
    for host in ADDRESSES:
        client_hosts.bring_images(host, pinned)
    folder = tmp_path_factory.mktemp(NAME)
    with Stack(folder, NAME, settings(found_images, client_hosts)) as stack:
        write_secret(folder / "storage.id", bucket.env["AWS_ACCESS_KEY_ID"])
        write_secret(folder / "storage.key", bucket.env["AWS_SECRET_ACCESS_KEY"])
        place = {key: bucket.storage[key] for key in ("type", "bucket", "region", "endpoint")}
        stack.configure(
            bindAddress=None,
            images=pinned,
            certificate=known.settings,
            storage={**place, "accessKeyIdFile": "storage.id", "secretAccessKeyFile": "storage.key"},
            clients=[{**client_hosts.clients["one"], "hostsEntry": list(ADDRESSES.values())}],
            servers=[
                {
                    **({"name": "b"} if host == "three" else {}),
                    "dockerHost": f"ssh://root@{address}",
                    "dockerHostAccess": {
                        "hostKey": hosts.host_key(client_hosts.network, client_hosts.host(host)),
                        "privateKeyFile": client_hosts.clients["one"]["privateKeyFile"],
                    },
                }
                for host, address in ADDRESSES.items()
            ],
        )
        yield stack


def served(address: str, authorities: str) -> x509.Certificate:
    """Return what a server serves to a client that trusts it."""
    connection = Connection("registry.test", address, authorities, False)
    connection.connect()
    found = x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")
    connection.close()
    return found


def test_the_first_server_is_proven_on_the_second_one(stack: Stack, known: Authority) -> None:
    """The name leads to the second one alone, so that the other has to be asked; nobody has a certificate before."""
    known.record("add-a", host="registry.test", addresses=[ADDRESSES["three"]])
    stack.up()
    found = [served(address, stack.outputs()["ca_certificate"]) for address in ADDRESSES.values()]
    assert len({one.serial_number for one in found}) == 2
    assert len({one.public_key().public_numbers() for one in found}) == 2, "no key leaves its server"  # type: ignore[union-attr]
    assert known.log().count("Issued certificate") == 2
    assert stack.preview() == []
