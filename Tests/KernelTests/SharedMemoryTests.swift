// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// Memory that processes share.
@Suite struct SharedMemoryTests {
    @Test func wholePagesAreGivenBack() throws {
        let memory = try SharedMemory(size: 1 << 20)
        for offset in stride(from: 0, to: memory.size, by: 8) { memory.store(1, at: offset) }
        memory.discard(at: 1 << 16, count: 1 << 16)
        for offset in [0, 1 << 16 - 8, 1 << 17] { #expect(memory.load(at: offset) == 1) }
        for offset in [1 << 16, 1 << 17 - 8] { #expect(memory.load(at: offset) == 0) }
    }

    /// The kernel rounds up to whole pages, and what is behind is another's.
    @Test func partsOfPagesAreNot() throws {
        let memory = try SharedMemory(size: 1 << 20)
        for offset in stride(from: 0, to: memory.size, by: 8) { memory.store(1, at: offset) }
        for (offset, count) in [(0, 8), (8, 1 << 16), (1 << 16, 1 << 16 + 8), (0, 0), (1 << 16, 1 << 20)] {
            memory.discard(at: offset, count: count)
        }
        #expect(stride(from: 0, to: memory.size, by: 8).allSatisfy { memory.load(at: $0) == 1 })
    }
}
