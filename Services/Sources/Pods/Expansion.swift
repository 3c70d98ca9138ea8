// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// `$(NAME)` in commands, arguments and values (third_party/forked/golang/expansion).
package enum Expansion {
    /// The text with references to known names replaced; `$$` is a dollar; what is unknown stays as it is.
    package static func expand(_ text: String, _ environment: [(name: String, value: String)]) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        let dollar = UInt8(ascii: "$")
        while index < bytes.count {
            guard bytes[index] == dollar, index + 1 < bytes.count else {
                result.append(bytes[index])
                index += 1
                continue
            }
            if bytes[index + 1] == dollar {
                result.append(dollar)
                index += 2
            } else if bytes[index + 1] == UInt8(ascii: "("),
                let end = bytes[index...].firstIndex(of: UInt8(ascii: ")"))
            {
                let name = String(decoding: bytes[(index + 2)..<end], as: UTF8.self)
                if let value = environment.last(where: { $0.name == name })?.value {
                    result += Array(value.utf8)
                } else {
                    result += bytes[index...end]
                }
                index = end + 1
            } else {
                result.append(dollar)
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
