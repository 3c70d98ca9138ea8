// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import FuseServer
import Glibc
import Kernel
import NodeLink
import ProcFS

/// Answers the requests of clients (`Message.Kind`).
struct Control {
    let fileSystem: UmweltFS
    let counters: Counters
    let snapshots: () -> (count: Int, bytes: Int, dropped: UInt64)
    let mountPoint: Path
    let isEmbedded: Bool
    let isEnding: () -> Bool
    let exits: Exits
    /// Asks the keeper for something.
    let ask: (Inheritance.Word) -> Void

    /// Containers in one `list`.
    private static let pageSize = 32

    private struct Refusal: Error {
        var code: Int32 = 0
        var text: String
    }

    func answer(_ request: Message) -> Message {
        do throws(Refusal) { return try answer(kind: request.kind, fields: request.fields) } catch {
            return Message(.failure, [Array("\(error.code)".utf8), Array(error.text.utf8)])
        }
    }

    private func answer(kind: Message.Kind, fields: [[UInt8]]) throws(Refusal) -> Message {
        if isEnding(), [.register, .attach, .upgrade].contains(kind) {
            throw Refusal(text: "it is ending; start it again first: systemctl start umweltd")
        }
        switch kind {
        case .hello:
            return Message(
                .done,
                [
                    Array(Options.version.utf8), Array("\(getpid())".utf8), mountPoint.bytes,
                    Array((isEnding() ? "ending" : isEmbedded ? "embedded" : "service").utf8),
                    Array("\(ProcessID.parent)".utf8),
                ]
            )
        case .register: return try register(fields)
        case .attach:
            try attach(try field(fields, 0, "id"), try pid(fields, 1))
            return Message(.done)
        case .deregister:
            let id = try field(fields, 0, "id")
            guard fileSystem.deregister(id: id) else { throw unknown(id) }
            exits.forget(id: id)
            return Message(.done)
        case .containers: return list(from: fields.first.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0)
        case .view:
            let pid = try pid(fields, 0)
            let path = try field(fields, 1, "path")
            guard FileTree.isThere(Path("/proc/\(pid)")) else {
                throw Refusal(code: ESRCH, text: "there is no process \(pid)")
            }
            do throws(Errno) { return Message(.done, [try fileSystem.view(path, for: pid)]) } catch {
                if error == .noProcess { throw Refusal(code: ESRCH, text: "process \(pid) has ended") }
                let name = String(decoding: path, as: UTF8.self)
                throw Refusal(code: error.rawValue, text: "cannot show \(name) to process \(pid): \(error)")
            }
        case .stop:
            ask(.stop)
            return Message(.done)
        case .upgrade:
            ask(.upgrade)
            return Message(.done)
        case .counters: return Message(.done, [Array(counterText.utf8)])
        default: throw Refusal(text: "unknown request \(kind.rawValue); this umweltd is version \(Options.version)")
        }
    }

    private func register(_ fields: [[UInt8]]) throws(Refusal) -> Message {
        let id = try field(fields, 0, "id")
        let route = try field(fields, 1, "route")
        let pid = try pid(fields, 2)
        let name = String(decoding: id, as: UTF8.self)
        do throws(ContainerTable.Refusal) { _ = try fileSystem.table.register(id: id, route: route) } catch {
            switch error {
            case .badID:
                throw Refusal(text: "\(name) cannot be a container's id: 1 to 128 letters, digits, '_', '.' or '-' can")
            case .exists: throw Refusal(text: "a container \(name) is registered already")
            case .full: throw Refusal(text: "\(ContainerTable.registeredLimit) containers are registered already")
            case .journal(let error):
                throw Refusal(code: error.rawValue, text: "cannot note the container \(name) on disk: \(error)")
            }
        }
        if pid > 0 {
            do throws(Refusal) { try attach(id, pid) } catch {
                _ = fileSystem.deregister(id: id)
                exits.forget(id: id)
                throw error
            }
        }
        return Message(.done, [mountPoint.appending("containers").appending(Path(id)).bytes])
    }

    private func attach(_ id: [UInt8], _ pid: Int32) throws(Refusal) {
        guard fileSystem.table.container(id: id) != nil else { throw unknown(id) }
        do throws(Errno) {
            try fileSystem.attach(id: id, pid: pid)
            try exits.watch(pid, id: id)
        } catch {
            throw Refusal(code: error.rawValue, text: "cannot attach process \(pid): \(error)")
        }
    }

    private func list(from start: Int) -> Message {
        var fields: [[UInt8]] = []
        for container in fileSystem.table.registered.dropFirst(max(start, 0)).prefix(Self.pageSize) {
            guard case .registered(let route) = container.origin else { continue }
            let membership = container.membership
            let cgroup = membership?[.memory] ?? membership?.unified
            fields += [container.id, route, Array("\(container.pid)".utf8), cgroup?.bytes ?? []]
        }
        return Message(.list, fields)
    }

    private var counterText: String {
        let snapshots = snapshots()
        var pairs = counters.all
        pairs.append(("containers_registered", UInt64(fileSystem.table.registered.count)))
        pairs.append(("snapshots", UInt64(snapshots.count)))
        pairs.append(("snapshot_bytes", UInt64(snapshots.bytes)))
        pairs.append(("snapshots_dropped_total", snapshots.dropped))
        return pairs.map { "umwelt_\($0.name) \($0.value)\n" }.joined()
    }

    private func field(_ fields: [[UInt8]], _ index: Int, _ name: String) throws(Refusal) -> [UInt8] {
        guard index < fields.count else { throw Refusal(text: "the request lacks its \(name)") }
        return fields[index]
    }

    private func pid(_ fields: [[UInt8]], _ index: Int) throws(Refusal) -> Int32 {
        let text = String(decoding: try field(fields, index, "pid"), as: UTF8.self)
        guard let pid = Int32(text), pid >= 0 else { throw Refusal(text: "\(text) is not a process number") }
        return pid
    }

    private func unknown(_ id: [UInt8]) -> Refusal {
        Refusal(text: "no container \(String(decoding: id, as: UTF8.self)) is registered")
    }
}
