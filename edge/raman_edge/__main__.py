"""``python -m raman_edge`` is ``raman-edge``."""

import sys

from raman_edge.cli import main

sys.exit(main())
