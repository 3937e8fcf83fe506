#!/bin/sh
# The tests of what depends on the interpreter, on CPython $1 (from the PATH, or where pyenv keeps its own), in an
# environment of its own. Where there is none, it says so.
set -eu
version=$1
python=
for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version"; do
    if "$candidate" -c '' 2>/dev/null; then python=$candidate; fi
done
if [ -z "$python" ]; then
    echo "CPython $version is not installed here: its tests were not run"
    exit 0
fi
environment=.venv-$version
if [ ! -e "$environment/ready" ]; then
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[analysis,dev]'
    touch "$environment/ready"
fi
echo "CPython $version:"
exec "$environment/bin/python" -m pytest --numprocesses 2 --dist loadgroup --max-worker-restart 0 \
    tests/gate tests/escapes/language tests/escapes/expression tests/escapes/state tests/guest
