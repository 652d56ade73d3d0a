#!/bin/sh
# Installs what pip cannot: Icarus Verilog, and Fashion-MNIST; in continuous integration a browser too,
# in which reports are tested. Where apt cannot, it says so in a line; everything that does not need
# them runs all the same.

missing=
command -v iverilog >/dev/null 2>&1 || missing="$missing iverilog"
data=${BITLIGHT_FASHION_MNIST:-/usr/share/datasets/fashion-mnist}
test -d "$data" || missing="$missing dataset-fashion-mnist"
for tool in perl make g++; do
    command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
done
if test -n "$CI" && ! command -v chromium >/dev/null 2>&1; then
    missing="$missing chromium"
fi
test -n "$missing" || exit 0

as_root=
test "$(id -u)" = 0 || as_root="sudo -n"
if command -v apt-get >/dev/null 2>&1 && { test -z "$as_root" || $as_root true 2>/dev/null; }; then
    echo "installing system packages:$missing"
    log=$(mktemp)
    if $as_root apt-get update -qq >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends \
            $missing >>"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 1 "$log"
    rm -f "$log"
fi
echo "not installed, so that parts that need them are skipped: apt-get install$missing"
