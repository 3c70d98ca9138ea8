// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension CPUSet {
    /// A cpulist as the kernel prints and takes it (`0-1,4-7:1/2`; lib/bitmap-str.c, bitmap_parselist).
    ///
    /// nil where it is none. An empty line is the empty set. Numbers from `capacity` on are ignored.
    package init?(parsingList bytes: Span<UInt8>) {
        self.init()
        var reader = Reader(bytes)
        guard var line = reader.line() else { return }
        line.skipBlanks()
        while !line.isAtEnd {
            var item = line.field(until: UInt8(ascii: ","))
            item.skipBlanks()
            guard let first = item.number() else { return nil }
            var last = first
            var used: UInt64 = 1
            var group: UInt64 = 1
            if item.take(UInt8(ascii: "-")) {
                guard let number = item.number(), number >= first else { return nil }
                last = number
                if item.take(UInt8(ascii: ":")) {
                    guard let part = item.number(), item.take(UInt8(ascii: "/")), let whole = item.number() else {
                        return nil
                    }
                    guard part > 0, part <= whole else { return nil }
                    used = part
                    group = whole
                }
            }
            item.skipBlanks()
            guard item.isAtEnd else { return nil }
            insert(first: first, last: last, used: used, of: group)
        }
    }

    /// Of each `group` numbers from `first` to `last` the first `used`.
    private mutating func insert(first: UInt64, last: UInt64, used: UInt64, of group: UInt64) {
        guard first < UInt64(Self.capacity) else { return }
        let last = min(last, UInt64(Self.capacity) - 1)
        for number in first...max(first, last) where (number - first) % group < used {
            insert(Int(truncatingIfNeeded: number))
        }
    }

    /// A cpumask as the kernel prints and takes it (`ff,ffffffff`: 32-bit words in hexadecimal, the greatest first;
    /// lib/bitmap-str.c, bitmap_parse); nil where it is none.
    package init?(parsingMask bytes: Span<UInt8>) {
        self.init()
        var reader = Reader(bytes)
        guard var line = reader.line() else { return }
        var words: [UInt32] = []
        while !line.isAtEnd {
            var word = line.field(until: UInt8(ascii: ","))
            var value: UInt32 = 0
            var digits = 0
            while let byte = word.next() {
                guard let digit = Self.hexDigit(byte), digits < 8 else { return nil }
                value = value << 4 | digit
                digits += 1
            }
            guard digits > 0 else { return nil }
            // More words than a mask can have: the greatest numbers, which are ignored, come first.
            if words.count > 2 * Self.capacity / 32 { words.removeFirst(Self.capacity / 32) }
            words.append(value)
        }
        for (index, word) in words.reversed().enumerated() {
            for bit in 0..<32 where word & (1 << UInt32(bit)) != 0 { insert(index * 32 + bit) }
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension Text {
    /// `0-1,4`: ranges as the kernel's `%*pbl` prints them, without a newline; nothing for the empty set.
    package mutating func append(cpulist set: CPUSet) {
        var start: Int?
        var last = -1
        var isFirst = true
        func flush(_ text: inout Text) {
            guard let start else { return }
            if !isFirst { text.append(",") }
            isFirst = false
            text.append(UInt64(clamping: start))
            guard last > start else { return }
            text.append("-")
            text.append(UInt64(clamping: last))
        }
        for number in set.numbers {
            if start == nil || number != last + 1 {
                flush(&self)
                start = number
            }
            last = number
        }
        flush(&self)
    }

    /// `3` or `ff,ffffffff`: `digits` hexadecimal digits as the kernel's `%*pb` prints them, without a newline.
    ///
    /// What does not fit in `digits` is left out.
    package mutating func append(cpumask set: CPUSet, digits: Int) {
        var digit = max(digits, 1)
        while digit > 0 {
            digit -= 1
            var value: UInt8 = 0
            for bit in 0..<4 where set.contains(digit * 4 + bit) { value |= 1 << UInt8(bit) }
            append(byte: value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
            if digit > 0, digit % 8 == 0 { append(",") }
        }
    }
}
