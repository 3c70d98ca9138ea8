// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct CPUQuotaTests {
    @Test(arguments: [
        ("max 100000\n", nil), ("50000 100000\n", 1), ("100000 100000\n", 1), ("150000 100000", 2), ("1 100000", 1),
        ("100001 100000", 2), ("300000", 3), ("0 100000", nil), ("100000 0", nil), ("", nil), ("garbage", nil),
        ("18446744073709551615 1", Int.max), ("99999999999999999999 3", 6_148_914_691_236_517_205),
    ])
    func v2(_ text: String, _ cpus: Int?) {
        let text = bytes(text)
        #expect(CPUQuota.cpus(parsingMax: text.span) == cpus)
    }

    @Test(arguments: [
        ("-1\n", "100000\n", nil), ("25000\n", "50000\n", 1), ("250000\n", "100000\n", 3), ("0\n", "100000\n", nil),
        ("", "", nil), ("100000", "", 1), ("100000", "0", nil), ("-99", "100", nil),
    ])
    func v1(_ quota: String, _ period: String, _ cpus: Int?) {
        let quota = bytes(quota)
        let period = bytes(period)
        #expect(CPUQuota.cpus(parsingQuota: quota.span, period: period.span) == cpus)
    }
}
