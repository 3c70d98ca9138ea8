// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A set of CPU (or NUMA node) numbers as the kernel's cpulists and cpumasks write them.
///
/// Bounded: numbers from `capacity` on are ignored, whoever names them.
package struct CPUSet: Equatable, Hashable, Sendable {
    /// The numbers a set can hold are 0 ..< capacity (CONFIG_NR_CPUS is at most 8192 on x86-64).
    package static let capacity = 8192

    /// Bit `n % 64` of word `n / 64`; no trailing zero words, so that equal sets have equal words.
    private var words: [UInt64] = []

    package init() {}

    package init(_ numbers: some Sequence<Int>) {
        for number in numbers { insert(number) }
    }

    package mutating func insert(_ number: Int) {
        guard number >= 0, number < Self.capacity else { return }
        let word = number / 64
        while words.count <= word { words.append(0) }
        words[word] |= 1 << UInt64(number % 64)
    }

    package func contains(_ number: Int) -> Bool {
        guard number >= 0, number / 64 < words.count else { return false }
        return words[number / 64] & (1 << UInt64(number % 64)) != 0
    }

    package var isEmpty: Bool { words.isEmpty }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The least number in the set.
    package var first: Int? { numbers.first { _ in true } }

    /// The greatest number in the set.
    package var last: Int? {
        guard let top = words.last else { return nil }
        return words.count * 64 - 1 - top.leadingZeroBitCount
    }

    /// The numbers in ascending order.
    package var numbers: [Int] {
        var result: [Int] = []
        result.reserveCapacity(count)
        for (index, var word) in words.enumerated() {
            while word != 0 {
                result.append(index * 64 + word.trailingZeroBitCount)
                word &= word &- 1
            }
        }
        return result
    }

    package func intersection(_ other: CPUSet) -> CPUSet {
        var result = CPUSet()
        result.words = zip(words, other.words).map { $0 & $1 }
        while result.words.last == 0 { result.words.removeLast() }
        return result
    }

    /// The `n` least numbers of the set.
    package func prefix(_ n: Int) -> CPUSet { CPUSet(numbers.prefix(max(n, 0))) }
}
