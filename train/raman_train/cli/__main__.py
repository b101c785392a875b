"""``python -m raman_train.cli``."""

import sys

from raman_train.cli import main

sys.exit(main())
