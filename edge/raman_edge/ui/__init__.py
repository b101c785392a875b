"""The terminal screen: events fold into a state, a state renders to a frame, a terminal shows frames."""

from raman_edge.ui.live import Screen
from raman_edge.ui.report import describe
from raman_edge.ui.screen import render
from raman_edge.ui.state import ModelFacts, ScreenState, fold

__all__ = ["ModelFacts", "Screen", "ScreenState", "describe", "fold", "render"]
