// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Synchronization
import Testing
import Upcall

extension KeyDNSSuite {
    /// One line of syslog for each upcall, with its name, its outcome and how long it took: on every way it ends.
    @Suite struct LogTests {
        /// A lab whose server answers for `good`, knows no other name, and says nothing for `silent`.
        private func lab(_ settings: String = "", _ wasAsked: Box = Box()) throws -> (KeyDNSLab, LogLab) {
            let lab = try KeyDNSLab()
            let server = try lab.server { query in
                wasAsked.set()
                guard var message = try? Message(parsing: query), let question = message.questions.first,
                    !question.name.description.hasPrefix("silent")
                else { return [] }
                message.flags = 0x8183
                message.additionals = []
                if question.name.description.hasPrefix("good") {
                    message.flags = 0x8180
                    let address = RecordData.address(.v4(0x0a00_0005))
                    message.answers = [Record(name: question.name, type: .a, ttl: 30, data: address)]
                }
                return [message.encoded()]
            }
            try lab.configure(settings, zones: lab.cluster(servers: server) + lab.stock, logs: true)
            let log = try LogLab(lab)
            try lab.install(wrapper: log.wrapper)
            return (lab, log)
        }

        private final class Box: Sendable {
            private let value = Atomic<Bool>(false)
            func set() { value.store(true, ordering: .relaxed) }
            var isSet: Bool { value.load(ordering: .relaxed) }
        }

        /// The one line that there is, without its time.
        private func line(_ log: LogLab, _ comment: String = "") -> String {
            let lines = log.lines()
            #expect(lines.count == 1, "\(comment): \(lines)")
            let parts = (lines.first ?? "").split(separator: ", ")
            guard let last = parts.last, last.hasSuffix(" us"), Int(last.dropLast(3)) != nil else {
                return lines.first ?? "none"
            }
            return parts.dropLast().joined(separator: ", ")
        }

        @Test func whatIsAnswered() throws {
            let (lab, log) = try lab()
            _ = try lab.request("good.cluster.test")
            #expect(line(log) == "good.cluster.test: 10.0.0.5 for 5 s from dns")
            _ = try lab.request("Good.cluster.test.")
            #expect(line(log).hasPrefix("Good.cluster.test.: 10.0.0.5 for "))
            _ = try lab.request("none.cluster.test")
            #expect(line(log) == "none.cluster.test: rejected with errno 61: no such name (NXDOMAIN)")
            _ = try lab.request("localhost")
            #expect(line(log) == "localhost: of no zone, passed to /sbin/key.dns_resolver")
        }

        /// Anybody may ask the kernel for a key.
        @Test func nothingOfANameBecomesALineOfItsOwn() throws {
            let (lab, log) = try lab()
            _ = try lab.request("foo\n<0>kernel: panic\u{1b}[2J:good.cluster.test")
            let lines = log.lines()
            #expect(lines.count == 1)
            #expect(lines.allSatisfy { $0.utf8.allSatisfy { (0x20...0x7e).contains($0) } }, "\(lines)")
        }

        @Test func aFallbackThatIsMissing() throws {
            let (lab, log) = try lab("fallback = /nonexistent/helper")
            for name in ["missing.example", "x.stock.test"] {
                #expect(try lab.request(name) == .error(EHOSTUNREACH))
                let expected = "rejected with errno 113: /nonexistent/helper, the fallback, is not there, or no program"
                #expect(line(log) == "\(name): \(expected)")
            }
            #expect(lab.counter(.otherFailures) == 2 && lab.counter(.passedOn) == 0)
            // A program that cannot be run, in its namespace: the child rejects, the parent has the line.
            let script = lab.directory.appending("helper")
            try FileTree.write(Array("no program".utf8), to: script, mode: 0o755)
            try lab.write(
                flat: String(decoding: try Fd.contents(of: lab.flat, limit: 65536), as: UTF8.self)
                    .replacing("/nonexistent/helper", with: "\(script)")
            )
            try lab.writeResolvConf(of: "stock.test")
            #expect(try lab.request("y.stock.test") == .error(ENOEXEC))
            #expect(line(log).hasPrefix("y.stock.test: rejected with errno 8: \(script) in a mount namespace: "))
            #expect(lab.counter(.otherFailures) == 3)
            // With EACCES, as SELinux has it too: no answer that only somebody else may read.
            try Directories.unlink(script)
            try Directories.make(script)
            #expect(try lab.request("z.stock.test") == .error(EACCES))
            #expect(line(log).hasPrefix("z.stock.test: rejected with errno 13: \(script) in a mount namespace: "))
            #expect(lab.counter(.otherFailures) == 4)
        }

