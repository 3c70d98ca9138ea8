# SPDX-License-Identifier: Apache-2.0
# Copyright the Umwelt authors
#
# Sourced by build and run: where the images live, and which one belongs to this checkout.

vm_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_cache=${UMWELT_VM:-/var/cache/umwelt-vm}
vm_suite=${UMWELT_VM_SUITE:-trixie}
# What every release has in it, and what this one has besides.
vm_packages=("$vm_source/packages")
[ ! -e "$vm_source/packages.$vm_suite" ] || vm_packages+=("$vm_source/packages.$vm_suite")

# Only what ends up inside the image counts. The scripts in guest/ do not: run hands them over at every boot.
vm_key() {
    { printf '%s\n' "$vm_suite"; cat "$vm_source/build" "${vm_packages[@]}"; } | sha256sum | cut -c1-12
}

vm_image=$vm_cache/$vm_suite-$(vm_key)

# Names each "command=package" whose command is absent, and returns 1 when there is one.
vm_require() {
    local pair missing=()
    for pair; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    printf 'vm: missing on this host: %s (scripts/vm/install-tools installs them)\n' "${missing[*]}" >&2
    return 1
}
