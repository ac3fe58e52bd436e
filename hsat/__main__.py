"""``python -m hsat``: the same as the ``hsat`` command."""

import sys

from hsat.cli.main import main

sys.exit(main())
