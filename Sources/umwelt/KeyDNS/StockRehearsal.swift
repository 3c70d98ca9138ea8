// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Upcall

/// What the fallback would put into a key: run in a zone's mount namespace as a helper runs it, but with a name in the place of the
/// key (key.dns_resolver's -D).
struct StockRehearsal {
    var program: Path
    var zone: Zone
    /// Where the zone's resolv.conf is.
    var state: Path
    /// CLOCK_BOOTTIME.
    var deadline: UInt64
    /// What it said, a line each.
    private(set) var lines: [String] = []

    private static let limit = 65536

    init(_ program: Path, zone: Zone, state: Path, deadline: UInt64) {
        self.program = program
        self.zone = zone
        self.state = state
        self.deadline = deadline
    }

    /// Runs it to its end, or to the deadline; the answer, if there is one, is in the record then.
    mutating func run(_ name: String, callout: String, _ record: inout CacheRecord) -> SharedAnswers.Outcome {
        do throws(Errno) {
            guard let said = try said(["-D", "-v", "--", name, callout].map { Array($0.utf8) }) else {
                return .failed(Rejection(Rejection.ETIMEDOUT, "no answer within the deadline"), isAway: false)
            }
            lines = said.split(whereSeparator: \.isNewline).map(String.init)
        } catch {
            return .failed(Rejection(Rejection.EAGAIN, "\(program) cannot be run: \(error)"), isAway: false)
        }
        switch Self.answer(in: lines) {
        case .payload(let payload, let seconds, _):
            record.payload = payload
            return .found(ttl: seconds)
        case .rejected(let rejection): return .failed(rejection, isAway: false)
        }
    }

    /// All that it says; nil where it has not ended in time.
    private func said(_ arguments: [[UInt8]]) throws(Errno) -> String? {
        // It tells a key, or a terminal, or syslog.
        var terminal = try Fd.terminal()
        guard let child = try ProcessImage.fork() else {
            do throws(Errno) {
                try terminal.writing.stand(for: 1)
                try terminal.writing.stand(for: 2)
                try NamespaceRun.become(program, arguments: arguments, zone: zone, state: state)
            } catch {
                Standard.complain("\(program) in a mount namespace: \(error)")
                ProcessImage.end(code: 1)
            }
        }
        terminal.closeWriting()
        defer {
            try? child.kill(SIGKILL)
            _ = try? child.wait()
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < Self.limit {
            let now = Clock.boot
            guard now < deadline else { return nil }
            let left = Int32(clamping: (deadline - now) / 1_000_000 + 1)
            let ready = try Readiness.wait([(terminal.reading.raw, .readable)], milliseconds: left)
            guard ready.first?.isEmpty == false else { continue }
            guard let count = try? terminal.reading.read(into: &buffer), count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What the kernel would be told: error() negates the key, and what nsError() was called with is taken for an errno (keyutils
    /// 1.6.3, where NO_DATA is EINTR).
    static func answer(in lines: [String]) -> KeyAnswer {
        let mark = "I: The key instantiation data is '"
        if let line = lines.last(where: { $0.hasPrefix(mark) && $0.hasSuffix("'") }), line.count > mark.count + 1 {
            let payload = Array(line.dropFirst(mark.count).dropLast().utf8) + [0]
            return .payload(payload, seconds: NamespaceRun.ttl, .stock)
        }
        guard let last = lines.last(where: { $0.hasPrefix("NS:") || $0.hasPrefix("Error:") }) ?? lines.last else {
            return .rejected(Rejection(Rejection.EINTR, "it said nothing; key.dns_resolver does, with -D"))
        }
        return .rejected(Rejection(last.hasPrefix("Error:") ? Rejection.ENOKEY : Rejection.EINTR, last))
    }
}
