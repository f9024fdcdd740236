"""The provider that works on clients."""

import pulumi

_PACKAGE = "private-registry"


class ClientsProvider(pulumi.ProviderResource):
    """The program in the package's own folder ``provider``.

    It is declared, since the engine would hand the whole configuration of a project of the same name to one that it
    makes by itself, and keep that in the state.
    """

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(_PACKAGE, name, {}, opts)
