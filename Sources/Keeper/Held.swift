// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import FuseWire

/// What one process hands the next over an exec: descriptors by number, and what was agreed on the connection.
///
/// Written as one argument, `device=3,listener=4,...`. Names that are not known are left out, so a later version may add
/// some; an older one lacks what is not needed.
package struct Held: Equatable, Sendable {
    package var device: Int32
    package var listener: Int32
    package var lock: Int32
    package var negotiated: Negotiated
    /// Requests that were taken and not answered (`RequestArea`).
    package var areas: [Int32] = []
    /// What open files read (`SnapshotStore`).
    package var snapshots: Int32?
    /// What containers were told of their CPU times (`AccountStore`).
    package var accounts: Int32?
    /// A worker of the program that ran before: serves until this one has come so far, and takes over where it does not.
    package var incumbent: Incumbent?
    /// The program that ran before, to go back to where the new one does not come to serve.
    package var previous: Int32?
    /// A stop was begun: the minor device number of the connection that ends; 0 where it was not known.
    package var ending: UInt32?

    /// A process that serves, the descriptor of its channel, and of its `RequestArea`.
    package struct Incumbent: Equatable, Sendable {
        package var pid: Int32
        package var channel: Int32
        package var area: Int32

        package init(pid: Int32, channel: Int32, area: Int32) {
            self.pid = pid
            self.channel = channel
            self.area = area
        }

        fileprivate init?(text: Substring) {
            let numbers = text.split(separator: ".").compactMap { Int32($0) }
            guard numbers.count == 3, numbers.allSatisfy({ $0 > 2 }) else { return nil }
            self.init(pid: numbers[0], channel: numbers[1], area: numbers[2])
        }
    }

    package init(device: Int32, listener: Int32, lock: Int32, negotiated: Negotiated) {
        self.device = device
        self.listener = listener
        self.lock = lock
        self.negotiated = negotiated
    }

    package var text: String {
        var words = ["device=\(device)", "listener=\(listener)", "lock=\(lock)", "agreed=\(negotiated.text)"]
        words += areas.map { "area=\($0)" }
        if let snapshots { words.append("snapshots=\(snapshots)") }
        if let accounts { words.append("accounts=\(accounts)") }
        if let incumbent { words.append("incumbent=\(incumbent.pid).\(incumbent.channel).\(incumbent.area)") }
        if let previous { words.append("previous=\(previous)") }
        if let ending { words.append("ending=\(ending)") }
        return words.joined(separator: ",")
    }

    /// nil where something that is needed is missing or is no number.
    package init?(_ text: String) {
        var numbers: [Substring: Int32] = [:]
        var areas: [Int32] = []
        var negotiated: Negotiated?
        var incumbent: Incumbent?
        var ending: UInt32?
        for word in text.split(separator: ",") {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            if parts[0] == "agreed" {
                negotiated = Negotiated(text: parts[1])
            } else if parts[0] == "incumbent" {
                incumbent = Incumbent(text: parts[1])
            } else if parts[0] == "ending" {
                ending = UInt32(parts[1])
            } else if let number = Int32(parts[1]), number > 2 {
                if parts[0] == "area" { areas.append(number) } else { numbers[parts[0]] = number }
            } else {
                return nil
            }
        }
        guard let device = numbers["device"], let listener = numbers["listener"], let lock = numbers["lock"],
            let negotiated, areas.count <= Self.areaLimit
        else { return nil }
        self.init(device: device, listener: listener, lock: lock, negotiated: negotiated)
        self.areas = areas
        snapshots = numbers["snapshots"]
        accounts = numbers["accounts"]
        previous = numbers["previous"]
        self.incumbent = incumbent
        self.ending = ending
    }

    package static let areaLimit = 6
}

extension Negotiated {
    /// `minor.flags.flags2.pages`, decimal: short enough for the name of a descriptor in systemd's store.
    package var text: String { "\(minor).\(flags).\(flags2).\(maxPages)" }

    package init?(text: some StringProtocol) {
        let parts = text.split(separator: ".")
        guard parts.count == 4, let minor = UInt32(parts[0]), let flags = UInt32(parts[1]),
            let flags2 = UInt32(parts[2]), let pages = UInt16(parts[3])
        else { return nil }
        self.init(minor: minor, flags: flags, flags2: flags2, maxPages: pages)
    }
}
