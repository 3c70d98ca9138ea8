// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import PodDNS

/// One question of the DNS, and what is looked at in its answer (RFC 1035).
package enum Query {
    package enum Kind: UInt16 {
        case a = 1
        case ns = 2
        case aaaa = 28

        var name: String {
            switch self {
            case .a: "A"
            case .ns: "NS"
            case .aaaa: "AAAA"
            }
        }
    }

    /// What a server said.
    package struct Answer: Equatable {
        var code: Int
        /// Records of the kind that was asked for: an alias alone is none.
        var count: Int
        /// Whether there are more than fit.
        var isCut = false

        package init(code: Int, count: Int, isCut: Bool = false) {
            (self.code, self.count, self.isCut) = (code, count, isCut)
        }

        /// The code's name.
        var codeName: String {
            let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]
            return code < names.count ? names[code] : "RCODE \(code)"
        }
    }

    /// The question as a message; nil where `name` is none that fits.
    package static func message(id: UInt16, _ name: String, _ kind: Kind) -> [UInt8]? {
        var bytes: [UInt8] = [UInt8(id >> 8), UInt8(id & 0xff), 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]
        let labels = name.utf8.split(separator: UInt8(ascii: "."))
        for label in labels {
            guard label.count <= 63 else { return nil }
            bytes.append(UInt8(label.count))
            bytes += label
        }
        bytes += [0, 0, UInt8(kind.rawValue), 0, 1]
        return bytes.count <= 12 + 255 + 4 ? bytes : nil
    }

    /// What an answer to `question` says; nil where it is none to that.
    package static func read(_ answer: [UInt8], to question: [UInt8]) -> Answer? {
        guard answer.count >= 12, question.count >= 12, answer[0] == question[0], answer[1] == question[1],
            answer[2] & 0x80 != 0
        else { return nil }
        // The question comes back as it was asked, but for the case of letters.
        let asked = question[12...]
        guard answer.count >= 12 + asked.count else {
            return answer[3] & 0x0f == 0 ? nil : Answer(code: Int(answer[3] & 0x0f), count: 0)
        }
        func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
        guard answer[12..<(12 + asked.count)].map(lower) == asked.map(lower) else { return nil }
        let count = asked.count < 4 ? 0 : records(answer, from: 12 + asked.count, kind: asked.suffix(4).prefix(2))
        return Answer(code: Int(answer[3] & 0x0f), count: count, isCut: answer[2] & 0x02 != 0)
    }

    /// How many of the answers are of that kind, as far as the message goes.
    private static func records(_ message: [UInt8], from start: Int, kind: ArraySlice<UInt8>) -> Int {
        var count = 0
        var index = start
        for _ in 0..<(Int(message[6]) << 8 | Int(message[7])) {
            // A name: labels, and a zero or a pointer at the end.
            while index < message.count, (1...63).contains(message[index]) { index += 1 + Int(message[index]) }
            guard index < message.count else { break }
            index += message[index] == 0 ? 1 : 2
            guard index + 10 <= message.count else { break }
            let end = index + 10 + (Int(message[index + 8]) << 8 | Int(message[index + 9]))
            guard end <= message.count else { break }
            if message[index..<(index + 2)].elementsEqual(kind) { count += 1 }
            index = end
        }
        return count
    }
}
