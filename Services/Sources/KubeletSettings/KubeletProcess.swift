// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import LocalFiles

/// A process that may be the kubelet of this node.
///
/// Whoever may start a process can call it `kubelet`, and say by its flags who answers for the cluster. A kubelet mounts, so only
/// processes count that may, in the user namespace of the caller. What the caller may not look at (it is not root) holds.
struct KubeletProcess {
    let number: Int32
    let arguments: [String]
    /// It is the kubelet, not a program that has one in it or, as rke2, starts one.
    let isKubelet: Bool
    /// It is k3s, which has configuration files of its own.
    let isK3s: Bool
    /// It sees the files that the caller sees; a kubelet in a container does not.
    let sharesFiles: Bool
    private let parent: Int32
    private let directory: String

    /// nil where it is another program, or whoever started it may not do what a kubelet does.
    init?(_ number: Int32, words: [String], arguments: [String], proc: String) {
        let directory = "\(proc)/\(number)"
        guard let bytes = try? LocalFile.contents(of: directory + "/status", limit: 1 << 16) else { return nil }
        let status = Status(bytes)
        guard status.user == 0, status.capabilities & Status.mayMount != 0 else { return nil }
        func shares(_ namespace: String) -> Bool {
            guard let own = LocalFile.link("\(proc)/self/ns/\(namespace)"),
                let other = LocalFile.link("\(directory)/ns/\(namespace)")
            else { return true }
            return own == other
        }
        guard shares("user") else { return nil }
        if let program = LocalFile.link(directory + "/exe")?.split(separator: "/").last,
            !["kubelet", "hyperkube", "kubelite", "k3s", "rke2"].contains(where: { program.contains($0) })
        {
            return nil
        }
        self.number = number
        self.arguments = arguments
        self.directory = directory
        isKubelet = words.first?.split(separator: "/").last == "kubelet"
        isK3s = K3s.isRunning(words)
        sharesFiles = shares("mnt") && (LocalFile.link(directory + "/root") ?? "/") == "/"
        parent = status.parent
    }

    /// What is put before a path to have the file that the process sees there; `root` for the caller's own.
    func place(root: String) -> String { sharesFiles ? root : directory + "/root" }

    /// What a path of its command line is from the top.
    func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        let working = LocalFile.link(directory + "/cwd") ?? "/"
        return working + (working.hasSuffix("/") ? "" : "/") + path
    }

    /// Those that may be meant: one that sees the caller's files comes before one in a container, the kubelet itself before a
    /// program that starts one; a copy about to become another program is not another kubelet.
    static func preferred(_ processes: [KubeletProcess]) -> [KubeletProcess] {
        var rest = processes
        for property in [\KubeletProcess.sharesFiles, \.isKubelet] {
            let better = rest.filter { $0[keyPath: property] }
            if !better.isEmpty { rest = better }
        }
        let numbers = rest.map(\.number)
        return rest.filter { !numbers.contains($0.parent) }
    }

    /// /proc/PID/status.
    private struct Status {
        /// CAP_SYS_ADMIN (linux/capability.h).
        static let mayMount: UInt64 = 1 << 21
        /// The effective one.
        var user: UInt32?
        var parent: Int32 = 0
        var capabilities: UInt64 = 0

        init(_ bytes: [UInt8]) {
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                let words = line.split { $0 == 9 || $0 == 0x20 }.map { String(decoding: $0, as: UTF8.self) }
                guard words.count > 1 else { continue }
                switch words[0] {
                case "PPid:": parent = Int32(words[1]) ?? 0
                case "Uid:": user = words.count > 2 ? UInt32(words[2]) : nil
                case "CapEff:": capabilities = UInt64(words[1], radix: 16) ?? 0
                default: continue
                }
            }
        }
    }
}
