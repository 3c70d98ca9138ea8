# SPDX-License-Identifier: Apache-2.0
# Copyright the Umwelt authors
#
# Sourced by what runs tests.

# logged LOG COMMAND...: runs the command, shows what it prints as it comes, and keeps it in LOG. Not by a pipe, which what a test
# left behind would hold open; and the command is not in the background, where bash has it ignore SIGINT.
logged() {
    local log=$1 status=0 gate shown
    shift
    : > "$log"
    while kill -0 $$ 2>/dev/null; do sleep 1; done &
    gate=$!
    tail -n +1 -f -s 0.2 --pid="$gate" "$log" &
    shown=$!
    "$@" > "$log" 2>&1 < /dev/null || status=$?
    kill "$gate"
    wait "$gate" "$shown" 2>/dev/null || true
    return "$status"
}

# second_try NAME LOG COMMAND...: runs again, alone, the tests that failed in the run whose output is LOG, where it came to its
# end and they are three at most; COMMAND is given the pattern of their names. A fault fails again. What passes then was a
# machine that others kept from its time, or a fault that comes rarely: it is told, here and in the summary, with what failed.
second_try() {
    # Not `tests`: what COMMAND calls by that name would be this one.
    local name=$1 log=$2 status=0 failing said
    shift 2
    grep -q 'Test run with' "$log" || return 1
    said=$(sed 's/\x1b\[[0-9;]*m//g' "$log")
    failing=$(sed -n 's/^[^ ]* Test \([A-Za-z0-9_]*\)(.* failed after .*/\1/p' <<< "$said" | sort -u)
    [ -n "$failing" ] && [ "$(wc -l <<< "$failing")" -le 3 ] || return 1
    "$@" "/($(paste -s -d '|' <<< "$failing"))\(" || status=1
    sed -n "s/^[^ ]* Test \(.*recorded an issue.*\)/$name: failed: \1/p" <<< "$said" | cut -c 1-400 >&2
    echo "$name: $(paste -s -d ' ' <<< "$failing"): failed among the others, and" \
        "$([ "$status" = 0 ] && echo passed || echo failed) alone" >&2
    return "$status"
}
