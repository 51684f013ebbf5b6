"""`python -m streams.cli`: the same as `pmon`."""

import sys

from streams.cli.program import main

sys.exit(main())
