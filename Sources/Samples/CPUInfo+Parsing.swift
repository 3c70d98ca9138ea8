// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension CPUInfo {
    /// /proc/cpuinfo of x86, arm, arm64, ppc64, riscv64, loongarch64 (`processor : N` begins a block, an empty line ends
    /// it) and of s390x (`processor N: ...` lines, then blocks that begin with `cpu number : N`).
    package init(parsing bytes: Span<UInt8>) {
        self.init()
        var reader = Reader(bytes)
        // The block being read; nil before the first and after an empty line.
        var block: CPUInfoBlock?
        var emptyLines = 0
        while let line = reader.line() {
            if line.isAtEnd {
                finish(&block)
                emptyLines += 1
                continue
            }
            if let processor = Self.processor(line, prefix: "processor") ?? Self.processor(line, prefix: "cpu number") {
                finish(&block)
                if line.starts(with: "cpu number") {
                    isS390 = true
                } else if blocks.isEmpty, !header.isEmpty {
                    // The empty line after loongarch64's header; s390x's is printed with the block.
                    header.append(contentsOf: repeatElement(UInt8(ascii: "\n"), count: min(emptyLines, 16)))
                    emptyLines = 0
                }
                block = CPUInfoBlock(processor: processor, text: [])
            } else if let processor = Self.s390Processor(line) {
                finish(&block)
                if summary.count < CPUSet.capacity {
                    summary.append(CPUInfoBlock(processor: processor, text: line.array() + [UInt8(ascii: "\n")]))
                }
                continue
            }
            if block != nil {
                block?.text.append(contentsOf: line.array())
                block?.text.append(UInt8(ascii: "\n"))
            } else if blocks.isEmpty, summary.isEmpty {
                Self.append(line, after: emptyLines, to: &header)
            } else {
                Self.append(line, after: trailer.isEmpty ? 0 : emptyLines, to: &trailer)
            }
            emptyLines = 0
        }
        finish(&block)
    }

    private mutating func finish(_ block: inout CPUInfoBlock?) {
        if let whole = block, blocks.count < CPUSet.capacity { blocks.append(whole) }
        block = nil
    }

    /// The 3 of `processor\t: 3`.
    private static func processor(_ line: borrowing Reader, prefix: StaticString) -> Int? {
        var line = copy line
        guard line.take(prefix) else { return nil }
        line.skipBlanks()
        guard line.take(UInt8(ascii: ":")), let number = line.blankNumber(), number < UInt64(CPUSet.capacity) else {
            return nil
        }
        line.skipBlanks()
        return line.isAtEnd ? Int(truncatingIfNeeded: number) : nil
    }

    /// The 3 of `processor 3: version = FF, ...`.
    private static func s390Processor(_ line: borrowing Reader) -> Int? {
        var line = copy line
        guard line.take("processor "), let number = line.number(), line.take(UInt8(ascii: ":")),
            number < UInt64(CPUSet.capacity)
        else { return nil }
        return Int(truncatingIfNeeded: number)
    }

    private static func append(_ line: borrowing Reader, after emptyLines: Int, to text: inout [UInt8]) {
        for _ in 0..<min(emptyLines, 16) { text.append(UInt8(ascii: "\n")) }
        text.append(contentsOf: line.array())
        text.append(UInt8(ascii: "\n"))
    }
}
