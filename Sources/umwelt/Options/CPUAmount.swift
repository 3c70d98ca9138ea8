// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How much CPU time: 0.5 is half of one CPU's.
struct CPUAmount: Equatable {
    /// The period of the quota, and so one whole CPU, in microseconds.
    static let period: Int64 = 100_000
    /// The kernel takes no quota below one millisecond.
    static let leastQuota: Int64 = 1000

    /// Microseconds of CPU time in each period.
    var quota: Int64

    init?(_ text: String) {
        guard text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let number = Double(text),
            let quota = Int64(exactly: (number * Double(Self.period)).rounded()), quota >= Self.leastQuota
        else { return nil }
        self.quota = quota
    }
}
