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
    /// Servers that are silent, lie or fail, and helpers that die: every request ends, with the errno that is meant.
    @Suite struct FailureTests {
        /// What a server that is none of the above would say: 10.0.0.5 for each name.
        private static func good(_ query: [UInt8], _ change: (inout Message) -> Void = { _ in }) -> [[UInt8]] {
            guard var message = try? Message(parsing: query), let question = message.questions.first else { return [] }
            message.flags = 0x8180
            message.additionals = []
            message.answers = [Record(name: question.name, type: .a, ttl: 30, data: .address(.v4(0x0a00_0005)))]
            change(&message)
            return [message.encoded()]
        }

        private func lab(
            _ settings: String = "",
            _ more: String = "",
            _ answer: @escaping @Sendable ([UInt8]) -> [[UInt8]]
        ) throws -> KeyDNSLab {
            let lab = try KeyDNSLab()
            try lab.configure(settings, zones: lab.cluster(servers: try lab.server(answer), more))
            try lab.install()
            return lab
        }

        /// A server that says nothing, and knows whether it was asked.
        private final class Silence: Sendable {
            private let asked = Atomic<Bool>(false)
            var wasAsked: Bool { asked.load(ordering: .relaxed) }

            func hear(_ query: [UInt8]) -> [[UInt8]] {
                asked.store(true, ordering: .relaxed)
                return []
            }
        }

        private func bounded(_ milliseconds: Int, _ body: () throws -> Void) rethrows {
            let start = Clock.boot
            try body()
            let took = Int((Clock.boot - start) / 1_000_000)
            #expect(took < milliseconds * Programs.patience, "\(took) ms")
        }

        @Test func aSilentServerIsWaitedForUntilTheDeadline() throws {
            let lab = try lab { _ in [] }
            try lab.configureDeadline("\(600 * min(Programs.patience, 15))ms")
            try bounded(5000) {
                let answer = try lab.request("x.cluster.test")
                #expect(answer == .error(EAGAIN))
            }
            #expect(lab.counter(.timeouts) == 1)
        }

        @Test func theSecondServerAnswersForASilentOne() throws {
            let lab = try KeyDNSLab()
            let silent = try lab.server { _ in [] }
            let talking = try lab.server { Self.good($0) }
            try lab.configure(zones: lab.cluster(servers: "\(silent) \(talking)"))
            try lab.install()
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
        }

        @Test func failuresOfTheServer() throws {
            let cases: [(UInt16, Int32)] = [(2, EAGAIN), (5, ECONNREFUSED), (3, ENODATA)]
            for (code, expected) in cases {
                let lab = try lab {
                    Self.good($0) { message in
                        message.flags = 0x8180 | code
                        message.answers = []
                    }
                }
                let answer = try lab.request("x.cluster.test")
                #expect(answer == .error(expected), "RCODE \(code)")
            }
        }

        @Test func nobodyListens() throws {
            let lab = try KeyDNSLab()
            try lab.configure(zones: lab.cluster(servers: "127.0.0.1:9"))
            try lab.install()
            #expect(try lab.request("x.cluster.test") == .error(EHOSTUNREACH))
        }

        @Test func liesAreNotTaken() throws {
            let lab = try lab { query in
                Self.good(query) {
                    $0.id ^= 0x5555; $0.answers[0].data = .address(.v4(0x0606_0606))
                }
                    + Self.good(query) {
                        $0.questions[0].name = DNSName("evil.test") ?? .root
                        $0.answers[0].data = .address(.v4(0x0606_0606))
                    } + [[1, 2, 3]] + Self.good(query)
            }
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            #expect(lab.counter(.ignoredMessages) == 3)
        }

        @Test func aliasesInACircle() throws {
            let lab = try lab {
                Self.good($0) { message in
                    let name = message.questions[0].name
                    let other = DNSName("other.cluster.test") ?? .root
                    message.answers = [
                        Record(name: name, type: .cname, ttl: 5, data: .alias(other)),
                        Record(name: other, type: .cname, ttl: 5, data: .alias(name)),
                    ]
                }
            }
            let answer = try lab.request("x.cluster.test")
            #expect(answer == .error(ELOOP))
        }

        /// A hundred pods: too much for a datagram, so dnsmasq says that it was cut, and the rest comes over TCP.
        @Test func anAnswerThatWasCutComesOverTCP() throws {
            let lab = try KeyDNSLab()
            let pods = (1...100).map { "10.0.2.\($0)" }
            try lab.startDNSMasq("edns-packet-max=512", hosts: pods.map { "\($0) big.cluster.test\n" }.joined())
            try lab.configure(zones: lab.cluster())
            try lab.install()
            let list = try lab.request("big.cluster.test", callout: "list").description
            #expect(Set(list.split(separator: ",").map(String.init)) == Set(pods))
        }

        @Test func threeHundredAtOnce() throws {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq("address=/any.cluster.test/10.0.0.3", ttl: 600)
            // On a slow machine it takes longer than five seconds until all who asked have read their key.
            try lab.configure("ttl-cap = 600s", zones: lab.cluster())
            try lab.configureDeadline("20s")
            try lab.install()
            let answers = try lab.requests((0..<300).map { "n\($0).any.cluster.test" })
            #expect(answers.count == 300)
            for answer in answers where answer != .text("10.0.0.3") { Issue.record("\(answer)") }
            #expect(lab.counter(.upcalls) == 300 && lab.counter(.answered) == 300)
        }

        // MARK: Helpers that die

        /// The kernel's own minute, which nothing but a guard can prevent; that it happened is counted.
        @Test func aKilledHelperIsCounted() throws {
            let silence = Silence()
            let lab = try lab { silence.hear($0) }
            let (thread, pending, helpers) = try lab.begin("x.cluster.test") { silence.wasAsked }
            for helper in helpers { try ProcessID.kill(helper, SIGKILL) }
            thread.join()
            #expect(pending.value == .error(ENOKEY))
            try lab.configureDeadline("300ms")
            _ = try lab.request("y.cluster.test")
            #expect(lab.counter(.killed) == 1)
        }

        @Test func aGuardRejectsForAKilledHelper() throws {
            let silence = Silence()
            let lab = try lab("guard = yes") { silence.hear($0) }
            let (thread, pending, pids) = try lab.begin("x.cluster.test") { silence.wasAsked }
            let child = try #require(pids.first { KeyDNSLab.parent(of: $0).map(pids.contains) == true })
            try #require(pids.count == 2)
            try bounded(1000) {
                try ProcessID.kill(child, SIGKILL)
                thread.join()
            }
            #expect(pending.value == .error(EAGAIN))
        }

        /// The same with a stock helper in a namespace, which ends with its parent.
        @Test func aGuardRejectsForANamespaceToo() throws {
            let lab = try KeyDNSLab()
            let script = lab.directory.appending("helper")
            let number = lab.directory.appending("number")
            try FileTree.write(Array("#!/bin/sh\necho $$ > \(number)\nexec sleep 1000\n".utf8), to: script, mode: 0o755)
            try lab.configure("guard = yes\nfallback = \(script)", zones: lab.stock)
            try lab.writeResolvConf(of: "stock.test")
            try lab.install()
            func stock() -> Int32? {
                let text = String(decoding: (try? Fd.contents(of: number, limit: 20)) ?? [], as: UTF8.self)
                return text.hasSuffix("\n") ? Int32(text.dropLast()) : nil
            }
            let (thread, pending, pids) = try lab.begin("x.stock.test") { stock() != nil }
            let child = try #require(pids.first { KeyDNSLab.parent(of: $0).map(pids.contains) == true })
            try #require(pids.count == 2)
            try bounded(1000) {
                try ProcessID.kill(child, SIGKILL)
                thread.join()
            }
            #expect(pending.value == .error(EAGAIN))
            #expect(lab.counter(.killed) == 1)
            let sleeper = try #require(stock())
            for _ in 0..<100 where FileTree.isThere(Path("/proc/\(sleeper)")) { usleep(20_000) }
            #expect(!FileTree.isThere(Path("/proc/\(sleeper)")))
        }

        /// Every end but SIGKILL has a last word.
        @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGILL, SIGABRT, SIGBUS, SIGXCPU, SIGSYS])
        func aSignalRejects(signal: Int32) throws {
            let silence = Silence()
            let lab = try lab { silence.hear($0) }
            let (thread, pending, helpers) = try lab.begin("x.cluster.test") { silence.wasAsked }
            // Real-time signals, the library's own among them, do nothing.
            for helper in helpers { for number in [32, 33, 34, 64, signal] { try ProcessID.kill(helper, number) } }
            thread.join()
            let isCrash = [SIGSEGV, SIGILL, SIGABRT, SIGBUS, SIGSYS].contains(signal)
            #expect(pending.value == .error(isCrash ? ENOMEM : EAGAIN))
            #expect(lab.counter(.crashes) == 1)
        }

        /// With hardly any address space left the helper works, or rejects at once.
        ///
        /// A policy file of the greatest length, so that there is something to allocate.
        @Test func withoutMemoryTheKeyIsRejected() throws {
            let lab = try lab { Self.good($0) }
            let remarks = String(repeating: "# " + String(repeating: "x", count: 62) + "\n", count: 950)
            try lab.write(flat: remarks + String(decoding: try Fd.contents(of: lab.flat, limit: 65536), as: UTF8.self))
            func answer(_ kilobytes: Int) throws -> KeyDNSLab.Answer {
                try lab.install(wrapper: "/usr/bin/prlimit --as=\(kilobytes * 1024) ")
                var answer = KeyDNSLab.Answer.error(0)
                try bounded(1500) { answer = try lab.request("m\(kilobytes).cluster.test") }
                return answer
            }
            // With less than `least` the kernel cannot even map the program, which has no say then. From there on it has.
            var (none, least) = (2000, 64_000)
            while least - none > 16 {
                let middle = (none + least) / 2
                if try answer(middle) == .error(ENOKEY) { none = middle } else { least = middle }
            }
            // Where the stack begins is the kernel's own choice each time, so that size is not quite the same each time.
            let answers = try (0..<32).map { try answer(least + 16 * $0) }
            #expect(answers.dropFirst(1).allSatisfy { $0 == .error(ENOMEM) || $0 == .text("10.0.0.5") }, "\(answers)")
            let coarse = try (0..<40).map { try answer(least + 16 + 100 * $0) }
            #expect(coarse.allSatisfy { $0 == .error(ENOMEM) || $0 == .text("10.0.0.5") }, "\(coarse)")
            #expect(answers.contains(.error(ENOMEM)))
            #expect(try answer(64_001) == .text("10.0.0.5"))
        }

        // MARK: Files that are damaged

        @Test func aDamagedCacheIsReplaced() throws {
            let lab = try lab { Self.good($0) }
            #expect(try lab.request("a.cluster.test") == .text("10.0.0.5"))
            let damages: [[UInt8]] = [
                [], [1, 2, 3], [UInt8](repeating: 0xff, count: CacheLayout.fileSize),
                [UInt8](repeating: 0, count: CacheLayout.fileSize), [UInt8](repeating: 7, count: 100),
            ]
            for damage in damages {
                try FileTree.write(damage, to: lab.cachePath)
                #expect(try lab.request("b.cluster.test") == .text("10.0.0.5"))
                #expect(lab.counter(.cacheDamaged) == 1)
            }
            // A file that others may write, and a link, which is not followed.
            #expect(chmod("\(lab.cachePath)", 0o666) == 0)
            #expect(try lab.request("b.cluster.test") == .text("10.0.0.5"))
            #expect(try FileStatus.of(lab.cachePath).mode & 0o777 == 0o600 && lab.counter(.cacheDamaged) == 1)
            let other = lab.directory.appending("other")
            try FileTree.write([1, 2, 3], to: other)
            try Directories.unlink(lab.cachePath)
            #expect(symlink("\(other)", "\(lab.cachePath)") == 0)
            #expect(try lab.request("b.cluster.test") == .text("10.0.0.5"))
            #expect(lab.counter(.cacheDamaged) == 1)
            #expect(try Fd.contents(of: other, limit: 10) == [1, 2, 3])
            // Another's, whatever it says; and one that somebody has by another name, too.
            #expect(chown("\(lab.cachePath)", 65534, 65534) == 0)
            #expect(try lab.request("b.cluster.test") == .text("10.0.0.5"))
            #expect(try FileStatus.of(lab.cachePath).user == 0 && lab.counter(.cacheDamaged) == 1)
            #expect(link("\(lab.cachePath)", "\(lab.cachePath).link") == 0)
            #expect(try lab.request("b.cluster.test") == .text("10.0.0.5"))
            #expect(try FileStatus.of(lab.cachePath).links == 1 && lab.counter(.cacheDamaged) == 1)
            // A whole first page, and slots of noise.
            let page = try Fd.contents(of: lab.cachePath, limit: CacheLayout.pageSize)
            let piece = (0..<4096).map { _ in UInt8.random(in: 0...255) }
            let count = (CacheLayout.fileSize - CacheLayout.pageSize) / piece.count
            let noise = Array(repeatElement(piece, count: count).joined())
            try FileTree.write(page + noise, to: lab.cachePath)
            #expect(try lab.request("c.cluster.test") == .text("10.0.0.5"))
            // A directory in its place: nothing is shared, and everything works.
            try Directories.unlink(lab.cachePath)
            try Directories.make(lab.cachePath)
            #expect(try lab.request("d.cluster.test") == .text("10.0.0.5"))
            // Nor is anything put into the place of a device: another way to say that there is no cache.
            let device = lab.directory.appending("null")
            #expect(mknod("\(device)", S_IFCHR | 0o600, 0x103) == 0)
            try lab.configure("", zones: lab.cluster(servers: try lab.server { Self.good($0) }), cache: device)
            #expect(try lab.request("e.cluster.test") == .text("10.0.0.5"))
            #expect(try FileStatus.of(device, follow: false).isRegular == false)
        }

        @Test func aBadConfigurationSendsEverythingToTheStockHelper() throws {
            let lab = try lab { Self.good($0) }
            for text in [
                "", "nonsense", "deadline = 9\n[end]\n", "[cluster]\ndomain = cluster.test\nservers = 127.0.0.1\n",
            ] {
                try lab.write(flat: text)
                let answer = try lab.request("localhost")
                #expect(answer == .text("127.0.0.1"), "\(text)")
            }
            try Directories.unlink(lab.flat)
            let usual = Path(Policy.usualCache)
            let wasThere = FileTree.isThere(usual)
            #expect(try lab.request("localhost") == .text("127.0.0.1"))
            #expect(FileTree.isThere(usual) == wasThere, "where nothing is installed any more, nothing is made")
        }

        // MARK: How often

        /// Ten names, as fast as the machine can: one question each while their TTL lasts.
        @Test func oneQuestionForANameAndItsTTL() throws {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq("address=/any.cluster.test/10.0.0.3", ttl: 600)
            // Nothing is sent twice because the machine is slow.
            try lab.configure("ttl-cap = 600s", zones: lab.cluster(servers: nil, "patience = 10s"))
            try lab.configureDeadline("20s")
            try lab.install()
            let names = (0..<10).map { "n\($0).any.cluster.test" }
            let wanted = Programs.share(of: 600)
            let start = Clock.boot
            var (count, best) = (0, 0.0)
            while count < wanted {
                // Each from a new keyring: what the kernel has is not found, as if it had been cleared.
                let began = Clock.boot
                let answers = try lab.requests(names + names)
                best = max(best, Double(answers.count) * 1e9 / Double(Clock.boot - began))
                for answer in answers where answer != .text("10.0.0.3") { Issue.record("\(answer)") }
                count += answers.count
            }
            let seconds = Double(Clock.boot - start) / 1e9
            // The best moment: others may be at work on this machine.
            if Programs.patience == 1 { #expect(best >= 300, "\(best) a second") }
            for name in names { #expect(lab.queries(name) == 1, "\(name)") }
            let upcalls = lab.counter(.upcalls)
            #expect(lab.counter(.questions) == 10 && lab.counter(.fromCache) == upcalls - 10)
            print("keydns: \(upcalls) upcalls for ten names in \(seconds) s, \(Double(upcalls) / seconds) a second")
        }

        /// Names that share a set of slots, stored at the same moment: none takes another's slot.
        @Test func answersStoredAtOnceAllStay() throws {
            let lab = try KeyDNSLab()
            let path = lab.cachePath
            let names = (0..<10_000).compactMap { DNSName("n\($0).cluster.test") }
            let keys = names.map { CacheRecord.Key(name: $0, types: [.a, .aaaa], all: false) }
                .filter { CacheLayout.offset(of: $0) == CacheLayout.pageSize }.prefix(CacheLayout.ways)
            try #require(keys.count == CacheLayout.ways)
            for _ in 0..<20 {
                let cache = try SharedCache.open(path)
                try cache.forget()
                let isGo = Atomic<Bool>(false)
                let threads = try keys.map { key in
                    try Thread(name: "store") {
                        // Each as a helper: with a file of its own.
                        guard let cache = try? SharedCache.open(path) else { return }
                        while !isGo.load(ordering: .acquiring) {}
                        cache.store(CacheRecord(key: key, now: Clock.boot))
                    }
                }
                isGo.store(true, ordering: .releasing)
                for thread in threads { thread.join() }
                #expect(keys.filter { cache.record($0) == nil }.isEmpty)
            }
        }

        /// A second is the least time that a key has, and the kernel counts those of the clock: also late in one it is there.
        @Test func aKeyOfOneSecondIsThereAtTheSecondsEnd() throws {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq("address=/any.cluster.test/10.0.0.3", ttl: 1)
            try lab.configure(zones: lab.cluster())
            try lab.install()
            for number in 0..<6 {
                var now = timespec()
                clock_gettime(CLOCK_REALTIME, &now)
                usleep(UInt32((1_999_000 - 500 * number - now.tv_nsec / 1000) % 1_000_000))
                #expect(try lab.request("n\(number).any.cluster.test") == .text("10.0.0.3"))
                #expect(try lab.request("n\(number).none.cluster.test") == .error(ENODATA))
            }
        }

        /// What DNS says, between floor and cap; never 0 and never for ever.
        ///
        /// A rejection is for a second.
        @Test(
            .enabled(if: Programs.patience == 1, "its seconds are too short for this machine"),
            arguments: [
                (3, ["2s", "3s"]), (3600, ["4s", "5s"]), (0, ["0s", "1s", "2s"]), (nil, ["0s", "1s", "2s"]),
            ] as [(UInt32?, [String])]
        )
        func howLongAKeyLives(ttl: UInt32?, expected: [String]) throws {
            let lab = try lab {
                Self.good($0) { message in
                    if ttl == nil { (message.flags, message.answers) = (0x8183, []) }
                    for index in message.answers.indices { message.answers[index].ttl = ttl ?? 0 }
                }
            }
            let name = "x\(ttl ?? 1).cluster.test"
            let box = Mutex("none")
            let thread = try Thread(name: "request") {
                _ = KeyDNSLab.once(name)
                // Now: the thread's keyring has the key.
                let keys = String(decoding: (try? Fd.contents(of: "/proc/keys", limit: 1 << 22)) ?? [], as: UTF8.self)
                let fields = keys.split(separator: "\n").first { $0.contains(" \(name)") }?.split(separator: " ") ?? []
                if fields.count > 3 { box.withLock { [left = String(fields[3])] in $0 = left } }
            }
            thread.join()
            let left = box.withLock { $0 }
            #expect(expected.contains(left), "\(left)")
        }

        /// Of more pods than the cache has room for, a client stays with its own; a list is always all of them.
        @Test func aClientStaysAmongManyPods() throws {
            let lab = try lab("ttl-floor = 1s\nttl-cap = 1s") { query in
                Self.good(query) { message in
                    let name = message.questions[0].name
                    message.answers = (0..<60).shuffled().map { pod in
                        Record(name: name, type: .a, ttl: 1, data: .address(.v4(0x0a00_0100 + UInt32(pod))))
                    }
                }
            }
            let first = try lab.request("x.cluster.test")
            for _ in 0..<12 {
                #expect(try lab.request("x.cluster.test") == first)
                usleep(200_000)
            }
            #expect(lab.counter(.questions) >= 2 && lab.counter(.fromCache) > 0)
            for _ in 0..<2 {
                let list = try lab.request("x.cluster.test", callout: "ipv4 list").description
                #expect(Set(list.split(separator: ",")).count == 60)
            }
        }

        /// What a record says of its own time is not believed: it may be of a time before the machine was started.
        @Test func aRecordOfAnotherTimeIsNotFresh() throws {
            let lab = try lab { Self.good($0) }
            let name = try #require(DNSName("x.cluster.test"))
            let key = CacheRecord.Key(name: name, types: [.a, .aaaa], all: false)
            _ = try lab.request("warm.cluster.test")
            let now = Clock.boot
            let second: UInt64 = 1_000_000_000
            // One that is what it says is believed, so this is where the helper looks.
            let times = [
                (now, now + 4 * second, "10.0.0.6"), (now, now + 100_000 * second, "10.0.0.5"),
                (now + 50 * second, now + 52 * second, "10.0.0.5"),
            ]
            for (stored, until, expected) in times {
                let record = CacheRecord(key: key, freshUntil: until, storedAt: stored, addresses: [.v4(0x0a00_0006)])
                try SharedCache.open(lab.cachePath).store(record)
                #expect(try lab.request("x.cluster.test") == .text(expected), "\(stored) \(until)")
                // And the answer takes its place.
                let kept = try SharedCache.open(lab.cachePath).record(key)
                #expect(kept?.storedAt ?? .max <= Clock.boot, "\(stored) \(until)")
            }
        }

        /// By a link or a script, which no check of the policy sees: not without end, in either strategy.
        @Test func aFallbackThatLeadsBack() throws {
            let lab = try lab { Self.good($0) }
            let script = lab.directory.appending("helper")
            let text = "#!/bin/sh\nexec \(Programs.keydns) $1 \(lab.flat)\n"
            try FileTree.write(Array(text.utf8), to: script, mode: 0o755)
            try lab.configure("fallback = \(script)", zones: lab.stock)
            try lab.writeResolvConf(of: "stock.test")
            for name in ["x.outside.test", "x.stock.test"] {
                var answer = KeyDNSLab.Answer.error(0)
                try bounded(1500) { answer = try lab.request(name) }
                #expect(answer == .error(ELOOP), "\(name)")
            }
            #expect(lab.counter(.passedOn) == 1 && lab.counter(.namespaceRuns) == 1 && lab.counter(.upcalls) == 4)
        }

        /// Not the stock helper's, which would reject it for a minute.
        @Test func whatIsNoNameIsRejectedAtOnce() throws {
            let lab = try lab { Self.good($0) }
            for name in ["x..cluster.test", String(repeating: "y", count: 64) + ".Cluster.TEST."] {
                let answer = try lab.request(name)
                #expect(answer == .error(EINVAL), "\(name)")
            }
            #expect(lab.counter(.passedOn) == 0)
        }

        @Test func theRateLimitCountsQuestions() throws {
            let lab = try lab("rate-limit = 2") {
                Self.good($0) { message in
                    message.flags = 0x8183
                    message.answers = []
                }
            }
            let start = Clock.boot
            let answers = try KeyDNSLab.request("x.cluster.test", count: 12)
            let seconds = Int((Clock.boot - start) / 1_000_000_000)
            #expect(
                answers.contains(.error(ENODATA))
                    && answers.allSatisfy { $0 == .error(ENODATA) || $0 == .error(EAGAIN) }
            )
            // Two in each second that the twelve upcalls touched: less than one on an idle machine.
            let asked = lab.counter(.questions)
            #expect(asked >= 2 && asked <= 2 * UInt64(seconds + 2))
            #expect(lab.counter(.rateLimited) == 12 - asked)
        }

        @Test func theLastKnownAnswerWhereThePolicySaysSo() throws {
            let isAway = Mutex(false)
            let lab = try lab("ttl-cap = 1s\nstale = 60s") { query in
                isAway.withLock { $0 } ? Self.good(query) { $0.flags = 0x8182 } : Self.good(query)
            }
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            isAway.withLock { $0 = true }
            usleep(1_200_000)
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            #expect(lab.counter(.stale) == 1)
            #expect(try lab.request("y.cluster.test") == .error(EAGAIN))
        }

        /// Nor after a server has said that there is no such name: that is the last that is known.
        @Test func theLastKnownAnswerMayBeThatThereIsNone() throws {
            let code = Mutex<UInt16>(0)
            let lab = try lab("ttl-cap = 1s\nstale = 600s") { query in
                Self.good(query) { message in
                    let code = code.withLock { $0 }
                    message.flags |= code
                    if code != 0 { message.answers = [] }
                }
            }
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            for (answer, expected) in [(3, ENODATA), (2, EAGAIN)] as [(UInt16, Int32)] {
                usleep(1_200_000)
                code.withLock { $0 = answer }
                #expect(try lab.request("x.cluster.test") == .error(expected))
            }
            #expect(lab.counter(.stale) == 0)
        }

        /// The client's pod is remembered where the answers are forgotten.
        @Test func aClientStaysWithItsPodWhenAnswersAreForgotten() throws {
            let pods = Mutex<[UInt32]>([1])
            let lab = try lab("ttl-cap = 600s\nstale = 600s") { query in
                Self.good(query) { message in
                    let name = message.questions[0].name
                    message.answers = pods.withLock { $0 }.map {
                        Record(name: name, type: .a, ttl: 600, data: .address(.v4(0x0a00_0100 + $0)))
                    }
                }
            }
            // Whatever the seed prefers.
            for pod in 1...6 as ClosedRange<UInt32> {
                pods.withLock { $0 = [pod] }
                let name = "n\(pod).cluster.test"
                let first = try lab.request(name)
                pods.withLock { $0 = Array(1...6) }
                try SharedCache.open(lab.cachePath).forget()
                let asked = lab.counter(.questions)
                #expect(try lab.request(name) == first && lab.counter(.questions) > asked)
            }
        }

        /// `count` requests of the user nobody, from as many processes at once.
        private static func asNobody(_ name: String, count: Int = 1) -> String {
            "setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'for i in $(seq \(count)); do keyctl session - "
                + "keyctl request2 dns_resolver \(name) \"\" @s & done; wait'"
        }

        /// What anybody may ask for is kept, and counted for the rate, but is the first to go.
        @Test func anotherUsersNamesGiveWay() throws {
            let lab = try lab("rate-limit = 1") { Self.good($0) }
            let name = try #require(DNSName("x.cluster.test"))
            let key = CacheRecord.Key(name: name, types: [.a, .aaaa], all: false)
            let shell = try LabShell()
            defer { shell.end() }
            for _ in 0..<3 { _ = try shell.run(Self.asNobody("x.cluster.test")) }
            #expect(lab.counter(.answered) == 3 && lab.counter(.questions) == 1)
            let cache = try SharedCache.open(lab.cachePath)
            #expect(cache.record(key)?.asker == .user)
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            #expect(cache.record(key)?.asker == .root && cache.names.all == 1 && cache.names.kernels == 0)
            // As if a mount had asked: no flood takes its place.
            cache.asker = .kernel
            cache.store(try #require(cache.record(key)))
            cache.asker = .root
            for number in 0..<5000 {
                let other = CacheRecord.Key(name: try #require(DNSName("n\(number).cluster.test")), form: key.form)
                cache.store(CacheRecord(key: other, now: Clock.boot))
            }
            #expect(cache.names.all == CacheLayout.sets * CacheLayout.ways && cache.record(key)?.asker == .kernel)
        }

        /// However many others wait for a name, root does not wait behind them.
        @Test func rootDoesNotWaitBehindOthers() throws {
            let lab = try lab("stale = 60s") { _ in [] }
            let name = try #require(DNSName("x.cluster.test"))
            let key = CacheRecord.Key(name: name, types: [.a, .aaaa], all: false)
            let cache = try SharedCache.open(lab.cachePath)
            let now = Clock.boot
            cache.store(CacheRecord(key: key, freshUntil: now, storedAt: now, addresses: [.v4(0x0a00_0005)]))
            let shell = try LabShell()
            defer { shell.end() }
            _ = try shell.run("(\(Self.asNobody("x.cluster.test", count: 8))) > /dev/null 2>&1 &")
            usleep(300_000)
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            #expect(lab.counter(.stale) >= 1)
        }

        /// Who waits for another's answer in vain gives the last that was known, as who asks in vain does.
        @Test func whoWaitsInVainGivesTheLastKnown() throws {
            let lab = try lab("stale = 60s") { _ in [] }
            let names = try ["known", "other"].map { try #require(DNSName("\($0).cluster.test")) }
            let keys = names.map { CacheRecord.Key(name: $0, types: [.a, .aaaa], all: false) }
            let cache = try SharedCache.open(lab.cachePath)
            let now = Clock.boot
            cache.store(CacheRecord(key: keys[0], freshUntil: now, storedAt: now, addresses: [.v4(0x0a00_0005)]))
            for key in keys { cache.lock(key) }
            #expect(try lab.request("known.cluster.test") == .text("10.0.0.5"))
            #expect(KeyDNSLab.once("other.cluster.test") == .error(EAGAIN))
            #expect(lab.counter(.questions) == 0 && lab.counter(.deadlines) == 0)
        }

        /// Where everything is forgotten while a helper asks, what it hears is of before.
        @Test func whatIsForgottenMeanwhileIsNotKept() throws {
            let box = Mutex<Path?>(nil)
            let lab = try lab("ttl-cap = 600s\nttl-floor = 600s") { query in
                if let path = box.withLock({ $0 }) { try? SharedCache.open(path).forget() }
                return Self.good(query)
            }
            box.withLock { $0 = lab.cachePath }
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            box.withLock { $0 = nil }
            let asked = lab.counter(.questions)
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            #expect(lab.counter(.questions) > asked)
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.5"))
            #expect(lab.counter(.fromCache) == 1)
        }

        /// A cell's server that nobody could be asked for is not one without addresses, and not for long.
        @Test func aServerOfACellThatCannotBeAskedFor() throws {
            let failing = Mutex<[String]>(["s1", "s2"])
            let lab = try lab("ttl-cap = 600s") { query in
                Self.good(query) { message in
                    let name = message.questions[0].name
                    if message.questions[0].type == .srv {
                        message.answers = (1...2).map { number in
                            let target = DNSName("s\(number).cluster.test") ?? .root
                            let data = RecordData.server(priority: 1, weight: 0, port: 7003, target: target)
                            return Record(name: name, type: .srv, ttl: 600, data: data)
                        }
                    } else if failing.withLock({ $0.contains { name.description.hasPrefix($0) } }) {
                        (message.flags, message.answers) = (0x8182, [])
                    } else {
                        message.answers = message.questions[0].type == .a ? message.answers : []
                    }
                }
            }
            let cell = "afsdb:cell.cluster.test"
            #expect(try lab.request(cell, callout: "srv=1") == .error(EAGAIN))
            failing.withLock { $0 = ["s2"] }
            guard case .payload(let part) = try lab.request(cell, callout: "srv=1") else {
                Issue.record("no list")
                return
            }
            // The second server's status is behind its name's length, priority, weight, port and source.
            #expect(part.count > 6 + 12 + 15 + 5 + 9 && part[4] == 2 && part[6 + 12 + 15 + 5 + 9] == 6, "\(part)")
            failing.withLock { $0 = [] }
            usleep(1_200_000)
            guard case .payload(let whole) = try lab.request(cell, callout: "srv=1") else {
                Issue.record("no list")
                return
            }
            #expect(whole[4] == 1, "\(whole)")
        }

        /// Of more servers of a cell than are told, those of the best priorities.
        @Test func theBestServersOfACell() throws {
            let lab = try lab { query in
                Self.good(query) { message in
                    let name = message.questions[0].name
                    guard message.questions[0].type == .srv else { return }
                    message.answers = (1...10).reversed().map { number in
                        let target = DNSName("s\(number).cluster.test") ?? .root
                        let data = RecordData.server(priority: UInt16(number), weight: 0, port: 7003, target: target)
                        return Record(name: name, type: .srv, ttl: 30, data: data)
                    }
                    message.additionals = (1...10).map { number in
                        let target = DNSName("s\(number).cluster.test") ?? .root
                        return Record(
                            name: target,
                            type: .a,
                            ttl: 30,
                            data: .address(.v4(0x0a00_0000 + UInt32(number)))
                        )
                    }
                }
            }
            let list = try lab.request("afsdb:cell.cluster.test").description
            #expect(list == (1...8).map { "10.0.0.\($0)" }.joined(separator: ","))
        }

        /// Half a list is given, but not kept for the time of the other half.
        @Test func aPartOfAListIsNotKept() throws {
            let isAway = Mutex(true)
            let lab = try lab("ttl-cap = 600s") { query in
                Self.good(query) { message in
                    guard message.questions[0].type == .aaaa else { return }
                    message.answers = [
                        Record(name: message.questions[0].name, type: .aaaa, ttl: 30, data: .address(.v6(0, 6)))
                    ]
                    if isAway.withLock({ $0 }) { (message.flags, message.answers) = (0x8182, []) }
                }
            }
            #expect(try lab.request("x.cluster.test", callout: "list") == .text("10.0.0.5"))
            isAway.withLock { $0 = false }
            usleep(1_200_000)
            #expect(try lab.request("x.cluster.test", callout: "list") == .text("10.0.0.5,::6"))
        }
    }
}

extension KeyDNSLab {
    /// Changes the deadline in the flat file that is there.
    func configureDeadline(_ text: String) throws {
        let lines = String(decoding: try Fd.contents(of: flat, limit: 65536), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        try write(flat: lines.filter { !$0.hasPrefix("deadline") }.joined(separator: "\n"))
        let rest = String(decoding: try Fd.contents(of: flat, limit: 65536), as: UTF8.self)
        try write(flat: "deadline = \(text)\n" + rest)
    }
}
