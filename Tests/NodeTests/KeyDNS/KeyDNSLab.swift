// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Synchronization
import Upcall

/// A rule for request-key, a flat file, a cache and a dnsmasq of its own; all of it goes when the value goes.
final class KeyDNSLab {
    let directory: Path
    /// Where dnsmasq listens, port 53: an address of the loopback network that nobody else has.
    let address: String
    private var dnsmasq: Child?
    private var unbound: Child?
    private var servers: [FakeNameServer] = []

    private static let rule: Path = "/etc/request-key.d/umwelt-keydns-test.conf"
    private static let sequence = Atomic<Int>(1)

    var flat: Path { directory.appending("keydns.flat") }
    var cachePath: Path { directory.appending("cache") }
    private var hosts: Path { directory.appending("hosts") }
    private var queryLog: Path { directory.appending("queries") }

    /// What a request came to.
    enum Answer: Equatable, CustomStringConvertible {
        case payload([UInt8])
        case error(Int32)

        static func text(_ text: String) -> Answer { .payload(Array(text.utf8)) }

        var description: String {
            switch self {
            case .payload(let bytes): String(decoding: bytes, as: UTF8.self)
            case .error(let number): "errno \(number): \(Errno(rawValue: number))"
            }
        }
    }

    init() throws {
        let number = Self.sequence.wrappingAdd(1, ordering: .relaxed).newValue
        directory = Path("/tmp/umwk\(getpid())-\(number)")
        address = "127.77.\(getpid() % 250 + 1).\(number % 250 + 1)"
        try Directories.make(directory, mode: 0o755)
    }

    deinit {
        try? Directories.unlink(Self.rule)
        for server in servers { server.stop() }
        for server in [dnsmasq, unbound] {
            guard let server else { continue }
            try? server.kill(SIGKILL)
            _ = try? server.wait()
        }
        try? FileTree.removeAll(directory)
    }

    // MARK: The rule and the policy

    /// `zones`: sections of the flat file; `settings`: lines before them.
    func configure(_ settings: String = "", zones: String, cache: Path? = nil, logs: Bool = false) throws {
        try write(
            flat: """
                deadline = \(2000 * min(Programs.patience, 14))ms
                cache = \(cache ?? cachePath)
                seed = 7
                log = \(logs ? "yes" : "no")
                \(settings)
                \(zones)
                [end]

                """
        )
    }

    func write(flat text: String) throws { try FileTree.replace(flat, with: Array(text.utf8)) }

    /// The zone that is asked at dnsmasq, or at another server.
    func cluster(servers: String? = nil, _ more: String = "") -> String {
        "[cluster]\ndomain = cluster.test\nservers = \(servers ?? address)\n\(more)\n"
    }

    /// A zone of the stock helper's, asked at dnsmasq.
    var stock: String { "[zone stock.test]\nservers = \(address)\nstrategy = namespace\nrelative = none\n" }

    /// What `umwelt keydns refresh` would write for a zone's namespace.
    func writeResolvConf(of zone: String) throws {
        var conf = ResolvConf()
        conf.servers = [Server(address)].compactMap { $0 }
        (conf.timeout, conf.attempts) = (1, 2)
        try FileTree.replace(KeyDNSPaths.resolvConf(of: zone, in: directory), with: conf.rendered())
        try FileTree.replace(KeyDNSPaths.nsswitch(in: directory), with: KeyDNSPaths.nsswitchContent)
    }

    /// Puts the rule in place: for each name the helper, behind `wrapper`.
    func install(wrapper: String = "", extra: String = "") throws {
        let rule = "\(extra)create dns_resolver * * \(wrapper)\(Programs.keydns) %k \(flat)\n"
        try FileTree.replace(Self.rule, with: Array(rule.utf8))
    }

    func uninstall() { try? Directories.unlink(Self.rule) }

    // MARK: Servers

