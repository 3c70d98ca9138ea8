// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// A daemon under measurement.
final class Daemon {
    enum Kind {
        /// `umweltd`, as its unit starts it.
        case umwelt
        /// `lxcfs MOUNT`, as Debian's unit starts it.
        case lxcfs
        /// `lxcfs -l --enable-cfs --enable-pidfd MOUNT`: what loadavg and a container's CPUs need.
        case lxcfsFull
    }

    let kind: Kind
    let mountPoint: String
    let socket: String
    private(set) var pid: Int32

    /// Starts one and waits until it serves.
    ///
    /// `cpu`: the only one it may run on, -1: any.
    init(_ kind: Kind, program: String, directory: String, name: String, cpu: Int) throws {
        self.kind = kind
        mountPoint = "\(directory)/\(name)"
        socket = "\(directory)/\(name).sock"
        let logPath = "\(directory)/\(name).log"
        mkdir(mountPoint, 0o755)
        let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(log) }
        let arguments =
            switch kind {
            case .umwelt: [program, "--socket", socket, mountPoint]
            case .lxcfs: ["/usr/bin/lxcfs", "-p", "\(directory)/\(name).pid", mountPoint]
            case .lxcfsFull:
                [
                    "/usr/bin/lxcfs", "-l", "--enable-cfs", "--enable-pidfd", "-p", "\(directory)/\(name).pid",
                    mountPoint,
                ]
            }
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        pid = try System.check("start \(arguments[0])", cbench_spawn(pointers, Int32(cpu), log))
        for _ in 0..<1000 {
            if System.exists(mountPoint + "/proc/meminfo") { return }
            var status: Int32 = 0
            if cbench_wait(pid, 0, &status) == pid { break }
            usleep(10_000)
            if cbench_interrupted() != 0 { break }
        }
        stop()
        try System.checkSignals()
        let last = System.text(of: logPath)?.split(separator: "\n").last.map(String.init) ?? "no reason given"
        throw Failure("\(arguments[0]) does not serve: \(last)")
    }

    /// The daemon's processes: umweltd is two, a keeper and its worker.
    private var processes: [Int32] {
        let children = System.text(of: "/proc/\(pid)/task/\(pid)/children") ?? ""
        return [pid] + children.split(separator: " ").compactMap { Int32($0) }
    }

    /// CPU time so far, all threads.
    var cpuNs: UInt64 { processes.reduce(0) { $0 + UInt64(max(cbench_cpu_ns($1), 0)) } }

    /// In kB.
    var residentMemory: (all: UInt64, anonymous: UInt64) {
        var sum: (all: UInt64, anonymous: UInt64) = (0, 0)
        for process in processes {
            let status = System.text(of: "/proc/\(process)/status") ?? ""
            sum.all += System.number("VmRSS", in: status) ?? 0
            sum.anonymous += System.number("RssAnon", in: status) ?? 0
        }
        return sum
    }

    func stop() {
        guard pid > 0 else { return }
        var status: Int32 = 0
        kill(pid, SIGTERM)
        for attempt in 0..<300 {
            if cbench_wait(pid, 0, &status) != 0 { break }
            if attempt == 200 { kill(pid, SIGKILL) }
            usleep(10_000)
        }
        pid = 0
        cbench_unmount(mountPoint)
    }

    /// Tells umweltd of a container whose first process is `pid`; its files are then below `containers/ID`.
    func register(id: String, pid: Int32) throws {
        let connection = try System.check("connect to umweltd", cbench_connect(socket))
        defer { close(connection) }
        var message = Array("UMW".utf8) + [1, 2, 3]
        for field in [id, "bench", "\(pid)"] {
            message += [UInt8(field.utf8.count), 0, 0, 0] + Array(field.utf8)
        }
        guard write(connection, message, message.count) == message.count else { throw Failure("umweltd hung up") }
        var answer = [UInt8](repeating: 0, count: 4096)
        let count = read(connection, &answer, answer.count)
        guard count > 5, answer[4] == 128 else {
            let reason = String(decoding: answer.prefix(max(count, 0)).dropFirst(6), as: UTF8.self)
            throw Failure("umweltd does not register the container: \(reason)")
        }
    }
}
