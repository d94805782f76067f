"""``python -m jobsched``: the command line."""

import sys

from jobsched.cli import main

if __name__ == "__main__":
    sys.exit(main())
