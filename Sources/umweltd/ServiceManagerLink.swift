// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Glibc
import Keeper
import Kernel
import ProcFS

/// What systemd wants to hear of its service, and keeps for it (sd_notify(3), FDSTORE); nothing where it does not run this.
final class ServiceManagerLink {
    /// What was agreed on the connection follows: all that a name may hold but a colon.
    private static let connectionName = "umwelt-connection."

    /// Memory that is kept.
    enum Memory: String {
        case snapshots = "umwelt-snapshots"
        case accounts = "umwelt-accounts"
    }

    private let socket: Path?
    private let watchdogNs: UInt64
    private var pingedAt: UInt64 = 0
    /// The name under which the connection outlives this process; nil where it does not.
    private var kept: String?
    private var areas = StoredAreas()
    /// Descriptors that were given back, by their names.
    private var given: [(name: String, number: Int32)] = []

    init() {
        socket = Environment.value("NOTIFY_SOCKET").map { Path($0) }
        let watchdogUs = Environment.value("WATCHDOG_USEC").flatMap { UInt64($0) } ?? 0
        // "infinity" is the greatest number.
        watchdogNs = min(watchdogUs / 2, .max / 1000) * 1000
        guard Environment.value("LISTEN_PID") == "\(getpid())",
            let count = Environment.value("LISTEN_FDS").flatMap({ Int32($0) }), (1...64).contains(count)
        else { return }
        let names = (Environment.value("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
        for index in 0..<count where Int(index) < names.count { given.append((String(names[Int(index)]), 3 + index)) }
    }

    var keeps: Bool { kept != nil }

    func tell(_ text: String) { _ = hears(text) }

    /// Tells it; false where that does not go now.
    private func hears(_ text: String) -> Bool {
        guard let socket else { return false }
        return (try? ServiceManager.notify(socket, text)) != nil
    }

    private func drop(_ name: String) -> Bool { hears("FDSTOREREMOVE=1\nFDNAME=\(name)") }

    /// Says that this process goes on, as often as it is to.
    func ping() {
        let now = Clock.monotonic
        guard watchdogNs > 0, now &- pingedAt > watchdogNs else { return }
        pingedAt = now
        tell("WATCHDOG=1")
    }

    /// Has the connection kept beyond this process's end.
    ///
    /// What the manager keeps already it does not keep twice (it compares open files).
    func keep(_ device: borrowing Fd, _ negotiated: Negotiated) {
        let name = Self.connectionName + negotiated.text
        if keep(device, as: name) { kept = name }
    }

    func keep(_ memory: borrowing Fd, as name: Memory) { _ = keep(memory, as: name.rawValue) }

    private func keep(_ fd: borrowing Fd, as name: String) -> Bool {
        // Set by the manager where it has a store (systemd 254); before, it is tried.
        guard let socket, Environment.value("FDSTORE") != "0" else { return false }
        let fd = fd.raw
        return (try? ServiceManager.notify(socket, "FDSTORE=1\nFDNAME=\(name)", keeping: [fd])) != nil
    }

    /// Has what was taken on the kept connection and may be unanswered kept with it, and no other; the first ones matter most.
    ///
    /// For a kernel that does not send it again to the next process.
    func keep(_ areas: [RequestArea]) {
        guard keeps else { return }
        let numbered = areas.compactMap { area in (try? area.memory.fd.status().inode).map { ($0, area) } }
        let memory = Dictionary(numbered) { first, _ in first }
        self.areas.change(
            to: numbered.map(\.0),
            store: { inode, name in memory[inode].map { keep($0.memory.fd, as: name) } ?? false },
            drop: drop
        )
    }

    /// Has the connection dropped, and what was taken on it.
    func forget() {
        guard let kept else { return }
        areas.change(to: [], store: { _, _ in false }, drop: drop)
        _ = drop(kept)
        self.kept = nil
    }

    /// The connection that an earlier process had kept, where it is alive and its file system is mounted.
    func takeConnection(of mountPoint: MountPoint) -> Kept? {
        while let index = given.firstIndex(where: { $0.name.hasPrefix(Self.connectionName) }) {
            let (name, number) = given.remove(at: index)
            let fd = Fd(adopting: number)
            guard !fd.isBroken, mountPoint.isOurs,
                let negotiated = Negotiated(text: name.dropFirst(Self.connectionName.count))
            else {
                _ = drop(name)
                continue
            }
            return Kept(fd, negotiated)
        }
        return nil
    }

    /// What earlier processes had taken on the connection that was kept, and not answered.
    ///
    /// `areWanted`: that connection was taken, and the kernel sends nothing again.
    func takeAreas(areWanted: Bool) -> [RequestArea] {
        var areas: [RequestArea] = []
        while let index = given.firstIndex(where: { StoredAreas.isName($0.name) }) {
            let (name, number) = given.remove(at: index)
            let area = try? RequestArea(adopting: Fd(adopting: number))
            if areWanted, areas.count < Held.areaLimit, let area, !area.unanswered.isEmpty {
                areas.append(area)
            } else {
                _ = drop(name)
            }
        }
        return areas
    }

    /// Memory that an earlier process had kept.
    func takeMemory(_ name: Memory) -> Fd? {
        guard let index = given.firstIndex(where: { $0.name == name.rawValue }) else { return nil }
        return Fd(adopting: given.remove(at: index).number)
    }
}
