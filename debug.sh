#!/bin/sh
# Start everything on http://127.0.0.1:58631 with conf/, tasks/ and var/. Ctrl-C stops it.
#
# Needs Python 3.11 or newer and nothing else: what is missing is installed into .venv, or into
# the virtual environment that is active. JOBSCHED_* variables and arguments win over the
# defaults set here; "./debug.sh serve --help" lists the arguments.
set -eu
home=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=$("$home/.ci/python" requirements.txt)

JOBSCHED_CONF_DIR=$(realpath -m -- "${JOBSCHED_CONF_DIR:-$home/conf}")
JOBSCHED_TASKS_DIR=$(realpath -m -- "${JOBSCHED_TASKS_DIR:-$home/tasks}")
JOBSCHED_DATA_DIR=$(realpath -m -- "${JOBSCHED_DATA_DIR:-$home/var}")
export JOBSCHED_CONF_DIR JOBSCHED_TASKS_DIR JOBSCHED_DATA_DIR

cd -- "$home"
exec "$python" -m jobsched "$@"
