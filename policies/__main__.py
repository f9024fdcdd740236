"""The rules as a Pulumi policy pack: the engine asks them about every resource that it previews or updates."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

# The engine starts this folder as a program, so that its own modules would be found and the package would not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policies.rules import REGISTRY, RULES, UNKNOWN, WHOLE_RULES, Resource, Rule, Stack, WholeRule

_SETTING = "anonymousPull"
_SCHEMA = PolicyConfigSchema(
    properties={
        "stacks": {
            "type": "array",
            "items": {"type": "string"},
            "default": list(Stack("").protected),
            "description": "Names of the stacks whose data must be protected",
        }
    }
)


def _read(value: Any) -> Any:
    """Return a value without the SDK's proxies, which raise an error where something is not known yet."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return _read(container[key])
    except UnknownValueError:
        return UNKNOWN


def _resource(args: ResourceValidationArgs | PolicyResource) -> Resource:
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
    above = args.urn.split("::")[2].split("$")[:-1]
    props, is_protected = _read(args.props), bool(args.opts.protect)
    return Resource(args.resource_type, args.name, props, above, is_protected, _registry(args), _server(args))


def _registry(args: ResourceValidationArgs | PolicyResource | None) -> str:
    """Return the name of the registry that a resource is below; only the whole of a stack has its parents."""
    while args and args.resource_type != REGISTRY:
        args = args.parent if isinstance(args, PolicyResource) else None
    return args.name if args else ""


def _server(args: ResourceValidationArgs | PolicyResource | None) -> str:
    """Return the name of the server that a resource is on, as a component above it says it where there are several."""
    while args:
        said = _item(args.props, "server") if "server" in args.props else None
        if isinstance(said, Mapping) and isinstance(name := said.get("name"), str):
            return name
        args = args.parent if isinstance(args, PolicyResource) else None
    return ""


def _stack(args: ResourceValidationArgs) -> Stack:
    name = args.urn.split("::")[0].removeprefix("urn:pulumi:")
    protected = args.get_config().get("stacks", Stack(name).protected)
    return Stack(name, protected, _anonymous_pull(name, args.urn.split("::")[1]))


@cache
def _anonymous_pull(stack: str, project: str) -> Sequence[str] | None:
    """Return the setting from the stack's file, since the SDK (1.21.0) does not hand on the configuration.

    Returns:
        None where the stack's file is somewhere else, or the setting is encrypted.
    """
    # The engine starts the pack in the project's folder.
    file = Path(f"Pulumi.{stack}.yaml")
    if not file.exists():
        return None
    config = yaml.safe_load(file.read_text(encoding="utf-8")).get("config") or {}
    setting = config.get(f"{project}:{_SETTING}", config.get(_SETTING, []))
    # `pulumi config set` writes a list as JSON.
    repositories = yaml.safe_load(setting) if isinstance(setting, str) else setting
    return repositories if isinstance(repositories, list) else None


def _judging(rule: Rule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for message in rule.judge(_resource(args), _stack(args)):
            report(message, None)

    return validate


def _judging_whole(rule: WholeRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        urns = {(found.resource_type, found.name): found.urn for found in args.resources}
        for resource, message in rule.judge([_resource(found) for found in args.resources]):
            report(message, urns[resource.type, resource.name])

    return validate


PolicyPack(
    "private-registry",
    [
        *(
            ResourceValidationPolicy(
                rule.name,
                rule.description,
                _judging(rule),
                EnforcementLevel.MANDATORY,
                _SCHEMA if rule.configured else None,
            )
            for rule in RULES
        ),
        *(
            StackValidationPolicy(rule.name, rule.description, _judging_whole(rule), EnforcementLevel.MANDATORY)
            for rule in WHOLE_RULES
        ),
    ],
)
