// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A string of bytes, compared byte by byte as Go compares strings.
///
/// A node's resolv.conf need not be UTF-8, and Swift's own strings are equal where Unicode says so: the kubelet's are not.
public struct Word: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The bytes.
    public var bytes: [UInt8]

    /// These bytes.
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// The string's UTF-8.
    public init(_ string: String) { bytes = Array(string.utf8) }

    /// The literal's UTF-8.
    public init(stringLiteral value: String) { self.init(value) }

    /// The bytes as text; what is no UTF-8 becomes U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether the bytes are UTF-8, as a string of protobuf's has to be.
    public var isUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// The number of bytes, which is what the kubelet's limits count.
    public var count: Int { bytes.count }

    /// What stands before the first colon; all of it where there is none.
    var optionName: Word { Word(bytes.prefix { $0 != UInt8(ascii: ":") }) }

    /// What stands after the first colon; nil where there is none.
    var optionValue: Word? {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return Word(bytes[(colon + 1)...])
    }

    /// Without one dot at the end, if it has one: `strings.TrimSuffix(s, ".")`.
    var withoutTrailingDot: Word { bytes.last == UInt8(ascii: ".") ? Word(bytes.dropLast()) : self }
}

extension Sequence<Word> {
    /// The words with a space between each two.
    var joined: [UInt8] {
        var result: [UInt8] = []
        var isFirst = true
        for word in self {
            if !isFirst { result.append(UInt8(ascii: " ")) }
            isFirst = false
            result.append(contentsOf: word.bytes)
        }
        return result
    }

    /// The length of `joined`, in bytes.
    var joinedCount: Int {
        let (bytes, words) = reduce((0, 0)) { ($0.0 + $1.count, $0.1 + 1) }
        return bytes + Swift.max(words - 1, 0)
    }
}
