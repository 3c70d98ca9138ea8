// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import KeyDNS
import Resolver

/// A policy file, and the flat one: what was read is written, read again, and is the same.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        let bytes = input.indices.map { input[$0] }
        _ = KeyQuery(description: bytes)
        _ = KeyQuery(keyDescription: bytes)
        _ = Callout(parsing: bytes)
        if bytes.count >= CacheRecord.size { _ = CacheRecord(decoding: bytes[..<CacheRecord.size]) }
        _ = CacheLayout.place(CacheRecord.Key(name: .root, form: 0), in: bytes, now: 1 << 40)
        for isFlat in [false, true] {
            guard let policy = try? Policy(parsing: bytes, isFlat: isFlat) else { continue }
            guard let again = try? Policy(parsing: policy.rendered(), isFlat: true) else {
                preconditionFailure("a policy that was written cannot be read")
            }
            precondition(again.lifetime == policy.lifetime && again.deadlineMilliseconds == policy.deadlineMilliseconds)
        }
    }
}