        @Test func withoutALogThereIsNoLine() throws {
            let (lab, log) = try lab("fallback = none")
            let flat = String(decoding: try Fd.contents(of: lab.flat, limit: 65536), as: UTF8.self)
            try lab.write(flat: flat.replacing("log = yes", with: "log = no"))
            for name in ["good.cluster.test", "none.example"] { _ = try lab.request(name) }
            #expect(log.lines() == [])
        }

        /// The policy is part of the line; who knows no name of a zone goes to the fallback.
        @Test func aDamagedPolicy() throws {
            let (lab, log) = try lab()
            try lab.write(flat: "nonsense")
            _ = try lab.request("localhost")
            let line = line(log)
            #expect(line.hasPrefix("localhost: of no zone, passed to /sbin/key.dns_resolver, "), "\(line)")
            #expect(line.contains(" us; \(lab.flat): "), "\(line)")
        }

        // MARK: Ends without an answer

        /// A server that is silent for longer than the helper lives.
        private func ended(
            _ settings: String = "",
            by signal: Int32?,
            _ choose: (KeyDNSLab, [Int32]) throws -> [Int32] = { $1 }
        ) throws -> (KeyDNSLab, LogLab, KeyDNSLab.Answer?) {
            let wasAsked = Box()
            let (lab, log) = try lab(settings, wasAsked)
            let (thread, pending, helpers) = try lab.begin("silent.cluster.test") { wasAsked.isSet }
            if let signal { for helper in try choose(lab, helpers) { try? ProcessID.kill(helper, signal) } }
            thread.join()
            return (lab, log, pending.value)
        }

        private static func rejected(_ errno: Int32, _ signal: Int32) -> String {
            "silent.cluster.test: rejected with errno \(errno): signal \(signal)"
        }

        /// Where there are two processes both get it, one a little before the other.
        @Test(arguments: [SIGTERM, SIGSEGV], [("", false), ("guard = yes", false), ("guard = yes", true)])
        func aSignal(signal: Int32, processes: (String, Bool)) throws {
            let (settings, childFirst) = processes
            let (lab, log, answer) = try ended(settings, by: signal) { _, helpers in
                childFirst ? helpers.reversed() : helpers
            }
            let errno = signal == SIGTERM ? EAGAIN : ENOMEM
            #expect(answer == .error(errno))
            #expect(line(log, "\(processes)") == Self.rejected(errno, signal))
            #expect(lab.counter(.crashes) == 1)
        }

