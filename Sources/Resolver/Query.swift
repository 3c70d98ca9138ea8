// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// One question and what an answer to it says: for who asks a server by itself and looks no further.
public struct Query: Sendable {
    /// The type of the records that are asked for.
    public enum Kind: UInt16, Sendable, CustomStringConvertible {
        case a = 1
        case ns = 2
        case aaaa = 28

        /// Its name in zone files.
        public var description: String { type.description }

        var type: RecordType { RecordType(rawValue: rawValue) }
    }

    /// What a server said.
    public struct Reply: Equatable, Sendable {
        /// The name of its response code.
        public var code: String
        /// Whether it is NOERROR.
        public var isGood: Bool
        /// Records of the kind that was asked for, at the end of all aliases; an alias alone is none.
        public var count: Int
        /// Whether there are more than fit; those that did are not counted.
        public var isCut: Bool
    }

    private let id: UInt16
    private let question: Question

    /// nil where `name` is none that DNS could have.
    public init?(id: UInt16, _ name: String, _ kind: Kind) {
        guard let name = DNSName(name) else { return nil }
        self.id = id
        question = Question(name, kind.type)
    }

    /// The message for a server.
    public var bytes: [UInt8] { Message.query(id: id, question, udpSize: nil).encoded() }

    /// What a message that came says; nil where it is no answer to this question.
    public func reply(in bytes: [UInt8]) -> Reply? {
        guard let message = try? Message(parsing: bytes), message.answers(question, id: id) else { return nil }
        let answer = try? Answer(to: question, in: message)
        return Reply(
            code: message.code.description,
            isGood: message.code == .noError,
            count: answer?.records.count ?? 0,
            isCut: message.isTruncated
        )
    }
}
