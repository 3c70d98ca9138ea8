// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Cgroups
package import Kernel
import Samples
import Synchronization

/// The containers that are known: those registered by a route, and those met as callers.
///
/// Bounded.
package final class ContainerTable: Sendable {
    package static let registeredLimit = 65536
    /// Containers known by their callers alone; the one read longest ago goes first.
    package static let discoveredLimit = 8192
    /// As many as there may be until it is looked which of them are gone; after that, twice as many as were not.
    private static let discoveredSlack = 256

    private struct State {
        var byID: [[UInt8]: Container] = [:]
        var byKey: [UInt32: Container] = [:]
        /// Registered containers by each of their paths that is not a root.
        var byPath: [Path: [UInt32]] = [:]
        var discovered: [Membership: Container] = [:]
        var discoveredBound = discoveredSlack
        /// The one given out last.
        var lastKey: UInt32 = 1
    }

    private let hierarchies: Hierarchies
    /// Where changes of what is registered are noted, by the one thread that makes them.
    private let journal: TableJournal?
    private let accounts: AccountStore?
    private let state = Mutex(State())

    /// A table without containers, or with those of `journal`.
    ///
    /// `accounts`: where what they are told of their CPU times outlives the process.
    package init(hierarchies: Hierarchies, journal: TableJournal? = nil, accounts: AccountStore? = nil) {
        self.hierarchies = hierarchies
        self.journal = journal
        self.accounts = accounts
        guard let known = journal?.table else { return }
        state.withLock { state in
            for entry in known.entries.values where state.byID[entry.id] == nil {
                let container = Container(key: entry.key, id: entry.id, origin: .registered(route: entry.route))
                state.byID[entry.id] = container
                state.byKey[entry.key] = container
                guard entry.pid > 0 else { continue }
                attach(container, pid: entry.pid, membership: entry.membership, start: entry.start, in: &state)
                container.setRefuge(entry.refuge)
                if let startNs = entry.processStartNs { container.goOn(with: entry.pid, startNs: startNs) }
            }
            state.lastKey = max(known.lastKey, 1)
        }
    }

    /// Why a container cannot be registered.
    package enum Refusal: Error, Equatable {
        case badID
        case exists
        case full
        /// It could not be noted durably.
        case journal(Errno)
    }

    /// Ids are 1 to 128 of A-Z a-z 0-9 `_` `.` `-`, and begin with a letter or digit: they are names of directories.
    package static func isValid(id: [UInt8]) -> Bool {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        guard let first = id.first, isLetterOrDigit(first), id.count <= 128 else { return false }
        return id.allSatisfy { isLetterOrDigit($0) || $0 == 95 || $0 == 46 || $0 == 45 }
    }

    package func register(id: [UInt8], route: [UInt8]) throws(Refusal) -> Container {
        guard Self.isValid(id: id) else { throw .badID }
        let result: Result<Container, Refusal> = state.withLock { state in
            guard state.byID[id] == nil else { return .failure(.exists) }
            guard state.byID.count < Self.registeredLimit else { return .failure(.full) }
            let container = Container(key: nextKey(&state), id: id, origin: .registered(route: route))
            state.byID[id] = container
            state.byKey[container.key] = container
            return .success(container)
        }
        let container = try result.get()
        do throws(Errno) {
            try journal?.append(.registered(key: container.key, id: id, route: route))
        } catch {
            _ = deregister(id: id)
            throw .journal(error)
        }
        return container
    }

    /// Names the first process of a registered container, and with it its cgroups.
    ///
    /// `refuge`: the mount namespace in which others may go on when that ends. Errors: those of noting it; it holds for this
    /// process's life all the same.
    package func attach(
        _ container: Container,
        pid: Int32,
        membership: Membership,
        start: Identity.Start?,
        refuge: UInt64? = nil
    ) throws(Errno) {
        let start = start ?? Identity.Start(bootNs: Clock.boot)
        state.withLock { attach(container, pid: pid, membership: membership, start: start, in: &$0) }
        container.setRefuge(refuge)
        try journal?.append(.attached(key: container.key, pid: pid, start: start, membership: membership))
        if let refuge { try journal?.append(.refuge(key: container.key, namespace: refuge)) }
    }

    private func attach(
        _ container: Container,
        pid: Int32,
        membership: Membership,
        start: Identity.Start,
        in state: inout State
    ) {
        guard state.byKey[container.key] === container else { return }
        Self.forgetPaths(of: container, in: &state)
        // Taken again below where it is the same process.
        container.giveBackAccount()
        container.attach(
            pid: pid,
            cgroup: hierarchies.cgroup(membership),
            start: start,
            account: accountPlace(container.id, membership, start)
        )
        for path in membership.distinguishingPaths { state.byPath[path, default: []].append(container.key) }
    }

    /// Names another process in the place of the first one, which has ended.
    ///
    /// Where it cannot be noted, the next process of the daemon finds that the first one is not there any more.
    func goOn(_ container: Container, with pid: Int32, startNs: UInt64) {
        container.goOn(with: pid, startNs: startNs)
        try? journal?.append(.succeeded(key: container.key, pid: pid, startNs: startNs))
    }

    /// Whether there was such a container.
    package func deregister(id: [UInt8]) -> Bool {
        let container: Container? = state.withLock { state in
            guard let container = state.byID.removeValue(forKey: id) else { return nil }
            state.byKey[container.key] = nil
            Self.forgetPaths(of: container, in: &state)
            return container
        }
        guard let container else { return false }
        container.giveBackAccount()
        // Left out, the next process finds that its first process is not there any more.
        try? journal?.append(.deregistered(key: container.key))
        return true
    }

    private static func forgetPaths(of container: Container, in state: inout State) {
        for path in container.membership?.distinguishingPaths ?? [] {
            state.byPath[path]?.removeAll { $0 == container.key }
            if state.byPath[path]?.isEmpty == true { state.byPath[path] = nil }
        }
    }

    package func container(id: [UInt8]) -> Container? { state.withLock { $0.byID[id] } }

    func cgroup(_ membership: Membership) -> Cgroup { hierarchies.cgroup(membership) }

    func container(key: UInt32) -> Container? { state.withLock { $0.byKey[key] } }

    /// The registered containers in the order they came.
    package var registered: [Container] {
        state.withLock { Array($0.byID.values) }.sorted { $0.key < $1.key }
    }

    package var isEmpty: Bool { state.withLock { $0.byID.isEmpty } }

    /// The containers whose state is kept, registered or not.
    var all: [Container] { state.withLock { Array($0.byKey.values) + Array($0.discovered.values) } }

    /// The registered container that `membership` is at or beneath; of several, the innermost.
    func registered(covering membership: Membership) -> Container? {
        state.withLock { state in
            guard !state.byPath.isEmpty else { return nil }
            for path in membership.distinguishingPaths {
                var bytes = path.bytes[...]
                while bytes.count > 1 {
                    for key in state.byPath[Path(bytes)] ?? [] {
                        guard let container = state.byKey[key], let theirs = container.membership else { continue }
                        if membership.isAtOrBeneath(theirs) { return container }
                    }
                    bytes = bytes.dropLast(bytes.count - (bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0))
                }
            }
            return nil
        }
    }

    /// The container with exactly these cgroups that is known by its callers, made known now if it was not.
    ///
    /// One whose cgroup was removed and made again under its name is another container; so is one that began later in a
    /// cgroup that somebody keeps (a systemd unit's), once the first process of the one before has ended.
    ///
    /// `start`: looked for only where none is known whose first process may still run.
    func discovered(
        _ membership: Membership,
        start: @autoclosure () -> Identity.Start?,
        isRunning: (Identity.Start) -> Bool
    ) -> Container {
        let known = state.withLock { $0.discovered[membership] }
        let isGone = known?.isGone ?? true
        if let known, !isGone, !Self.hasEnded(known, isRunning) { return known }
        let start = start()
        if let known, !isGone, !Self.isEarlier(known, than: start) { return known }
        let gone = known
        let cgroup = hierarchies.cgroup(membership)
        let inode = try? cgroup.inode()
        if state.withLock({ $0.discovered.count >= $0.discoveredBound }) { sweep() }
        return state.withLock { state in
            // Made known by another thread meanwhile.
            if let known = state.discovered[membership], known !== gone { return known }
            known?.giveBackAccount()
            if state.discovered.count >= Self.discoveredLimit,
                let oldest = state.discovered.min(by: { $0.value.lastRead < $1.value.lastRead })
            {
                state.discovered[oldest.key] = nil
                oldest.value.giveBackAccount()
            }
            let container = Container(key: nextKey(&state), id: [], origin: .discovered, inode: inode)
            container.attach(
                pid: 0,
                cgroup: cgroup,
                start: start,
                account: start.flatMap { accountPlace([], membership, $0) },
                after: isGone ? nil : gone
            )
            state.discovered[membership] = container
            return container
        }
    }

    /// Whether nothing of it can go on, as far as is known.
    private static func hasEnded(_ known: Container, _ isRunning: (Identity.Start) -> Bool) -> Bool {
        guard let start = known.start, start.initPID > 0 else { return false }
        return !isRunning(start)
    }

    private static func isEarlier(_ known: Container, than start: Identity.Start?) -> Bool {
        guard let start, let old = known.start else { return false }
        return old.bootNs < start.bootNs
    }

    /// Forgets containers known by their callers whose cgroups are gone.
    package func sweep() {
        let candidates = state.withLock { Array($0.discovered) }
        for (membership, container) in candidates where container.isGone {
            let isKnown = state.withLock { state in
                guard state.discovered[membership] === container else { return false }
                state.discovered[membership] = nil
                return true
            }
            if isKnown { container.giveBackAccount() }
        }
        state.withLock { $0.discoveredBound = 2 * $0.discovered.count + Self.discoveredSlack }
    }

    /// A container is the same when its name, its cgroups and its beginning are.
    private func accountPlace(
        _ id: [UInt8],
        _ membership: Membership,
        _ start: Identity.Start
    ) -> AccountStore.Place? {
        accounts?.place(of: id + [0] + membership.text + Array("\(start.bootNs)".utf8))
    }

    private func nextKey(_ state: inout State) -> UInt32 {
        repeat {
            state.lastKey = state.lastKey % (NodeID.keyLimit - 1) + 1
        } while state.byKey[state.lastKey] != nil
        return state.lastKey
    }
}

extension Container {
    var lastRead: UInt64 { state.withLock { $0.lastRead } }

    /// Whether its cgroup was removed, or is another under the same name.
    var isGone: Bool {
        guard let cgroup = state.withLock({ $0.cgroup }) else { return false }
        return !cgroup.isThere(inode: inode)
    }
}

extension Membership {
    /// The paths that tell containers apart: those that are not a hierarchy's root, each once.
    var distinguishingPaths: [Path] {
        var result: [Path] = []
        for path in [unified] + Controller.allCases.map({ self[$0] }) {
            guard let path, path.bytes.count > 1, !result.contains(path) else { continue }
            result.append(path)
        }
        return result
    }
}