        /// One of the two alone.
        @Test(arguments: [SIGTERM, SIGSEGV, SIGKILL], [true, false])
        func aSignalToAGuardOrItsChild(signal: Int32, isChild: Bool) throws {
            let (lab, log, answer) = try ended("guard = yes", by: signal) { _, helpers in
                helpers.filter { KeyDNSLab.parent(of: $0).map(helpers.contains) == isChild }
            }
            guard signal != SIGKILL || isChild else { return #expect(answer == .error(ENOKEY)) }
            let errno = signal == SIGSEGV ? ENOMEM : EAGAIN
            #expect(answer == .error(errno))
            #expect(line(log) == Self.rejected(errno, signal))
            #expect(lab.counter(signal == SIGKILL ? .killed : .crashes) == 1)
        }

        /// While it waits for the lock under which an answer is kept: that of a name it gives up a little before.
        @Test(arguments: ["", "guard = yes"]) func theDeadline(settings: String) throws {
            let (lab, log) = try lab(settings)
            try lab.configureDeadline("\(400 * min(Programs.patience, 15))ms")
            _ = try SharedCache.open(lab.cachePath)
            let name = try #require(DNSName("good.cluster.test"))
            let key = CacheRecord.Key(name: name, types: [.a, .aaaa], all: false)
            let file = try Fd.open(lab.cachePath, .readWriteGuarded)
            try file.lockByte(at: CacheLayout.setLockOffset(of: key))
            #expect(KeyDNSLab.once("good.cluster.test") == .error(ETIMEDOUT))
            try file.unlockByte(at: CacheLayout.setLockOffset(of: key))
            #expect(line(log) == "good.cluster.test: rejected with errno 110: the deadline")
            #expect(lab.counter(.deadlines) == 1)
        }

        /// Nobody is left to write a line: the next helper does.
        @Test func aKilledHelperIsTheNextOnesToTell() throws {
            let (lab, log, answer) = try ended(by: SIGKILL)
            #expect(answer == .error(ENOKEY))
            #expect(log.lines() == [])
            _ = try lab.request("good.cluster.test")
            let lines = log.lines()
            #expect(lines.count == 2)
            #expect(lines.first == "killed, and the name rejected by the kernel for 60 s: 1 before this one")
        }

        // MARK: A full disk

        /// Answers come all the same, nothing half written is left, and the line says why nothing is kept.
        @Test func aFullDiskUnderTheCache() throws {
            let (lab, log) = try lab()
            let disk = lab.directory.appending("disk")
            let seen = Path("/proc/\(log.shell.pid)/root\(disk)")
            func run(_ script: String) throws { #expect(try log.shell.run(script).code == 0, "\(script)") }
            try run("mkdir \(disk) && mount -t tmpfs -o size=64k none \(disk)")
            let fill = "dd if=/dev/zero of=\(disk)/filler bs=4k 2>/dev/null; [ \"$(stat -f -c %a \(disk))\" = 0 ]"
            // Full before there is a cache.
            try run("cp /dev/null \(disk)/x; \(fill)")
            let flat = String(decoding: try Fd.contents(of: lab.flat, limit: 65536), as: UTF8.self)
            try lab.write(flat: flat.replacing("cache = \(lab.cachePath)", with: "cache = \(disk)/keydns.cache"))
            #expect(try lab.request("good1.cluster.test") == .text("10.0.0.5"))
            let first = try #require(log.lines().first)
            #expect(first.hasPrefix("good1.cluster.test: 10.0.0.5 for 5 s from dns, "), "\(first)")
            #expect(first.hasSuffix("; without the cache \(disk)/keydns.cache: No space left on device"), "\(first)")
            let names = try Fd.open(seen, .directory).entries(limit: 100).map {
                String(decoding: $0.name, as: UTF8.self)
            }
            #expect(Set(names) == ["filler", "x"])
            // Full when there is one: its counters work, and what it had stays.
            try run("rm \(disk)/filler")
            #expect(try lab.request("good2.cluster.test") == .text("10.0.0.5"))
            try run(fill)
            _ = log.lines()
            for number in 3..<40 {
                let name = "good\(number).cluster.test"
                #expect(try lab.request(name) == .text("10.0.0.5"))
                let lines = log.lines()
                #expect(lines.count == 1 && lines.allSatisfy { $0.hasPrefix("\(name): 10.0.0.5 for 5 s") }, "\(lines)")
                guard lines.allSatisfy({ $0.hasSuffix("; not kept in \(disk)/keydns.cache: No space left on device") })
                else { continue }
                // The page of the set of another name may be there, so not every name finds the disk full.
                let cache = try SharedCache.open(seen.appending("keydns.cache"))
                #expect(cache.count(.answered) == UInt64(number - 1) && cache.count(.cacheDamaged) == 0)
                let key = CacheRecord.Key(name: try #require(DNSName(name)), types: [.a, .aaaa], all: false)
                #expect(cache.record(key) == nil)
                return
            }
            Issue.record("every name found room on a full disk")
        }
    }
}
