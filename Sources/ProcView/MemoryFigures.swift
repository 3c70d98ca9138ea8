// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// What /proc/meminfo says of a container, in kB (huge pages: in pages).
package struct MemoryFigures: Equatable, Sendable {
    package private(set) var memTotal: UInt64 = 0
    package private(set) var swapTotal: UInt64 = 0
    package private(set) var swapFree: UInt64 = 0

    /// `overcommitRatio` is vm.overcommit_ratio of the host, in percent.
    package init(host: MemInfo, memory: MemorySample, overcommitRatio: UInt64 = 50) {}
}
