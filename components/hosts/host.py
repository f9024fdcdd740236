"""A host on which commands run: this machine, or one reached over SSH."""

from dataclasses import dataclass

import pulumi
import pulumi_command as command

from ..scripts.script import START


@dataclass(frozen=True)
class Host:
    """Where and how commands run."""

    name: str
    """The host's name or address; for messages, and as a part of what makes a target the same one."""
    connection: command.remote.ConnectionArgs | None = None
    """How to reach it; None for this machine."""
    sudo: bool = False
    """Whether the user becomes root with ``sudo -n``."""

    def run(
        self,
        name: str,
        script: pulumi.Input[str],
        create: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions,
        update: pulumi.Input[str] | None = None,
        delete: pulumi.Input[str] | None = None,
        triggers: list[str] | None = None,
    ) -> command.local.Command | command.remote.Command:
        """Declare a command that runs a script with arguments.

        The script goes in on standard input, so that it stands in the state once and no content in it, secret or not,
        is ever on a command line. It takes its arguments from ``create``, ``update`` or ``delete``.
        """
        if self.connection is None:
            return command.local.Command(
                name,
                create=self._line(create),
                update=self._line(update),
                delete=self._line(delete),
                stdin=script,
                triggers=triggers,
                logging=command.local.Logging.NONE,
                add_previous_output_in_env=False,
                opts=opts,
            )
        return command.remote.Command(
            name,
            connection=self.connection,
            create=self._line(create),
            update=self._line(update),
            delete=self._line(delete),
            stdin=script,
            triggers=triggers,
            logging=command.remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=opts,
        )

    def _line(self, arguments: pulumi.Input[str] | None) -> pulumi.Output[str] | None:
        if arguments is None:
            return None
        return pulumi.Output.concat(shell(self.sudo), arguments)


def shell(sudo: bool) -> str:
    """Return what starts a script there that comes on standard input; its arguments follow."""
    return f"sudo -n {START}" if sudo else START
