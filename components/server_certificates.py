"""The certificate of each server of a registry: one of its own where servers ask for it, else the same for all."""

from collections.abc import Sequence

import pulumi

from .certificates import Certificate, CertificateArgs, certificate_from
from .instance import Instance
from .ordering import Step, failed_in_this_update
from .serving import Serving
from .settings import Settings


class ServerCertificates:
    """What each server serves with. What clients have to trust is the same of all."""

    def __init__(self, settings: Settings, instance: Instance, serving: Sequence[Serving]) -> None:
        """Declare what is there before a server is changed: a certificate, or what answers for those to be asked for.

        Args:
            settings: What is configured.
            instance: The registry.
            serving: Its servers, in the order of their turns.
        """
        self._settings, self._instance, self._serving = settings, instance, serving
        self.all: list[Certificate] = []
        """Those that there are: one, or one a server."""
        self._answering: list[Step] = []
        is_own = settings.certificate.is_asked_for_by_servers
        for text in settings.certificate.limits(len(serving)):
            pulumi.log.warn(text)
        for one in serving if is_own else serving[:1]:
            certificate = certificate_from(
                settings.certificate,
                one.server.named("certificate") if is_own else f"{instance.name}-certificate",
                self._args(one),
                opts=one.at_once,
            )
            self.all.append(certificate)
            # Another list, as the one before is waited for.
            self._answering = [*self._answering, *certificate.answering]

    @property
    def first(self) -> Certificate:
        """The one that tells what clients trust."""
        return self.all[0]

    def in_turn(self, serving: Serving, after: pulumi.Output[list[Step]] | None = None) -> Certificate:
        """Return what a server serves with; one of its own is asked for after what came before its turn."""
        number = self._serving.index(serving)
        certificate = self.all[number if len(self.all) > 1 else 0]
        certificate.ask(after, self._answering)
        return certificate

    def keep_renewed(self) -> None:
        """Declare what renews them, each once nginx of its server serves it."""
        for certificate, one in zip(self.all, self._serving, strict=False):
            certificate.keep_renewed(one.proxy.live)

    async def is_missed_without(self, failed: Sequence[Step]) -> bool:
        """Return whether something of the certificates before would be missed, if it went although steps failed."""
        return any([await one.is_missed_without(failed) for one in self.all])

    @property
    def obtained(self) -> list[Step]:
        """What has to succeed before all of them are there."""
        return [step for one in self.all for step in one.pair.obtained]

    def _args(self, serving: Serving) -> CertificateArgs:
        settings, entry = self._settings, serving.server.entry
        return CertificateArgs(
            domain=settings.domain,
            title=self._instance.title,
            protect=settings.protect,
            delete_data=settings.delete_data,
            container=serving.container(settings.lego_image, settings.limits.lego_memory),
            nginx_image=settings.nginx_image,
            bind_addresses=entry.bind_address,
            reference=settings.reference,
            aliases=settings.aliases_known_as,
            others=[one.reached_at for one in settings.each_server if one != entry],
            # One after the other, so that not all stop at once.
            after=failed_in_this_update(self._answering) if self._answering else None,
        )
