# SPDX-License-Identifier: Apache-2.0
# Copyright the Umwelt authors
#
# awk -f link-order.awk MAP TRACE: the symbols of MAP (ld.lld -Map, not demangled) that a run touched, each once, in that order.
# TRACE is what valgrind --tool=lackey --trace-mem=yes wrote. A section is placed whole: one that is larger than 64 KiB is left out,
# and so is a name that is in such a one too.

function padded(hex) { return substr("0000000000000000" hex, length(hex) + 1) }

# MAP: address, load address, size, alignment; then, at column 50, a section of an output file, of an input file (8 spaces before
# it) or a symbol (16).
NR == FNR {
    if (substr($0, 50, 8) != "        ") next
    if (substr($0, 58, 8) != "        ") {
        is_large = length($3) > 5 || (length($3) == 5 && $3 > "10000")
    } else if (is_large) excluded[$5]
    # What the debugger reads has no address; what is loaded is in the order of its addresses.
    if (padded($1) < start[count]) next
    if (is_large || substr($0, 58, 8) == "        ") {
        start[++count] = padded($1)
        name[count] = is_large ? "" : $5
    }
    next
}

/^(I | S| L| M) *[0-9a-f]+,/ {
    split(substr($0, 4), field, ",")
    address = padded(field[1])
    if (address in seen) next
    seen[address]
    low = 1
    high = count
    while (low < high) {
        middle = int((low + high + 1) / 2)
        if (start[middle] <= address) low = middle
        else high = middle - 1
    }
    if (name[low] == "" || name[low] in excluded || name[low] in printed) next
    printed[name[low]]
    print name[low]
}
