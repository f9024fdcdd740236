"""How long certificates last: what the server really serves, and what the stack knows of the rest."""

from operations.expiry.certificates import Certificate, Kind, State, Thresholds
from operations.expiry.look import look
from operations.expiry.report import Report

__all__ = ["Certificate", "Kind", "Report", "State", "Thresholds", "look"]
