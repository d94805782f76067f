#!/usr/bin/env bash
# What the sample task "runfoo" runs. Scripts are looked for in the server's working
# directory first, then here, next to catalog.cfg.
set -eu

echo "foo ran for job ${JOBSCHED_JOB_ID:-none} as run ${JOBSCHED_RUN_ID:-none}"
echo "what goes to stderr is kept as well" >&2