    /// Starts dnsmasq with records (its own options, a line each) and names of a hosts file that `setHosts` changes.
    func startDNSMasq(_ records: String = "", hosts text: String = "", ttl: Int = 30) throws {
        try FileTree.write(Array(text.utf8), to: hosts, mode: 0o644)
        let conf = """
            no-resolv
            no-hosts
            addn-hosts=\(hosts)
            listen-address=\(address)
            bind-interfaces
            local=/cluster.test/stock.test/outside.test/
            local-ttl=\(ttl)
            user=root
            log-queries
            log-facility=\(queryLog)
            \(records)

            """
        try FileTree.write(Array(conf.utf8), to: directory.appending("conf"), mode: 0o644)
        let log = try Fd.open(directory.appending("dnsmasq"), [.writeOnly, .create, .truncate])
        var command = Command(
            path: "/usr/sbin/dnsmasq",
            arguments: ["dnsmasq", "-k", "-C", "\(directory)/conf"].map { Array($0.utf8) },
            environment: Programs.environment
        )
        command.files = [-1, log.raw, log.raw]
        let child = try command.spawn()
        dnsmasq = child
        for _ in 0..<(100 * Programs.patience) {
            if (try? Fd.contents(of: queryLog, limit: 65536))?.isEmpty == false { return }
            if let status = try child.poll() {
                dnsmasq = nil
                let said = (try? Fd.contents(of: directory.appending("dnsmasq"), limit: 65536)) ?? []
                throw LabError("dnsmasq ended with \(status): \(String(decoding: said, as: UTF8.self))")
            }
            usleep(20_000)
        }
        throw LabError("dnsmasq is not ready")
    }

    /// Starts unbound at the lab's address, with data of its own in the zone cluster.test.
    func startUnbound(_ records: [String]) throws {
        // AppArmor, where it is at work, keeps the program at its usual path from a test's files.
        let program = directory.appending("unbound")
        try FileTree.write(try Fd.contents(of: "/usr/sbin/unbound", limit: 1 << 26), to: program, mode: 0o755)
        let conf = """
            server:
              interface: \(address)
              access-control: 127.0.0.0/8 allow
              do-daemonize: no
              chroot: ""
              username: ""
              directory: "\(directory)"
              pidfile: ""
              use-syslog: no
              logfile: "\(queryLog)"
              log-queries: yes
              num-threads: 1
              module-config: "iterator"
              local-zone: "cluster.test." static
            \(records.map { "  local-data: \"\($0)\"\n" }.joined())
            remote-control:
              control-enable: no

            """
        try FileTree.write(Array(conf.utf8), to: directory.appending("unbound.conf"), mode: 0o644)
        let log = try Fd.open(directory.appending("unbound.out"), [.writeOnly, .create, .truncate])
        var command = Command(
            path: program,
            arguments: ["unbound", "-d", "-c", "\(directory)/unbound.conf"].map { Array($0.utf8) },
            environment: Programs.environment
        )
        command.files = [-1, log.raw, log.raw]
        let child = try command.spawn()
        unbound = child
        for _ in 0..<(100 * Programs.patience) {
            if logLines.contains(where: { $0.contains("start of service") }) { return }
            if let status = try child.poll() {
                unbound = nil
                let said = (try? Fd.contents(of: directory.appending("unbound.out"), limit: 65536)) ?? []
                throw LabError("unbound ended with \(status): \(String(decoding: said, as: UTF8.self))")
            }
            usleep(20_000)
        }
        throw LabError("unbound is not ready")
    }

    /// Changes the names, and waits until dnsmasq has read them.
    func setHosts(_ text: String) throws {
        let before = logLines.count
        try FileTree.write(Array(text.utf8), to: hosts, mode: 0o644)
        try dnsmasq?.kill(SIGHUP)
        for _ in 0..<(100 * Programs.patience) {
            if logLines.dropFirst(before).contains(where: { $0.contains("read ") }) { return }
            usleep(20_000)
        }
        throw LabError("dnsmasq did not read its names again")
    }

    private var logLines: [Substring] {
        String(decoding: (try? Fd.contents(of: queryLog, limit: 1 << 24)) ?? [], as: UTF8.self).split(separator: "\n")
    }

    /// How often dnsmasq or unbound was asked for a name.
    func queries(_ name: String) -> Int {
        logLines.filter { $0.contains("query[") && $0.contains("] \(name) from") || $0.contains(" \(name). ") }.count
    }

    /// A name server that answers as `answer` says, on a port of its own; its address as the policy takes it.
    func server(_ answer: @escaping @Sendable ([UInt8]) -> [[UInt8]]) throws -> String {
        let server = try FakeNameServer(answer)
        servers.append(server)
        return "127.0.0.1:\(server.port)"
    }

    // MARK: Requests

