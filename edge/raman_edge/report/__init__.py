"""HTML pages about results, for filing and printing: self-contained files, rendered from the templates beside this module."""

from raman_edge.report.document import CurrentModel, ReportedResult, document

__all__ = ["CurrentModel", "ReportedResult", "document"]
