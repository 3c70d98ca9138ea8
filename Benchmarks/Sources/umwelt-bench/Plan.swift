// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What is measured, in the order of interest; in a full run seven minutes of it.
struct Plan {
    var bursts: Int
    var milliseconds: UInt64
    var cases: [Case]

    static func steps(isQuick: Bool) -> [Plan] { isQuick ? quick : full }

    private static let quick = [
        Plan(bursts: 4, milliseconds: 40, cases: meminfo),
        Plan(bursts: 3, milliseconds: 30, cases: otherFiles(readers: [1], placements: [.unpinned])),
        Plan(bursts: 2, milliseconds: 400, cases: [meminfo(.every(milliseconds: 20), 1, .unpinned)]),
    ]

    private static let full = [
        Plan(bursts: 14, milliseconds: 120, cases: meminfo),
        Plan(bursts: 10, milliseconds: 100, cases: otherFiles(readers: [1], placements: [.unpinned, .sameCore])),
        Plan(bursts: 6, milliseconds: 100, cases: otherFiles(readers: [2, 8], placements: [.unpinned])),
        Plan(bursts: 8, milliseconds: 600, cases: [meminfo(.every(milliseconds: 20), 1, .unpinned)]),
        Plan(bursts: 1, milliseconds: 6000, cases: [meminfo(.every(milliseconds: 1000), 1, .unpinned)]),
    ]

    private static func meminfo(_ pattern: Pattern, _ readers: Int, _ placement: Placement) -> Case {
        Case(file: .meminfo, pattern: pattern, readers: readers, placement: placement)
    }

    private static let meminfo = [
        meminfo(.whole, 1, .unpinned), meminfo(.whole, 2, .unpinned), meminfo(.whole, 8, .unpinned),
        meminfo(.whole, 1, .sameCore), meminfo(.whole, 1, .readerPinned), meminfo(.stdio, 1, .unpinned),
        meminfo(.stdio, 1, .sameCore),
    ]

    private static func otherFiles(readers: [Int], placements: [Placement]) -> [Case] {
        var cases: [Case] = []
        for file in ServedFile.all.dropFirst() {
            for placement in placements {
                for count in readers {
                    cases.append(Case(file: file, pattern: .whole, readers: count, placement: placement))
                }
            }
        }
        return cases
    }
}
