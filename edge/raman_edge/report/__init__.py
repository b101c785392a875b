"""HTML pages about results, for filing and printing: self-contained files, rendered from the templates beside this module."""

from raman_edge.report.document import document
from raman_edge.report.subject import CurrentModel, ReportedResult

__all__ = ["CurrentModel", "ReportedResult", "document"]
