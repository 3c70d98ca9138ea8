// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// A mount namespace for helpers in which /dev/log is this value's, and where `shell` may mount what it likes.
///
/// The host's /dev stays as it is: helpers are put there by the rule (`wrapper`).
final class LogLab {
    let shell: LabShell
    private let socket: Int32
    private let path: String

    /// What a rule has before the helper.
    var wrapper: String { "/usr/bin/nsenter -t \(shell.pid) -m -- " }

    init(_ lab: KeyDNSLab) throws {
        path = "\(lab.directory)/log"
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw LabError("no socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes.prefix($0.count - 1)) }
        let fd = socket
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isBound else { throw LabError("cannot bind \(path)") }
        shell = try LabShell(wrapper: ["unshare", "-m"])
        let output = try shell.run(
            """
            set -e
            mkdir \(lab.directory)/dev
            mount -t tmpfs none \(lab.directory)/dev
            cp -a /dev/null /dev/zero /dev/urandom \(lab.directory)/dev/
            ln -s \(path) \(lab.directory)/dev/log
            mount --move \(lab.directory)/dev /dev
            set +e
            """
        )
        guard output.code == 0 else { throw LabError("no /dev of its own: \(output.text)") }
    }

    deinit {
        shell.end()
        close(socket)
        unlink(path)
    }

    /// The helper's lines that came since the last time, without what syslog has before the name.
    func lines() -> [String] {
        var result: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return result }
            let line = String(decoding: buffer.prefix(count), as: UTF8.self)
            // The stock helper's own lines have a date.
            let parts = line.split(separator: "]: ", maxSplits: 1)
            if parts.count == 2, parts[0].contains(">umwelt-keydns[") { result.append(String(parts[1])) }
        }
    }
}
