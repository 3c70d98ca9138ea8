// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct NUMAStatTests {
    @Test func v1CountsPagesOfTheHierarchy() {
        let text = bytes(Captured.memoryNumaStatV1)
        #expect(NUMAStat.parse(v1: text.span, pageSize: 4096) == [0: 225_721 * 4096])
    }

    @Test func v2SumsTheDisjointLines() {
        let text = bytes(FormatsV2.numaStat)
        #expect(NUMAStat.parse(v2: text.span) == [0: 1372, 1: 2468])
    }

    @Test func boundedAndSaturating() {
        let text = bytes("anon N0=99999999999999999999 N0=5 N1024=1 N=3 Nx=1 N2\n")
        #expect(NUMAStat.parse(v2: text.span) == [0: .max])
    }
}
