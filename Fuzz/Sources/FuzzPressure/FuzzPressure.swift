// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import ProcView

/// What libFuzzer calls with each input.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) {
        let text = $0
        _ = Pressure.text(text.indices.map { text[$0] })
    }
}
