// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the answer section of a response says about one question, its aliases followed.
package struct Answer: Equatable, Sendable {
    /// The records of the type asked for, in the server's order.
    package var records: [Record]
    /// The name they are of: the end of the chain of aliases.
    package var name: DNSName
    /// Seconds: the least of the records and of every alias on the way.
    package var ttl: UInt32
    /// The aliases on the way, the name asked for first.
    package var aliases: [DNSName]
    /// The server said that there is nothing behind the chain's end (a SOA in the authority section).
    package var isComplete: Bool

    package static let maximumAliases = 16

    package enum Problem: Error, Equatable, Sendable {
        /// The aliases lead in a circle, or are more than `maximumAliases`.
        case aliasLoop
    }

    /// `visited`: aliases that earlier answers of the same lookup went through.
    package init(
        to question: Question,
        in message: Message,
        visited: [DNSName] = [],
        ttl start: UInt32 = .max
    ) throws(Problem) {
        var current = question.name
        var visited = visited
        var ttl = start
        while true {
            let found = message.answers.filter {
                $0.name == current && $0.type == question.type && $0.recordClass == Record.internet
            }
            if !found.isEmpty {
                records = found
                name = current
                self.ttl = found.reduce(ttl) { min($0, $1.lifetime) }
                aliases = visited
                isComplete = true
                return
            }
            var next: DNSName?
            for record in message.answers where record.name == current && record.type == .cname {
                guard case .alias(let target) = record.data else { continue }
                next = target
                ttl = min(ttl, record.lifetime)
                break
            }
            guard let next else { break }
            visited.append(current)
            guard !visited.contains(next), visited.count <= Self.maximumAliases else { throw .aliasLoop }
            current = next
        }
        records = []
        name = current
        self.ttl = ttl
        aliases = visited
        isComplete = current == question.name || message.authorities.contains { $0.type == .soa }
    }
}
