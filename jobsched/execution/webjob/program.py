"""What a runner starts for a web job; small, since a file that is run is compiled every time.

See :mod:`jobsched.execution.webjob.launch`. Standard library only.
"""

import os
import sys

if __name__ == "__main__":  # run as a file: find the package it lies in
    sys.path.insert(0, os.path.abspath(__file__).rsplit(os.sep, 4)[0])

from jobsched.execution.webjob.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