    /// Once, in the calling thread.
    ///
    /// Until it has read its policy, a helper has 3 s whatever the policy says. On a machine where that is not enough it rejects
    /// with ETIMEDOUT before it counts or asks anything: so it is asked again, where machines may be slow.
    private static func ask(_ name: String, _ callout: String = "") -> Answer {
        var answer = Answer.error(0)
        for _ in 0..<Programs.patience {
            answer = once(name, callout)
            guard answer == .error(ETIMEDOUT) else { break }
        }
        return answer
    }

    /// In the calling thread, and so once in each.
    static func once(_ name: String, _ callout: String = "") -> Answer {
        do throws(Errno) {
            let key = try Key.request(type: "dns_resolver", description: Path(name), callout: Path(callout))
            return .payload(try key.content())
        } catch {
            return .error(error.rawValue)
        }
    }

    /// Asks as the kernel's own clients do: from a thread with a keyring of its own, in a session without any key.
    ///
    /// `count` times, one after the other, in the same thread, so with what it was told before.
    static func request(_ name: String, callout: String = "", count: Int = 1) throws -> [Answer] {
        let box = Mutex<[Answer]>([])
        let thread = try Thread(name: "request") {
            for _ in 0..<count {
                let answer = ask(name, callout)
                box.withLock { $0.append(answer) }
            }
        }
        thread.join()
        return box.withLock { $0 }
    }

    func request(_ name: String, callout: String = "") throws -> Answer {
        guard let answer = try Self.request(name, callout: callout).first else { throw LabError("no answer") }
        return answer
    }

    /// Many at once, each from a thread of its own.
    func requests(_ names: [String]) throws -> [Answer] {
        let box = Mutex<[Int: Answer]>([:])
        var threads: [Thread] = []
        for (index, name) in names.enumerated() {
            threads.append(
                try Thread(name: "request", stackSize: 128 << 10) {
                    let answer = Self.ask(name)
                    box.withLock { $0[index] = answer }
                }
            )
        }
        for thread in threads { thread.join() }
        return names.indices.map { index in box.withLock { $0[index] ?? .error(0) } }
    }

    /// Begins a request; when this returns, the helper is at work and `hasAsked` is true.
    func begin(
        _ name: String,
        hasAsked: () -> Bool
    ) throws -> (thread: Thread, answer: Pending, helpers: [Int32]) {
        let pending = Pending()
        let thread = try Thread(name: "request") {
            pending.set(Self.ask(name))
        }
        for _ in 0..<(200 * Programs.patience) {
            if hasAsked() {
                let pids = helpers
                if !pids.isEmpty { return (thread, pending, pids) }
            }
            usleep(5000)
        }
        thread.join()
        throw LabError("no helper seen; the answer was \(pending.value.map(\.description) ?? "none")")
    }

    final class Pending: Sendable {
        private let box = Mutex<Answer?>(nil)
        func set(_ answer: Answer) { box.withLock { $0 = answer } }
        var value: Answer? { box.withLock { $0 } }
    }

    /// Which process started this one (the fourth field of /proc/PID/stat; the helper's name has no blank in it).
    static func parent(of pid: Int32) -> Int32? {
        let fields = (try? Fd.contents(of: Path("/proc/\(pid)/stat"), limit: 4096))?.split(separator: 32) ?? []
        return fields.count > 3 ? Int32(String(decoding: fields[3], as: UTF8.self)) : nil
    }

    /// Processes of the helper that work for this lab.
    var helpers: [Int32] {
        let entries = (try? Fd.open("/proc", .directory).entries(limit: 100_000)) ?? []
        return entries.compactMap { Int32(String(decoding: $0.name, as: UTF8.self)) }.sorted().filter { pid in
            guard let bytes = try? Fd.contents(of: Path("/proc/\(pid)/cmdline"), limit: 4096) else { return false }
            let words = bytes.split(separator: 0)
            // request-key gives a program the last part of its path as its name.
            return words.first?.suffix(13).elementsEqual("umwelt-keydns".utf8) == true
                && words.last?.elementsEqual(flat.bytes) == true
        }
    }

    func counter(_ counter: KeyCounter) -> UInt64 { (try? SharedCache.open(cachePath))?.count(counter) ?? 0 }

    /// Whether a request reaches a program here at all.
    static let kernelAsks: Bool = {
        guard geteuid() == 0, FileTree.isExecutable("/sbin/request-key") else { return false }
        // Stock request-key has a rule for this; the module may have to be loaded first.
        system("modprobe dns_resolver 2>/dev/null")
        return (try? request("localhost").first) == .text("127.0.0.1")
    }()
}
