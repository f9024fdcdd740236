"""A protocol and a cipher below the intermediate profile of Mozilla."""

from dataclasses import replace

from components.proxy import config

from .parts import put

_good = config.INTERMEDIATE
_weak = replace(
    _good,
    protocols=("TLSv1.1", *_good.protocols),
    ciphers=("ECDHE-ECDSA-AES128-SHA", *_good.ciphers[1:]),
)
put(config, "INTERMEDIATE", _weak)
