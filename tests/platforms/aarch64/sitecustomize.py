"""Run by the emulated Python of the lane at its start: children are started by the script that starts this one."""

import os
import sys

sys.executable = os.environ.get("LANE_PYTHON", sys.executable)
