// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import Samples

/// What libFuzzer calls with each input.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) {
        var usage = CPUUsage(parsingUsageAll: $0)
        usage.takeTotals(parsingUsagePercpu: $0)
        _ = CPUUsage(parsingUsagePercpu: $0, stat: $0)
    }
}
