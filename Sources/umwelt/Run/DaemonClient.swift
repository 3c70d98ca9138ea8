// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink

/// A connection to the daemon, its errors in words.
final class DaemonClient {
    /// What the daemon says of itself.
    struct Greeting: Equatable {
        var version: String
        /// Who answers: another one after its end.
        var pid: Int32
        /// Who holds the connection.
        var keeper: Int32
        var mountPoint: String
        var isEnding: Bool
    }

    /// No daemon is there (or one that is just ending): worth starting another.
    struct Absent: Error {}

    let socket: String
    private let holds: Bool
    private(set) var greeting = Greeting(version: "", pid: 0, keeper: 0, mountPoint: "", isEnding: false)
    private var link: Link

    /// Connects and says hello; `hold`: an embedded daemon stays for as long as this object lives.
    init(socket: String, hold: Bool) throws {
        self.socket = socket
        holds = hold
        do throws(Errno) {
            link = try Link(connectingTo: Path(socket))
        } catch {
            guard error == .noEntry || error == .connectionRefused else {
                throw Failure.failed("cannot connect to \(socket): \(error)")
            }
            throw Absent()
        }
        do {
            // First: one that does not say that it ends after this stays.
            if hold { _ = try link.request(Message(.hold)) }
            let fields = try link.request(Message(.hello)).map { String(decoding: $0, as: UTF8.self) }
            guard fields.count >= 4 else {
                throw Failure.failed("what listens at \(socket) does not answer as umweltd does")
            }
            greeting = Greeting(
                version: fields[0],
                pid: Int32(fields[1]) ?? 0,
                keeper: fields.dropFirst(4).first.flatMap { Int32($0) } ?? Int32(fields[1]) ?? 0,
                mountPoint: fields[2],
                isEnding: Array(fields[3].utf8) == Self.endingWord
            )
            if hold, greeting.isEnding { throw Absent() }
        } catch let error as LinkError {
            throw try Self.failure(error, socket: socket, isGreeting: true)
        }
    }

    /// Whether it is ending, or is not there any more.
    var isEnding: Bool {
        guard let fields = try? request(.hello, []), fields.count > 3 else { return true }
        return fields[3].elementsEqual(Self.endingWord)
    }

    private static let endingWord = Array("ending".utf8)

    /// How long a daemon that was killed may take to be followed by the next one.
    private static let patienceMilliseconds = 5000

    /// The answer's fields.
    ///
    /// Where the daemon's worker ends meanwhile, the next one is asked: what was answered is known to it.
    func request(_ kind: Message.Kind, _ fields: [String]) throws(Failure) -> [[UInt8]] {
        let message = Message(kind, fields.map { Array($0.utf8) })
        do throws(LinkError) { return try link.request(message) } catch {
            guard Self.isEnd(error), reconnect() else { throw words(error) }
        }
        do throws(LinkError) { return try link.request(message) } catch {
            // The first one came through, and its answer did not.
            if kind == .register, case .refused(let text) = error, text.hasSuffix("is registered already") {
                return [Array("\(greeting.mountPoint)/containers/\(fields.first ?? "")".utf8)]
            }
            if kind == .deregister, case .refused = error { return [] }
            throw words(error)
        }
    }

    /// Another end of the same connection.
    private func duplicate() throws(Errno) -> Link { Link(try link.fd.duplicate()) }

    private func words(_ error: LinkError) -> Failure {
        do { return try Self.failure(error, socket: socket, isGreeting: false) } catch {
            return .failed("the daemon at \(socket) has gone")
        }
    }

    /// Whether the daemon's process ended, and not its answer was no.
    private static func isEnd(_ error: LinkError) -> Bool {
        switch error {
        case .truncated: true
        case .system(let errno): errno == .connectionReset || errno == .brokenPipe
        case .message, .unexpected, .refused: false
        }
    }

    private func reconnect() -> Bool {
        for _ in 0..<(Self.patienceMilliseconds / 50) {
            if let fresh = try? DaemonClient(socket: socket, hold: holds), let other = try? fresh.duplicate() {
                link = other
                greeting = fresh.greeting
                return true
            }
            usleep(50_000)
        }
        return false
    }

    /// Throws `Absent` where a daemon that ends closed the connection instead of answering the first words.
    private static func failure(_ error: LinkError, socket: String, isGreeting: Bool) throws -> Failure {
        switch error {
        case .refused(let text): return .failed("the daemon refuses: \(text)")
        case .truncated:
            if isGreeting { throw Absent() }
            return .failed("the daemon at \(socket) has closed the connection; see its log")
        case .system(let errno):
            if isGreeting, errno == .connectionReset || errno == .brokenPipe { throw Absent() }
            if errno == .again { return .failed("the daemon at \(socket) does not answer; restart umweltd") }
            return .failed("the daemon at \(socket) cannot be reached: \(errno)")
        case .message(.version(let version)):
            return .failed(
                "the daemon at \(socket) speaks version \(version) of the contract, this umwelt \(Message.version); "
                    + "install both from one release, and restart umweltd"
            )
        case .message, .unexpected: return .failed("what listens at \(socket) does not answer as umweltd does")
        }
    }
}
