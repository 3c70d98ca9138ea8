// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Kernel

/// A process that serves, as its keeper sees it.
final class Worker {
    let child: Child
    /// What it says comes here.
    let channel: Fd
    let area: RequestArea
    /// Of the monotonic clock.
    let startedAt = Clock.monotonic
    /// When it said that it serves.
    var readyAt: UInt64?
    /// Its end of the channel is closed.
    var isSilent = false
    /// Another one takes its place: it was taken to hang, or is another program's.
    var hung = false
    var isKilled = false
    /// What it had in hand has failed with its connection.
    var isObsolete = false
    /// Of what it has in hand, what another one answers already: it was killed, and did not end.
    var handedOn: Set<UInt64> = []

    init(child: Child, channel: consuming Fd, area: RequestArea) {
        self.child = child
        self.channel = channel
        self.area = area
    }

    /// Whether it answered requests, and not only came to the point of doing so.
    var hadServed: Bool { readyAt.map { Clock.monotonic &- $0 > 100_000_000 } ?? false }

    /// The requests it has taken and not answered, without the bit of resent ones.
    var inHand: [UInt64] {
        area.unanswered.compactMap { request in
            // SAFETY: bytes of an array of UInt8.
            let bytes = unsafe request.span.bytes
            return (try? RequestHeader(decoding: bytes)).map { $0.unique & ~RequestHeader.resent }
        }
    }
}

/// A connection without who serves it.
struct Kept: ~Copyable {
    private let device: Fd
    let negotiated: Negotiated

    init(_ device: consuming Fd, _ negotiated: Negotiated) {
        self.device = device
        self.negotiated = negotiated
    }

    consuming func takeDevice() -> Fd { device }
}

/// Lets so many lines a minute through, and counts the others.
struct NoticeLimit {
    private static let perMinute = 20
    private var since: UInt64 = 0
    private var said = 0
    private var unsaid = 0

    mutating func print(_ message: String) {
        let now = Clock.monotonic
        if now &- since > 60_000_000_000 {
            if unsaid > 0 { Notice.print("\(unsaid) lines like these were left out") }
            (since, said, unsaid) = (now, 0, 0)
        }
        guard said < Self.perMinute else {
            unsaid += 1
            return
        }
        said += 1
        Notice.print(message)
    }
}
