"""`python -m pipeline`: the same as `kensa`."""

import sys

from pipeline.cli import main

sys.exit(main())
