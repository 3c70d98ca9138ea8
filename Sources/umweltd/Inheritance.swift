// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import FuseServer
import FuseWire
import Glibc
import Keeper
import Kernel
import ProcFS
import Synchronization

/// What the keeper gives a worker: descriptors at fixed numbers.
final class Inheritance: Sendable {
    /// The order in which they follow standard error.
    enum Place: Int32 {
        case device = 3
        case listener, lock, channel, area, snapshots, accounts
        /// And those behind it.
        case unsettled
    }

    let device: Fd
    let negotiated: Negotiated
    let listener: Fd
    /// Held, so that no other daemon starts while the keeper is gone.
    private let lock: Fd
    /// To the keeper; readable once that is gone.
    let channel: Fd
    let area: RequestArea
    /// What the files read that are open, whoever opened them.
    let store: SnapshotStore?
    /// What containers were told of their CPU times, whoever told it.
    let accounts: AccountStore?
    /// What workers that have ended had taken and not answered.
    let unsettled: [RequestArea]
    /// What the keeper is ending, where it is (`Held.ending`): who takes its place goes on with that.
    private let ending = Mutex<UInt32?>(nil)
    /// A client has asked for the stop: it is not lost with a keeper that has not heard of it.
    private let isStopAsked = Mutex(false)

    var isEnding: Bool { ending.withLock { $0 != nil } }

    /// What a worker tells the keeper: one byte each.
    enum Word: UInt8 {
        /// It serves.
        case ready = 0x72
        /// The file system was unmounted.
        case unmounted = 0x75
        /// The connection was aborted.
        case aborted = 0x61
        /// Embedded, and nobody needs it.
        case idle = 0x69
        /// A client wants the daemon to end.
        case stop = 0x73
        /// A client wants it to go over to the program's file as it is now.
        case upgrade = 0x6e
        /// From the keeper: it is becoming another program; where that does not relieve the worker in time, the worker is to
        /// take its place.
        case onGuard = 0x67
        /// From the keeper: it stays what it is.
        case relieved = 0x6b
        /// From the keeper: the worker before is gone, or does nothing any more.
        case begin = 0x62
        /// From the keeper: it is ending the connection whose minor device number follows, in decimal digits.
        case ending = 0x65
    }

    init(_ negotiated: Negotiated, unsettled count: Int) throws(DaemonError) {
        self.negotiated = negotiated
        device = Fd(adopting: Place.device.rawValue)
        listener = Fd(adopting: Place.listener.rawValue)
        lock = Fd(adopting: Place.lock.rawValue)
        channel = Fd(adopting: Place.channel.rawValue)
        store = try? SnapshotStore(adopting: Fd(adopting: Place.snapshots.rawValue))
        accounts = try? AccountStore(adopting: Fd(adopting: Place.accounts.rawValue))
        (area, unsettled) = try Self.areas(count)
    }

    private static func areas(_ count: Int) throws(DaemonError) -> (RequestArea, [RequestArea]) {
        var unsettled: [RequestArea] = []
        for index in 0..<Int32(clamping: count) {
            let fd = Fd(adopting: Place.unsettled.rawValue + index)
            if let area = try? RequestArea(adopting: fd) { unsettled.append(area) }
        }
        do throws(Errno) { return (try RequestArea(adopting: Fd(adopting: Place.area.rawValue)), unsettled) } catch {
            throw DaemonError("was not started by its keeper: \(error)")
        }
    }

    /// What the keeper says; nil where it is gone.
    ///
    /// Blocks until there is something.
    func hear() -> [Word]? {
        var words = [UInt8](repeating: 0, count: 64)
        guard let count = try? channel.read(into: &words), count > 0 else { return nil }
        let heard = words.prefix(count)
        if let start = heard.lastIndex(of: Word.ending.rawValue) {
            let digits = heard[start...].dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ending.withLock { $0 = UInt32(String(decoding: digits, as: UTF8.self)) ?? 0 }
        }
        return heard.compactMap(Word.init(rawValue:))
    }

    /// Returns when the worker before is gone: two would each write the container table.
    ///
    /// Until then this process only holds what the next keeper needs, should this one end: whose place it takes then.
    func waitForTurn(_ options: Options) throws(DaemonError) -> [Word] {
        var heard: [Word] = []
        while !heard.contains(.begin) {
            guard let words = hear() else { try becomeKeeper(options) }
            heard += words
        }
        return heard
    }

    func tell(_ word: Word) {
        if word == .stop { isStopAsked.withLock { $0 = true } }
        try? channel.send([word.rawValue])
    }

    /// The keeper is gone: this process takes its place, and starts another worker.
    ///
    /// What its threads had in hand is resent, or answered from the area.
    func becomeKeeper(_ options: Options) throws(DaemonError) -> Never {
        var held = Held(device: device.raw, listener: listener.raw, lock: lock.raw, negotiated: negotiated)
        let areas = [area] + unsettled.filter { !$0.unanswered.isEmpty }.prefix(Held.areaLimit - 1)
        held.areas = areas.map { $0.memory.fd.raw }
        held.ending = ending.withLock { $0 }
        if held.ending == nil, isStopAsked.withLock({ $0 }) {
            held.ending = (try? MountSurvey.minor(ofOursAt: options.mount)) ?? 0
        }
        held.snapshots = store?.memory.fd.raw
        held.accounts = accounts?.memory.fd.raw
        let command = Command(
            path: "/proc/self/exe",
            arguments: options.arguments(for: .keeper(held)).map { Array($0.utf8) },
            environment: Environment.own
        )
        do throws(Errno) {
            ProcessID.inheritNothing()
            try device.setInherited(true)
            try listener.setInherited(true)
            try lock.setInherited(true)
            for area in areas { try area.memory.fd.setInherited(true) }
            try store?.memory.fd.setInherited(true)
            try accounts?.memory.fd.setInherited(true)
            try command.become()
        } catch { throw DaemonError("cannot take the keeper's place: \(error)") }
    }
}

/// The process's variables.
enum Environment {
    static var own: [[UInt8]] {
        let text = (try? Fd.contents(of: "/proc/self/environ", limit: 1 << 20)) ?? []
        return text.split(separator: 0).map(Array.init)
    }

    static func value(_ name: String) -> String? {
        own.first { $0.starts(with: Array("\(name)=".utf8)) }.map {
            String(decoding: $0.dropFirst(name.utf8.count + 1), as: UTF8.self)
        }
    }
}
