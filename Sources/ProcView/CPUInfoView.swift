// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/cpuinfo.
package enum CPUInfoView {
    package static func text(_ host: CPUInfo, visible: CPUSet) -> Text { Text() }
}
