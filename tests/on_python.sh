#!/bin/sh
# The tests of what depends on the interpreter, on CPython $1, in an environment of its own.
set -eu
version=$1
environment=.venv-$version
if [ ! -e "$environment/ready" ]; then
    "python$version" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[analysis,dev]'
    touch "$environment/ready"
fi
echo "CPython $version:"
exec "$environment/bin/python" -m pytest --numprocesses 2 --dist loadfile \
    tests/gate tests/escapes/language tests/escapes/expression tests/escapes/state tests/guest
