"""How long certificates last: what the server really serves, and what the stack knows of the rest."""

from operations.expiry.certificates import Certificate, Kind, State, Thresholds
from operations.expiry.report import Report, renewed_by, time_left
from operations.expiry.stack import look

__all__ = ["Certificate", "Kind", "Report", "State", "Thresholds", "look", "renewed_by", "time_left"]
