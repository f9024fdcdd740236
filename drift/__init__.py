"""What somebody changed on a host by hand: the stack's state compared with what is there."""

from drift.examine import examine
from drift.report import Report

__all__ = ["Report", "examine"]
