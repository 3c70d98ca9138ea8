// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// An amount of CPU time to be told, in nanoseconds.
struct CPUWork: Equatable, Sendable {
    /// `nice` included.
    var user: UInt64 = 0
    var nice: UInt64 = 0
    var system: UInt64 = 0

    var total: UInt64 { user.adding(orMax: system) }

    /// Takes `amount`, at most all, off this work: user, nice and system in the proportion they stand in.
    mutating func take(_ amount: UInt64) -> CPUWork {
        let amount = min(amount, total)
        var part = CPUWork()
        part.user = min(amount.scaled(by: user, over: total), user)
        part.nice = min(part.user.scaled(by: nice, over: user), nice)
        part.system = min(amount.subtracting(orMin: part.user), system)
        subtract(part)
        return part
    }

    mutating func add(_ other: CPUWork) {
        user = user.adding(orMax: other.user)
        nice = nice.adding(orMax: other.nice)
        system = system.adding(orMax: other.system)
    }

    private mutating func subtract(_ other: CPUWork) {
        user = user.subtracting(orMin: other.user)
        nice = min(nice.subtracting(orMin: other.nice), user)
        system = system.subtracting(orMin: other.system)
    }
}

extension CPUWork {
    init(_ usage: CPUUsage) {
        self.init(user: usage.user, nice: min(usage.nice, usage.user), system: usage.system)
    }
}
