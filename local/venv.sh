#!/bin/sh
# local/venv.sh LOCK: put what LOCK (requirements.txt or requirements-dev.txt) pins into .venv, before there is any
# Python of ours to do it with. .venv/.LOCK is a copy of what was installed: an unchanged lock costs nothing, whatever
# its time stamp says.
set -eu
lock=$1
stamp=.venv/.$lock
if cmp -s "$lock" "$stamp" && .venv/bin/python -c '' 2> /dev/null; then
    touch "$stamp"
    exit 0
fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null; }

python=
for candidate in .venv/bin/python python3 python3.13 python3.12 python3.11; do
    if fits "$candidate"; then python=$candidate; break; fi
done

say() { echo "virtual environment: installing $lock, a few minutes the first time ..."; }

# Compiled once here: every night starts two dozen Pythons, and some homes forbid them to write bytecode.
by_uv() { "$1" pip install --quiet --compile-bytecode --python .venv/bin/python -r "$lock"; }

if command -v uv > /dev/null; then
    say
    test -x .venv/bin/python || uv venv --quiet --python "${python:->=3.11,<3.14}" .venv
    by_uv uv
elif test -n "$python"; then
    say
    if ! test -x .venv/bin/pip && ! "$python" -m venv .venv 2> /dev/null; then
        rm -rf .venv
        echo "make: $python cannot make a virtual environment; install its venv module (Debian: apt install python3-venv)" >&2
        exit 2
    fi
    # uv downloads and unpacks many packages at once; it does not read pip's settings, such as a mirror's address.
    pip=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
    { $pip "$(grep '^uv==' requirements.txt)" && by_uv .venv/bin/uv; } 2> /dev/null || $pip -r "$lock"
else
    found=$(python3 --version 2> /dev/null || true)
    echo "make: expected Python 3.11 to 3.13 or uv, found ${found:-no python3}; install python3.12 or uv" >&2
    exit 2
fi
cp "$lock" "$stamp"
echo "virtual environment: ready"
