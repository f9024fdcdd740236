"""What somebody changed on a host by hand: the stack's state compared with what is there."""

from operations.drift.examine import examine
from operations.drift.report import Report

__all__ = ["Report", "examine"]
