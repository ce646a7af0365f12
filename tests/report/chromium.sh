#!/bin/bash
# Renders a report in a real browser without a window, and writes the page as it then stands (its DOM) to standard output.
#
#   tests/report/chromium.sh REPORT.html ['#document=ID&corpus=NAME&a=SUMMARIZER']
#
# Exit status 77: no Chromium here. The browser's messages (refused scripts, exceptions) go to standard error, a line each.
set -euo pipefail

browser=
for candidate in chromium chromium-browser google-chrome; do
    if command -v "$candidate" >/dev/null; then
        browser=$candidate
        break
    fi
done
if [ -z "$browser" ]; then
    echo 'SKIPPED: no Chromium (scripts/deps --all installs it)' >&2
    exit 77
fi

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$profile" \
    --enable-logging=stderr --virtual-time-budget=15000 --dump-dom "file://$(realpath "$1")${2-}" 2>"$profile/log"
grep -o 'CONSOLE.*' "$profile/log" >&2 || true
