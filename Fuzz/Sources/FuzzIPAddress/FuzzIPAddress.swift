// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import PodDNS

/// What libFuzzer calls with each input: what is an address prints as one, which reads as the same.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { span in
        var bytes: [UInt8] = []
        for index in span.indices { bytes.append(span[index]) }
        let text = String(decoding: bytes, as: UTF8.self)
        _ = Version(text)
        _ = Runtime(text)
        guard let address = IPAddress(sloppy: text) else {
            precondition(IPAddress(strict: text) == nil, "strict takes what sloppy does not")
            return
        }
        precondition(IPAddress(strict: address.description) == address, "what is printed is another address")
    }
}
