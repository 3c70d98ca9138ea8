// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import KeyDNS
import Kernel
import Resolver
import Upcall

/// The files of a node that keydns reads and writes; `root` is put before each of their paths, for tests.
struct KeyDNSNode {
    var root = ""

    /// Where a path of the node is.
    func path(_ bytes: [UInt8]) -> Path { Path(Array(root.utf8) + bytes) }

    var policyFile: Path { Path(root + KeyDNSPaths.policy.description) }
    var state: Path { Path(root + KeyDNSPaths.state.description) }
    var flatFile: Path { Path(root + KeyDNSPaths.flat.description) }
    var ruleFile: Path { Path(root + KeyDNSPaths.rule.description) }
    var ruleDirectory: Path { Path(root + "/etc/request-key.d") }
    private var mainRules: Path { Path(root + "/etc/request-key.conf") }
    private var enforce: Path { Path(root + "/sys/fs/selinux/enforce") }
    /// What is there where the installation made the rule's directory.
    private var directoryMark: Path { state.appending("made-request-key.d") }

    private static let fileLimit = 1 << 20

    /// An error of the kernel in words, with what was tried.
    static func failure(_ action: String, _ path: Path, _ error: Errno) -> Failure {
        var remedy = ""
        if error == .permissionDenied || error == .notPermitted { remedy = "; be root" }
        return .failed("cannot \(action) \(path): \(error)\(remedy)")
    }

    // MARK: Policy

    /// What the operator wrote; the defaults where there is no file.
    func policy(at path: Path? = nil) throws(Failure) -> Policy {
        let file = path ?? policyFile
        let bytes: [UInt8]
        do throws(Errno) {
            // A pipe would be waited for.
            guard try FileStatus.of(file).isRegular else { throw .invalidArgument }
            bytes = try Fd.contents(of: file, limit: Policy.maximumLength + 1)
        } catch {
            if error == .noEntry, path == nil { return Policy() }
            if error == .invalidArgument { throw .failed("\(file) is no regular file") }
            throw Self.failure("read", file, error)
        }
        do throws(PolicyError) { return try Policy(parsing: bytes) } catch {
            throw .failed(error.line > 0 ? "\(file):\(error.line): \(error.message)" : "\(file): \(error.message)")
        }
    }

