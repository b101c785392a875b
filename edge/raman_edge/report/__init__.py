"""A page about a result that a lab can file or print: HTML that needs nothing but itself, drawn by pure functions."""

from raman_edge.report.document import document
from raman_edge.report.subject import CurrentModel, ReportedResult

__all__ = ["CurrentModel", "ReportedResult", "document"]
