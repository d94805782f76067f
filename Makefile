.PHONY: help install format check test run
help:     ## show this menu
	@sed -n 's/^\([a-z]*:\) *## /\1 /p' $(MAKEFILE_LIST)
install:  ## make .venv with everything that tests need
	@.ci/python requirements.txt tests/requirements.txt
format:   ## bring the code into shape
	@tools=$$(dirname "$$(.ci/python requirements.txt tests/requirements.txt)") && \
	"$$tools/ruff" format . && "$$tools/ruff" check --fix .
check:    ## everything that the integration server checks
	@.ci/run
test:     ## run the tests
	@./test.sh
run:      ## start the server on http://127.0.0.1:58631
	@./debug.sh
