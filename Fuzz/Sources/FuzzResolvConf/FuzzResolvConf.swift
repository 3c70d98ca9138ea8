// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import Resolver

/// A resolv.conf; what was read is written, read again, and is the same.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        let conf = ResolvConf(parsing: input.indices.map { input[$0] })
        let again = ResolvConf(parsing: conf.rendered())
        precondition(again.servers == conf.servers && again.ndots == conf.ndots, "what was written says something else")
        for name in conf.search {
            _ = SearchRules(search: conf.search, ndots: conf.ndots).candidates(name, isAbsolute: false)
        }
    }
}
