"""Containers that Docker starts again unless somebody stopped them, as they were once declared."""

from typing import Any

import pulumi_docker as docker

from .parts import put

_Container = docker.Container


def _older(resource: str, /, **named: Any) -> docker.Container:
    return _Container(resource, **{**named, "restart": "unless-stopped"})


put(docker, "Container", _older)
