"""What is in the way of pulls on the hosts of a stack: they are read, and nothing is changed."""

from operations.doctor.examine import examine
from operations.doctor.report import Report

__all__ = ["Report", "examine"]
