// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What is asked.
package struct Question: Equatable, Sendable {
    package var name: DNSName
    package var type: RecordType
    package var recordClass = Record.internet

    package init(_ name: DNSName, _ type: RecordType) {
        self.name = name
        self.type = type
    }

    init(_ cursor: inout WireCursor) throws(WireError) {
        name = try cursor.name()
        type = RecordType(rawValue: try cursor.u16())
        recordClass = try cursor.u16()
    }
}

/// A DNS message (RFC 1035, 4.1).
package struct Message: Equatable, Sendable {
    package var id: UInt16
    /// The second word of the header, as it is on the wire.
    package var flags: UInt16
    package var questions: [Question] = []
    package var answers: [Record] = []
    package var authorities: [Record] = []
    package var additionals: [Record] = []

    package static let headerLength = 12
    package static let maximumLength = 65535

    package init(id: UInt16, flags: UInt16 = 0) {
        self.id = id
        self.flags = flags
    }

    package var isResponse: Bool { flags & 0x8000 != 0 }
    package var opcode: UInt16 { flags >> 11 & 15 }
    package var isTruncated: Bool { flags & 0x0200 != 0 }
    /// With the upper bits that EDNS0 has for it (RFC 6891, 6.1.3).
    package var code: ResponseCode {
        let upper = additionals.first { $0.type == .opt }.map { UInt16(truncatingIfNeeded: $0.ttl >> 24) } ?? 0
        return ResponseCode(rawValue: upper << 4 | flags & 15)
    }

    /// Whether it is a response to this question, asked with that id.
    func answers(_ question: Question, id: UInt16) -> Bool {
        guard isResponse, opcode == 0, self.id == id else { return false }
        // A server that could not read the question, or would not, need not repeat it.
        guard !questions.isEmpty else { return code != .noError && code != .nameError }
        return questions == [question]
    }

    /// Decodes all of it; what stands behind the last record is ignored, as resolvers do.
    ///
    /// Of a truncated message (TC) the header and the questions are decoded alone: its records are whatever fitted.
    package init(parsing bytes: [UInt8]) throws(WireError) {
        var cursor = WireCursor(bytes)
        id = try cursor.u16()
        flags = try cursor.u16()
        let counts = (try cursor.u16(), try cursor.u16(), try cursor.u16(), try cursor.u16())
        for _ in 0..<counts.0 { questions.append(try Question(&cursor)) }
        guard !isTruncated else { return }
        // A record takes eleven bytes at least, so a message's size bounds how many there can be.
        for _ in 0..<counts.1 { answers.append(try Record(&cursor)) }
        for _ in 0..<counts.2 { authorities.append(try Record(&cursor)) }
        for _ in 0..<counts.3 { additionals.append(try Record(&cursor)) }
    }

    /// The wire form, without compression.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        bytes.append(u16: id)
        bytes.append(u16: flags)
        for count in [questions.count, answers.count, authorities.count, additionals.count] {
            bytes.append(u16: UInt16(clamping: count))
        }
        for question in questions.prefix(65535) {
            bytes += question.name.wire
            bytes.append(u16: question.type.rawValue)
            bytes.append(u16: question.recordClass)
        }
        for section in [answers, authorities, additionals] {
            for record in section.prefix(65535) { record.append(to: &bytes) }
        }
        return bytes
    }

    /// A query with recursion desired, and EDNS0 where `udpSize` is given: the size of answer that can be taken.
    package static func query(id: UInt16, _ question: Question, udpSize: UInt16?) -> Message {
        var message = Message(id: id, flags: 0x0100)
        message.questions = [question]
        if let udpSize {
            message.additionals = [
                Record(name: .root, type: .opt, recordClass: udpSize, ttl: 0, data: .other([]))
            ]
        }
        return message
    }
}

/// How a server answered (RCODE).
package struct ResponseCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package var rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let noError = ResponseCode(rawValue: 0)
    package static let formatError = ResponseCode(rawValue: 1)
    package static let serverFailure = ResponseCode(rawValue: 2)
    package static let nameError = ResponseCode(rawValue: 3)
    package static let notImplemented = ResponseCode(rawValue: 4)
    package static let refused = ResponseCode(rawValue: 5)
    /// A version of EDNS that the server does not know.
    package static let badVersion = ResponseCode(rawValue: 16)

    package var description: String {
        switch self {
        case .noError: "NOERROR"
        case .formatError: "FORMERR"
        case .serverFailure: "SERVFAIL"
        case .nameError: "NXDOMAIN"
        case .notImplemented: "NOTIMP"
        case .refused: "REFUSED"
        case .badVersion: "BADVERS"
        default: "RCODE\(rawValue)"
        }
    }
}
