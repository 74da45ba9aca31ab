#!/bin/bash
# Makes what compose.yaml needs before its first start, unless it is there: random passwords in docker/.env, and docker/keys.json with the
# hashes of three API keys of the gateway, which it prints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
if [[ ! -e .env ]]; then
    for name in POSTGRES COLLECTOR DASHBOARD GATEWAY; do
        echo "${name}_PASSWORD=$(random)"
    done >.env
fi
if [[ ! -e keys.json ]]; then
    # key NAME ROLE MAY: a line of the file; the key itself is printed
    key() {
        local key
        key=$(random)
        echo "$1: $key" >&2
        echo "    {\"name\": \"$1\", \"sha256\": \"$(printf %s "$key" | sha256sum | cut -d' ' -f1)\", \"role\": \"$2\", \"may\": [\"$3\"]}"
    }
    lines=$(key web collector send),$'\n'$(key dashboard dashboard ask),$'\n'$(key prometheus dashboard metrics)
    printf '{"keys": [\n%s\n]}\n' "$lines" >keys.json
    chmod 644 keys.json # the gateway reads it as another user; it has hashes alone
fi
