"""JobSchedServer from a checkout, as seed 001 starts it: python JobSchedServer.py -p 4321."""

import sys

from jobsched.jobschedserver import main

if __name__ == "__main__":
    sys.exit(main())
