"""What all components share: the type token, and the options of their children."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

TYPES = "private-registry:index:"
"""What the type tokens of this package start with."""


class Component(pulumi.ComponentResource):
    """A component resource whose type token is ``private-registry:index:<Class>``.

    ``props`` says what it is: the engine keeps that in the state and shows its difference; a review puts it in words.
    """

    def __init__(
        self,
        name: str,
        opts: pulumi.ResourceOptions | None = None,
        props: Mapping[str, pulumi.Input[object]] | None = None,
    ) -> None:
        super().__init__(f"{TYPES}{type(self).__name__}", name, props, opts)

    def child(
        self,
        depends_on: Sequence[pulumi.Resource] | pulumi.Output[list[Any]] | None = None,
        delete_before_replace: bool | None = None,
        retain_on_delete: bool | None = None,
        protect: bool | None = None,
    ) -> pulumi.ResourceOptions:
        """Return the options of a child resource."""
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=depends_on,
            delete_before_replace=delete_before_replace,
            retain_on_delete=retain_on_delete,
            protect=protect,
        )
