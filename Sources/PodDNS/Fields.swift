// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Words of a line as Go's `strings.Fields` finds them: white space is what Unicode says it is.
enum Fields {
    /// The words of `line`.
    static func split(_ line: ArraySlice<UInt8>) -> [Word] {
        var words: [Word] = []
        var start = line.startIndex
        var index = line.startIndex
        while index < line.endIndex {
            let space = spaceLength(line, at: index)
            if space > 0 {
                if start < index { words.append(Word(line[start..<index])) }
                index += space
                start = index
            } else {
                index += 1
            }
        }
        if start < line.endIndex { words.append(Word(line[start...])) }
        return words
    }

    /// Without the white space that it begins with.
    static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = line
        while !rest.isEmpty {
            let space = spaceLength(rest, at: rest.startIndex)
            guard space > 0 else { break }
            rest = rest.dropFirst(space)
        }
        return rest
    }

    /// How many bytes of white space begin at `index`: 0 where none does.
    ///
    /// Looking at bytes is enough: the first byte of a character in UTF-8 is never within another.
    private static func spaceLength(_ bytes: ArraySlice<UInt8>, at index: Int) -> Int {
        func byte(_ offset: Int) -> UInt8 {
            let position = index + offset
            return position < bytes.endIndex ? bytes[position] : 0
        }
        switch byte(0) {
        case 0x09...0x0d, 0x20: return 1
        case 0xc2: return byte(1) == 0x85 || byte(1) == 0xa0 ? 2 : 0
        case 0xe1: return byte(1) == 0x9a && byte(2) == 0x80 ? 3 : 0
        case 0xe2:
            switch (byte(1), byte(2)) {
            case (0x80, 0x80...0x8a), (0x80, 0xa8), (0x80, 0xa9), (0x80, 0xaf), (0x81, 0x9f): return 3
            default: return 0
            }
        case 0xe3: return byte(1) == 0x80 && byte(2) == 0x80 ? 3 : 0
        default: return 0
        }
    }
}
