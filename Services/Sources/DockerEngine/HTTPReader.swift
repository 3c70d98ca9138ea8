// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The answer of an HTTP/1.1 server, piece by piece: a state machine without I/O.
///
/// Bounded: a head of at most 64 KiB. A body is told by its length, its chunks, or the connection's end.
package struct HTTPReader: Sendable {
    package struct Failure: Error, Equatable, CustomStringConvertible, Sendable {
        package var description: String
    }

    private enum State {
        case head, length(Int), chunkSize, chunk(Int), chunkEnd, trailer, untilEnd, done
    }

    /// 0 until the head has been read.
    package private(set) var status = 0
    private var state = State.head
    private var pending: [UInt8] = []
    private static let headLimit = 64 << 10

    package init() {}

    /// Whether nothing more comes.
    package var isDone: Bool { if case .done = state { true } else { false } }

    /// Takes what was received; what of it belongs to the body.
    package mutating func feed(_ bytes: some Sequence<UInt8>) throws(Failure) -> [UInt8] {
        pending.append(contentsOf: bytes)
        var body: [UInt8] = []
        while try step(&body) {}
        return body
    }

    /// The connection's end; an error where more was promised.
    package mutating func end() throws(Failure) {
        switch state {
        case .done: return
        case .untilEnd: state = .done
        default: throw Failure(description: "the connection ended within an answer")
        }
    }

    /// Whether there may be more to do.
    private mutating func step(_ body: inout [UInt8]) throws(Failure) -> Bool {
        switch state {
        case .head:
            guard let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) else {
                guard pending.count <= Self.headLimit else {
                    throw Failure(description: "the answer's head is too long")
                }
                return false
            }
            let head = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
            pending.removeSubrange(..<end.upperBound)
            try readHead(head)
            return true
        case .length(let left):
            let count = min(left, pending.count)
            body += pending.prefix(count)
            pending.removeFirst(count)
            state = left == count ? .done : .length(left - count)
            return false
        case .chunkSize:
            guard let line = try line() else { return false }
            let digits = line.prefix { $0 != ";" && $0 != " " }
            guard digits.utf8.count <= 15, let size = Int(digits, radix: 16), size >= 0 else {
                throw Failure(description: "a chunk without a size")
            }
            state = size == 0 ? .trailer : .chunk(size)
            return true
        case .chunk(let left):
            let count = min(left, pending.count)
            body += pending.prefix(count)
            pending.removeFirst(count)
            state = left == count ? .chunkEnd : .chunk(left - count)
            return left == count
        case .chunkEnd:
            guard try line() != nil else { return false }
            state = .chunkSize
            return true
        case .trailer:
            guard let line = try line() else { return false }
            if line.isEmpty { state = .done }
            return true
        case .untilEnd:
            body += pending
            pending = []
            return false
        case .done: return false
        }
    }

    private mutating func line() throws(Failure) -> String? {
        guard let end = pending.firstRange(of: Array("\r\n".utf8)) else {
            guard pending.count <= Self.headLimit else {
                throw Failure(description: "a line of the answer is too long")
            }
            return nil
        }
        let line = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
        pending.removeSubrange(..<end.upperBound)
        return line
    }

    private mutating func readHead(_ head: String) throws(Failure) {
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
        let words = (lines.popFirst() ?? "").split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]), (100...599).contains(status)
        else {
            throw Failure(description: "this is not HTTP")
        }
        if (100..<200).contains(status), status != 101 { return }
        self.status = status
        var length: Int?
        var isChunked = false
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].drop { $0 == " " }
            switch parts[0].lowercased() {
            case "content-length": length = Int(value)
            case "transfer-encoding": isChunked = value.lowercased().contains("chunked")
            default: break
            }
        }
        if status == 204 || status == 304 {
            state = .done
        } else if isChunked {
            state = .chunkSize
        } else if let length {
            guard length >= 0 else { throw Failure(description: "a negative length") }
            state = length == 0 ? .done : .length(length)
        } else {
            state = .untilEnd
        }
    }
}
