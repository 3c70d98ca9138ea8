// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// `$(NAME)` in commands, arguments and values (third_party/forked/golang/expansion).
package enum Expansion {
    /// The longest string that execve(2) takes (MAX_ARG_STRLEN, 32 pages, with the NUL at its end).
    package static let limit = 32 * 4096 - 1

    /// The text with references to known names replaced; `$$` is a dollar; what is unknown stays as it is.
    ///
    /// nil where it gets longer than `limit`.
    package static func expand(_ text: String, _ values: [String: String]) -> String? {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        // Whether a reference that begins here can end at all.
        var hasEnd = true
        let dollar = UInt8(ascii: "$")
        while index < bytes.count, result.count <= limit {
            guard bytes[index] == dollar, index + 1 < bytes.count else {
                result.append(bytes[index])
                index += 1
                continue
            }
            if bytes[index + 1] == dollar {
                result.append(dollar)
                index += 2
                continue
            }
            let opens = bytes[index + 1] == UInt8(ascii: "(")
            guard opens, hasEnd, let end = bytes[index...].firstIndex(of: UInt8(ascii: ")")) else {
                if opens { hasEnd = false }
                result.append(dollar)
                index += 1
                continue
            }
            if let value = values[String(decoding: bytes[(index + 2)..<end], as: UTF8.self)] {
                result += Array(value.utf8)
            } else {
                result += bytes[index...end]
            }
            index = end + 1
        }
        return result.count <= limit ? String(decoding: result, as: UTF8.self) : nil
    }
}
