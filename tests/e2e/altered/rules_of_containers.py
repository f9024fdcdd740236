"""Breaks each rule about containers."""

from typing import Any

import pulumi_docker as docker

from .parts import put

_Container = docker.Container


def _weak(resource: str, /, **named: Any) -> docker.Container:
    ports = {"ports": [docker.ContainerPortArgs(internal=5000)]} if resource.endswith("-registry") else {}
    weak = {
        "image": "nginx:latest",
        "user": "0:0",
        "read_only": False,
        "security_opts": [],
        "capabilities": docker.ContainerCapabilitiesArgs(drops=["ALL"], adds=["CHOWN"]),
    }
    return _Container(resource, **{**named, **ports, **weak})


put(docker, "Container", _weak)
