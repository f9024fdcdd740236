"""An authority that speaks ACME gives the server certificate: lego, on the server, asks for it and renews it."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import (
    ContainerArgs,
    hardened_container,
    said_of,
    said_of_server,
    stack_network,
    wait_until_healthy,
)
from ..containers.images import pinned_image
from ..containers.orphans import STACK
from ..hosts import File, Reader, ReleasedFiles
from ..ordering import Command, Step, failed_in_this_update, waiting, without_dependencies
from ..proxy.pair import Pair
from ..registry_reference import as_host
from ..scripts.script import script_text, with_payload, words
from ..settings.certificates import Acme
from ..storage.volume_owner import give
from .certificate import Certificate, CertificateArgs, described, judged
from .challenge import Challenge

_RENEWAL = Path(__file__).parent / "renewal.sh"
_FOLDERS = Path(__file__).parent / "folders.sh"
_HOME = "/var/lib/acme"
_ROOT = "/etc/private-registry"
_CHECK = ("sh", f"{_ROOT}/current/renewal.sh", "check")
_SERVED = "acme"
"""The folder, beside nginx's bundles, in which it finds pairs."""
_KEY_TYPES = {
    "P-256": "ec256",
    "P-384": "ec384",
    "RSA-2048": "rsa2048",
    "RSA-3072": "rsa3072",
    "RSA-4096": "rsa4096",
}
"""As lego calls them."""


@dataclass(frozen=True)
class ReadByLego(Reader):
    """lego reads the bundle: with it, the declared image has to get a certificate before it is live."""

    program: ClassVar[str] = "lego"
    script: ClassVar[Path] = Path(__file__).parent / "acme.sh"

    image: pulumi.Input[str]
    network: pulumi.Input[str]
    """By which it gets to the authority."""
    store: pulumi.Input[str]
    """The volume with account and certificates."""
    served: str
    """The folder from which nginx reads."""
    challenges: str
    """The folder for what proves the name on port 80."""
    asked: str
    """The authority, for messages."""


