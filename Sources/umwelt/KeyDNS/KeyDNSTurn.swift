// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import KeyDNS
import Kernel

/// What a verb that writes has while it does so, one after the other.
///
/// The lock is one that only root can have, unlike a flock(2) of what everybody may read; its file goes with it.
final class KeyDNSTurn {
    static let path: Path = "/run/umwelt-keydns.lock"
    /// Longer than the longest that a verb takes: `uninstall` waits for helpers until their deadline.
    private static let patienceMilliseconds = Policy.maximumDeadlineMilliseconds + 10_000

    private let file: Fd

    private init(_ file: consuming Fd) { self.file = file }

    static func take() throws(Failure) -> KeyDNSTurn {
        let end = Clock.boot + UInt64(clamping: patienceMilliseconds) * 1_000_000
        while true {
            do throws(Errno) {
                let file = try Fd.open(path, [.readWriteGuarded, .create], mode: 0o600)
                try file.tryLockByte(at: 0)
                // Whoever had it before may have taken the file away meanwhile.
                guard let there = try? FileStatus.of(path, follow: false), try file.status().isSameFile(as: there)
                else {
                    continue
                }
                try? file.write(Array("\(ProcessID.own)\n".utf8), at: 0)
                return KeyDNSTurn(file)
            } catch .again {
                guard Clock.boot < end else { throw busy }
                _ = try? Readiness.wait([], milliseconds: 50)
            } catch {
                throw KeyDNSNode.failure("lock", path, error)
            }
        }
    }

    private static var busy: Failure {
        let bytes = (try? Fd.contents(of: path, limit: 16)) ?? []
        let number = String(decoding: bytes.prefix { $0 &- UInt8(ascii: "0") < 10 }, as: UTF8.self)
        return .failed(
            "another 'umwelt keydns' (process \(number)) is at work and does not end: end it, then try again"
        )
    }

    func end() { try? Directories.unlink(Self.path) }
}
