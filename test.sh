#!/bin/sh
# Run all tests, or those that the arguments (pytest's) name: ./test.sh tests/unit -k trigger
#
# Needs Python 3.11 or newer and nothing else: what is missing is installed into .venv, or into
# the virtual environment that is active. The tests of another database than SQLite run when
# JOBSCHED_TEST_POSTGRESQL names a server, as in postgresql+psycopg://postgres@127.0.0.1/postgres
set -eu
home=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=$("$home/.ci/python" requirements.txt tests/requirements.txt)

# Settings of the caller's own server are none of the tests' business.
for name in $(env | sed -n 's/^\(JOBSCHED_[A-Z_]*\)=.*/\1/p'); do
    case $name in
    JOBSCHED_TEST_*) ;;
    *) unset "$name" ;;
    esac
done

cd -- "$home"
if [ -n "${JOBSCHED_TEST_COVERAGE:-}" ]; then # the file to keep what was measured in
    export COVERAGE_FILE="$JOBSCHED_TEST_COVERAGE"
    exec "$python" -m coverage run -m pytest "$@"
fi
exec "$python" -m pytest "$@"
