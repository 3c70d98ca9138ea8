// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation

/// Texts made of others by chance, each of a number that tells it again.
struct Mutator {
    /// Printed, so that what ended the process can be had again: UMWELT_MUTATION_SEED=N.
    static let seed: UInt64 = {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["UMWELT_MUTATION_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0 ... .max)
        print("mutation tests: UMWELT_MUTATION_SEED=\(seed) repeats them")
        return seed
    }()
    /// How many for each decoder.
    static let count = ProcessInfo.processInfo.environment["UMWELT_MUTATION_COUNT"].flatMap { Int($0) } ?? 3000

    var texts: [[UInt8]]
    /// Words that decoders look at closely.
    var words: [[UInt8]]

    init(_ texts: [String], words: [String]) {
        self.texts = texts.map { Array($0.utf8) }
        self.words = words.map { Array($0.utf8) }
    }

    /// SplitMix64.
    struct Chance: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    /// The texts themselves, then what becomes of them.
    func forEach(_ body: (_ text: [UInt8], _ chance: inout Chance) throws -> Void) rethrows {
        for number in 0..<Self.count {
            var chance = Chance(state: Self.seed &+ UInt64(number) &* 0x1_0000_0001)
            var text = number < texts.count ? texts[number] : texts.randomElement(using: &chance) ?? []
            if number >= texts.count {
                for _ in 0..<Int.random(in: 1...6, using: &chance) { mutate(&text, &chance) }
            }
            try body(text, &chance)
        }
    }

    private func mutate(_ text: inout [UInt8], _ chance: inout Chance) {
        let place = Int.random(in: 0...text.count, using: &chance)
        let range = place..<min(place + Int.random(in: 0...24, using: &chance), text.count)
        switch Int.random(in: 0..<8, using: &chance) {
        case 0: if place < text.count { text[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance) }
        case 1: text.insert(.random(in: 0 ... .max, using: &chance), at: place)
        case 2: text.removeSubrange(range)
        case 3: text.insert(contentsOf: Array(text[range]), at: place)
        case 4:
            let word = words.randomElement(using: &chance) ?? []
            text.replaceSubrange(range.prefix(Int.random(in: 0...8, using: &chance)), with: word)
        case 5:
            let other = texts.randomElement(using: &chance) ?? []
            let end = Int.random(in: 0...other.count, using: &chance)
            text.replaceSubrange(place..., with: other[end...])
        case 6:
            let word = words.randomElement(using: &chance) ?? []
            let times = Int.random(in: 1...200, using: &chance)
            text.insert(contentsOf: repeatElement(word, count: times).joined(), at: place)
        default: text.removeSubrange(place...)
        }
    }
}
