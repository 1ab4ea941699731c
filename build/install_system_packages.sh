#!/bin/sh
# Installs the Debian packages listed in the file $1 that are missing; says what to do where it cannot.
set -eu
missing=
for package in $(sed 's/#.*//' "$1"); do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "the tests need these packages, please install them:$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # one word per package is meant
apt-get install -y -qq --no-install-recommends $missing >/dev/null
