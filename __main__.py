"""The Pulumi program: settings in, a private registry, outputs out."""

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG

from components import InvalidSettings, PrivateRegistry, load

config = pulumi.Config()
try:
    settings = load(config.get, CONFIG.get(), Path(__file__).parent, pulumi.get_stack())
except InvalidSettings as error:
    raise pulumi.RunError(str(error)) from None

registry = PrivateRegistry("registry", settings)
for name, value in registry.outputs.items():
    pulumi.export(name, value)
