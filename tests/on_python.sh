#!/bin/sh
# What depends on the interpreter (grammar tables, transform, snapshots), tested on CPython $2 (from the PATH, or where
# pyenv keeps its own) in an environment of its own, .venv-$2:
#
#     tests/on_python.sh set-up 3.12
#     tests/on_python.sh test 3.12
#
# Where that CPython is not installed, both say so.
set -eu
step=$1 version=$2
environment=.venv-$version
python=
for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version"; do
    if "$candidate" -c '' 2>/dev/null; then python=$candidate; fi
done
if [ -z "$python" ]; then
    echo "CPython $version is not installed here: its tests are not run"
    exit 0
fi
case $step in
set-up)
    if [ "$environment/ready" -nt pyproject.toml ]; then exit 0; fi
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[analysis,test]'
    touch "$environment/ready"
    ;;
test)
    echo "CPython $version:"
    exec "$environment/bin/python" -m pytest --numprocesses 2 --dist loadgroup --max-worker-restart 0 \
        tests/gate tests/escapes/language tests/escapes/expression tests/escapes/state tests/guest/namespace
    ;;
esac
