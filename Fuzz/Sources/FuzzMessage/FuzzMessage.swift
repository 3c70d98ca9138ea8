// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import NodeLink

/// A message of the daemon's clients; one that is read is written as it was.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        var bytes: [UInt8] = []
        for index in input.indices { bytes.append(input[index]) }
        guard let (message, size) = try? Message.decode(bytes) else { return }
        precondition(message.encoded() == Array(bytes.prefix(size)), "a message is not what it was read from")
    }
}