class Renewal(Component):
    """The container that renews the certificate. Only what is new makes another container of it."""

    def __init__(
        self,
        name: str,
        args: ContainerArgs,
        image: pulumi.Output[str],
        network: pulumi.Input[str],
        mounts: Sequence[docker.ContainerMountArgs],
        config: ReleasedFiles,
        awaited: pulumi.Output[list[Step]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(name, opts, said_of(args))
        script = pulumi.Output.concat(_ROOT, "/releases/", config.release, "/renewal.sh")
        container = hardened_container(
            f"{name}-container",
            args,
            name=f"{args.prefix}-acme",
            image=image,
            # With these settings, also if it is started again after others were placed.
            command=["sh", script, "keep"],
            networks=[network],
            mounts=mounts,
            labels={"private-registry.config": config.release},
            health=["CMD", *_CHECK],
            # What it does not finish, the next one begins anew.
            grace_seconds=2,
            opts=self.child(awaited.apply(lambda found: [config, *found]), delete_before_replace=True),
        )
        wait_until_healthy(f"{name}-healthy", args.host, container, _CHECK, self.child())
        self.register_outputs({})


class AcmeCertificate(Certificate):
    """A certificate that is asked for on the server, in the update that needs it, and renewed without another one.

    Nothing of it is in the state: neither the key of the account nor that of the certificate.
    """

    def __init__(
        self, name: str, source: Acme, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        known = judged(source, *args.names)
        public = pulumi.Output.unsecret(known)
        trusted = public.apply(lambda one: described(one.trusted))
        props = {
            "source": source.source,
            "names": args.names,
            "signer": source.asked,
            "anchors": [] if source.is_public else trusted.apply(list),
            "authorities": trusted,
            "directory": source.directory,
            "challenge": source.challenge,
            "dnsProvider": source.dns_provider or "",
            "profile": source.profile or "",
            "keyType": source.key_type,
            "rotation": source.rotation or "",
            "renewal": source.renewal.told,
            **said_of_server(args.container),
        }
        super().__init__(name, opts, props)
        self._name, self._args, self._source, self._known = name, args, source, known
        container = args.container
        self._network = stack_network(f"{name}-network", container, "acme", self.child())
        self._made_folders = container.host.run(
            f"{name}-folders",
            with_payload(_FOLDERS, {}),
            f"create {self._folders}",
            delete=f"delete {self._folders}",
            triggers=[container.host.name, container.user],
            opts=self.child(),
        )
        self._challenge = self._challenge_here()
        self.answering = [one.healthy for one in self._challenge]
        self.ca_certificate = public.apply(lambda one: one.trusted or "") if source.trusted is not None else None
        # What asks others for something may fail, and what waits for it would be skipped.
        self.before_nginx = []
        self.register_outputs({"ca_certificate": self.ca_certificate})

    def ask(self, after: pulumi.Output[list[Step]] | None, answering: Sequence[Step]) -> None:
        """Declare what gets the certificate, in the turn of the server: another one may be asked for the proof."""
        name, args, container, known = self._name, self._args, self._args.container, self._known
        self._turn = waiting(self.child(), after)
        self._image = pinned_image(f"{name}-image", container.image, self._turn)
        store = docker.Volume(
            f"{name}-store",
            name=f"{container.prefix}-acme",
            labels=[docker.VolumeLabelArgs(label=STACK, value=container.prefix)],
            # Not protected: it stays in Docker where data do, and the way to another source has to be open.
            opts=waiting(self.child(depends_on=[self._network], retain_on_delete=not args.delete_data), after),
        )
        owned = give(f"{name}-store-owner", store, _HOME, "pairs", container, self._image, self)
        needed = [self._network, owned, self._made_folders, *self._challenge]
        # Another server that does not answer keeps nobody from asking.
        others = failed_in_this_update([one for one in answering if one not in self.answering])
        identity = container.seed.fingerprint(known.apply(lambda one: _identity(one, args.names)))
        asked = self._source.asked
        self._config = ReleasedFiles(
            f"{name}-renewal",
            container.host,
            f"{container.directory}/acme",
            "renewal",
            container.user,
            self._files(known, identity),
            container.seed,
            ReadByLego(self._image, self._network.name, store.name, self._served, self._challenges, asked),
            depends_on=others.apply(lambda _: needed),
            opts=self._turn,
        )
        self._mounts = [
            docker.ContainerMountArgs(type="volume", source=store.name, target=_HOME),
            docker.ContainerMountArgs(type="bind", source=self._served, target="/srv/served"),
            docker.ContainerMountArgs(type="bind", source=self._challenges, target="/srv/challenges"),
            docker.ContainerMountArgs(
                type="bind", source=f"{container.directory}/acme/renewal", target=_ROOT, read_only=True
            ),
        ]
        self.pair = Pair(
            renewed=without_dependencies(identity).apply(lambda one: f"{_SERVED}/{one}"),
            obtained=[self._config.command],
        )

    def keep_renewed(self, served: Command) -> None:
        """Declare it after that: until nginx serves another pair, the container before renews that one."""
        Renewal(
            f"{self._name}-lego",
            self._args.container,
            self._image,
            self._network.name,
            self._mounts,
            self._config,
            failed_in_this_update([served]),
            self._turn,
        )

    @property
    def _served(self) -> str:
        return f"{self._args.container.directory}/proxy/{_SERVED}"

    @property
    def _challenges(self) -> str:
        return f"{self._args.container.directory}/acme/tokens"

    @property
    def _folders(self) -> str:
        return words(owner=self._args.container.user, folders=f"{self._served}:{self._challenges}")

    def _challenge_here(self) -> list[Challenge]:
        """Declare what answers on port 80, where the name is proven there: on all servers before one asks."""
        if self._source.challenge != "http-01":
            return []
        opts = waiting(self.child(), self._args.after)
        name, network = f"{self._name}-challenge", self._network.name
        return [Challenge(name, self._args, network, self._challenges, [self._made_folders], opts)]

    def _files(self, known: pulumi.Output[Acme], identity: pulumi.Output[str]) -> dict[str, File]:
        domain, *aliases = self._args.names
        settings = pulumi.Output.all(known, identity).apply(
            lambda parts: settings_text(parts[0], domain, parts[1], aliases)
        )
        authority = pulumi.Output.unsecret(known).apply(lambda one: one.directory_trusted or "")
        return {
            "renewal.sh": File(script_text(_RENEWAL)),
            "settings": File(settings),
            "secrets": File(pulumi.Output.secret(known.apply(secrets_text)), mode="0600"),
            **({} if self._source.directory_trusted is None else {"directory.crt": File(authority)}),
        }


def _identity(source: Acme, names: Sequence[str]) -> str:
    """Return what tells one pair from another: with other settings it is another one, which proves that they work."""
    bound = source.bound_key
    return json.dumps(
        [
            [source.directory, source.email, source.external_account_key_id, bound and bound.get_secret_value()],
            [source.challenge, source.dns_provider, source.dns_resolvers],
            sorted((name, value.get_secret_value()) for name, value in source.variables.items()),
            [source.profile, source.preferred_chain, source.key_type, source.rotation],
            # One name alone is that of a file in the pair's folder.
            *([names] if len(names) > 1 else []),
        ]
    )


def settings_text(source: Acme, domain: str, identity: str, aliases: Sequence[str] = ()) -> str:
    """Return what renewal.sh is told, as assignments of a shell."""
    return _assigned(
        id=identity,
        domain=domain,
        server=as_host(domain),
        directory=source.directory,
        email=source.email or "",
        keytype=_KEY_TYPES[source.key_type],
        challenge=source.challenge,
        provider=source.dns_provider or "",
        resolvers=" ".join(source.dns_resolvers),
        wait=str(source.dns_wait_seconds),
        profile=source.profile or "",
        chain=source.preferred_chain or "",
        **({"aliases": " ".join(aliases)} if aliases else {}),
    )


def secrets_text(source: Acme) -> str:
    """Return what lego reads from its environment: that of a process nobody else sees, unlike a container's."""
    account = {}
    if source.bound_key is not None:
        key = source.bound_key.get_secret_value()
        account = {"LEGO_EAB": "true", "LEGO_EAB_KID": source.external_account_key_id or "", "LEGO_EAB_HMAC": key}
    variables = {name: value.get_secret_value() for name, value in source.variables.items()}
    names = [*account, *variables]
    if not names:
        return _assigned()
    return _assigned(**account, **variables, hidden=" ".join(names)) + f"export {' '.join(names)}\n"


def _assigned(**values: str) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) or "\n"