    /// What helpers read; nil where it was never made.
    func flat() throws(Failure) -> Policy? {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Fd.contents(of: flatFile, limit: Policy.maximumLength + 1) } catch {
            if error == .noEntry { return nil }
            throw Self.failure("read", flatFile, error)
        }
        do throws(PolicyError) { return try Policy(parsing: bytes, isFlat: true) } catch {
            throw .failed("\(flatFile): \(error); run 'umwelt keydns refresh'")
        }
    }

    /// A digest of a file's content as `Policy.Source` keeps it; one that no file has where it is not there.
    func digest(of path: Path) -> UInt64 {
        guard let bytes = try? Fd.contents(of: path, limit: Self.fileLimit) else { return 1 << 1 }
        return Digest.of(bytes) & ~1
    }

    /// Puts a file there where it is another one; false where nothing was to be done, not even to its time.
    private static func put(_ bytes: [UInt8], at path: Path) throws(Errno) -> Bool {
        let isRegular = (try? FileStatus.of(path, follow: false))?.isRegular == true
        if isRegular, (try? Fd.contents(of: path, limit: fileLimit)) == bytes { return false }
        try FileTree.replace(path, with: bytes)
        return true
    }

    /// Writes what helpers read, and each namespace's files; each whole or not at all; false where nothing changes.
    func write(flat policy: Policy) throws(Failure) -> Bool {
        let flat = policy.rendered()
        guard flat.count <= Policy.maximumLength else {
            throw .failed(
                "the policy comes to \(flat.count) bytes with everything filled in, and helpers read \(Policy.maximumLength): "
                    + "use fewer zones, or fewer names in 'search'"
            )
        }
        // What helpers could not read would send every name to the fallback.
        do throws(PolicyError) { _ = try Policy(parsing: flat, isFlat: true) } catch {
            throw .failed("\(policyFile), with everything filled in, makes no policy: \(error.message)")
        }
        var isChanged = false
        do throws(Errno) {
            try Directories.make(state)
            for zone in policy.zones where zone.strategy == .namespace {
                let conf = zone.resolvConf(deadlineMilliseconds: policy.deadlineMilliseconds)
                let path = KeyDNSPaths.resolvConf(of: zone.domain?.description ?? "", in: state)
                isChanged = try Self.put(conf.rendered(), at: path) || isChanged
                let nsswitch = KeyDNSPaths.nsswitch(in: state)
                isChanged = try Self.put(KeyDNSPaths.nsswitchContent, at: nsswitch) || isChanged
            }
            isChanged = try Self.put(flat, at: flatFile) || isChanged
        } catch {
            throw Self.failure("write", flatFile, error)
        }
        return isChanged
    }

    // MARK: Rule

    static func rule(helper: String) -> [UInt8] {
        Array(
            """
            # Names of the cluster, for mounts that the kernel makes. Added by 'umwelt keydns install'; 'umwelt keydns
            # uninstall' takes it away. Names of no zone of Umwelt's go on to /sbin/key.dns_resolver.
            create dns_resolver * * \(helper) %k

            """.utf8
        )
    }

    /// Programs of other packages that are not there, and what follows.
    func missingPrograms(_ flat: Policy?) -> [String] {
        var result: [String] = []
        if !Programs.isProgram(root + "/sbin/request-key") {
            result.append("/sbin/request-key is not there, so the kernel can ask nobody: install the package keyutils")
        }
        if let fallback = flat?.fallback.map({ String(decoding: $0, as: UTF8.self) }),
            !Programs.isProgram(root + fallback)
        {
            result.append("\(fallback), the fallback, is not there: install the package keyutils")
        }
        return result
    }

    /// A name of each zone, as Services have it.
    static func examples(_ flat: Policy?) -> [String] {
        let domains = (flat?.zones ?? []).compactMap { $0.domain?.description }
        return (domains.isEmpty ? ["cluster.local"] : domains).map { "x.default.svc.\($0)" }
    }

    /// What there is to say where the kernel reads another /etc.
    ///
    /// It starts request-key where its own threads are.
    var elsewhere: String? {
        guard root.isEmpty, ProcessID.effectiveUser == 0, let own = try? FileStatus.of("/etc") else { return nil }
        // Its first thread but one is the second process, where all of them can be seen.
        if (try? Fd.contents(of: "/proc/2/comm", limit: 16)) == Array("kthreadd\n".utf8) {
            guard let kernels = try? FileStatus.of("/proc/2/root/etc"), !kernels.isSameFile(as: own) else { return nil }
        }
        return "the kernel asks by another /etc/request-key.d than this, which is a container's: run keydns on the host"
    }

    /// All rules of request-key, in the order in which it reads them.
    func rules() -> RequestKeyRules {
        var rules = RequestKeyRules()
        let entries = (try? Fd.open(ruleDirectory, .directory).entries(limit: 1000)) ?? []
        for entry in entries where entry.name.first != UInt8(ascii: ".") && entry.name.suffix(5) == Array(".conf".utf8)
        {
            let path = ruleDirectory.appending(Path(entry.name))
            // request-key skips what is no regular file, links among it.
            guard (try? FileStatus.of(path, follow: false))?.isRegular == true else { continue }
            add(path, to: &rules)
        }
        if FileTree.isThere(mainRules) { add(mainRules, to: &rules) }
        return rules
    }

    private func add(_ path: Path, to rules: inout RequestKeyRules) {
        do throws(Errno) { rules.add(try Fd.contents(of: path, limit: Self.fileLimit), file: "\(path)") } catch {
            rules.add(problem: Self.failure("read", path, error).message ?? "")
        }
    }

    /// false where nothing changes.
    func writeRule(helper: String) throws(Failure) -> Bool {
        guard !helper.contains(where: { $0 == " " || $0 == "\t" || $0 == "%" || $0 == "\n" }) else {
            throw .failed("request-key cannot run \(helper): no blanks or '%' may be in its path; install it elsewhere")
        }
        do throws(Errno) {
            if !FileTree.isThere(ruleDirectory) {
                try Directories.make(state)
                try Directories.make(ruleDirectory)
                try FileTree.makeFile(directoryMark)
            }
            return try Self.put(Self.rule(helper: helper), at: ruleFile)
        } catch .readOnly {
            let line = String(decoding: Self.rule(helper: helper), as: UTF8.self).split(separator: "\n").last ?? ""
            throw .failed(
                "\(ruleDirectory) is on a read-only file system: by the means of this system put a regular file that ends in "
                    + ".conf there, with this line in it: \(line)"
            )
        } catch {
            throw Self.failure("write", ruleFile, error)
        }
    }

    /// What programs that were killed midway have left of a file that is put in place whole (`FileTree.replace`).
    private static func removeStages(of file: Path) {
        guard let slash = file.bytes.lastIndex(of: UInt8(ascii: "/")) else { return }
        let directory = Path(file.bytes[..<slash])
        let name = file.bytes[(slash + 1)...]
        for entry in (try? Fd.open(directory, .directory).entries(limit: 10_000)) ?? []
        where entry.name.starts(with: name + [UInt8(ascii: ".")]) && entry.name.suffix(4) == Array(".new".utf8) {
            try? Directories.unlink(directory.appending(Path(entry.name)))
        }
    }

    /// Removes a helpers' cache, with the directory that they make for it; not what is no file.
    static func remove(cache: Path) throws(Failure) {
        // On a read-only file system even what is not there cannot be removed.
        if let status = try? FileStatus.of(cache, follow: false), status.isRegular || status.isSymbolicLink {
            do throws(Errno) { try Directories.unlink(cache) } catch { throw failure("remove", cache, error) }
        }
        removeStages(of: cache)
        // The daemon's too: it stays where anything is in it.
        if cache.bytes == Policy.usualCache { try? Directories.remove("/run/umwelt") }
    }

    /// Takes away all that `install`, `refresh` and helpers made: the rule first, and as much as can be.
    ///
    /// Waits for helpers that began before the rule went, at most `deadlineMilliseconds`: they would make their cache again.
    func removeAll(caches: [Path], deadlineMilliseconds: Int = 0) throws(Failure) {
        var failure: Failure?
        let hasRule = (try? FileStatus.of(ruleFile, follow: false)) != nil
        if hasRule {
            do throws(Errno) { try Directories.unlink(ruleFile) } catch {
                failure = Self.failure("remove", ruleFile, error)
            }
        }
        Self.removeStages(of: ruleFile)
        if FileTree.isThere(directoryMark) { try? Directories.remove(ruleDirectory) }
        // Who finds no flat file makes no cache.
        do throws(Errno) { try FileTree.removeAll(state) } catch {
            failure = failure ?? Self.failure("remove", state, error)
        }
        if hasRule, deadlineMilliseconds > 0 { Self.waitForHelpers(caches, milliseconds: deadlineMilliseconds) }
        for cache in caches {
            do throws(Failure) { try Self.remove(cache: cache) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    private static func waitForHelpers(_ caches: [Path], milliseconds: Int) {
        let end = Clock.boot + UInt64(clamping: milliseconds) * 1_000_000
        // The time that one takes from reading the flat file until it is in the cache's list.
        _ = try? Readiness.wait([], milliseconds: 100)
        for path in caches where FileTree.isThere(path) {
            guard let cache = try? SharedCache.open(path) else { continue }
            while !cache.atWork.isEmpty, Clock.boot < end { _ = try? Readiness.wait([], milliseconds: 20) }
        }
    }

    /// Whether SELinux enforces: then request-key may run only what is labelled for it.
    var enforcesSELinux: Bool { (try? Fd.contents(of: enforce, limit: 8))?.first == UInt8(ascii: "1") }

    /// What an administrator has to do where SELinux enforces.
    static func seLinuxAdvice(helper: String) -> [String] {
        [
            "SELinux enforces: request-key may run only programs that are labelled for it. Label the helper:",
            "  semanage fcontext -a -t keyutils_dns_resolver_exec_t '\(helper)' && restorecon -v '\(helper)'",
            "It also needs to read \(KeyDNSPaths.flat), to write below /run/umwelt, and for the strategy 'namespace' to "
                + "mount; 'ausearch -m avc -c umwelt-keydns' shows what is still denied, for audit2allow.",
        ]
    }
}
