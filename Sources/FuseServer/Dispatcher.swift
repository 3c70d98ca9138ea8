// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import FuseWire
import Kernel

/// What is to be written back for a message.
///
/// Not a part of `Dispatcher`: what is nested in a generic type is looked up at run time, each time.
package enum Outcome: Equatable, Sendable {
    /// The reply's bytes.
    case answer
    /// The same, after the kernel was told to ask for this node's attributes again.
    case answerOfOtherSize(node: UInt64)
    /// FORGET and INTERRUPT have no answer.
    case silence
    /// The kernel says goodbye (DESTROY): answered, then the session ends.
    case goodbye
}

/// Turns one message of the kernel into one answer.
///
/// Knows no device: the same code runs in tests over plain bytes.
package final class Dispatcher<FS: FileSystem>: Sendable {
    /// How long the kernel may keep attributes: most never change, so nothing is gained by asking again.
    private static func timeoutNs(of attributes: Attributes) -> UInt64 { attributes.areSteady ? 3_600_000_000_000 : 0 }

    let fileSystem: FS
    package let counters: Counters
    private let snapshots: Snapshots
    /// The greatest answer to a READ or READDIR, from what was negotiated.
    private let maxRead: Int

    package init(
        fileSystem: FS,
        counters: Counters,
        maxPages: UInt16,
        firstSequence: UInt64,
        store: SnapshotStore? = nil
    ) {
        self.fileSystem = fileSystem
        self.counters = counters
        snapshots = Snapshots(firstSequence: firstSequence, store: store)
        maxRead = max(Int(maxPages), 32) * 4096
    }

    /// Snapshots kept for open files: number, bytes, dropped while open.
    package var snapshotStatistics: (count: Int, bytes: Int, dropped: UInt64) { snapshots.statistics }

    /// Answers one message.
    ///
    /// Malformed ones with a readable header get EIO, others silence; all are counted.
    package func answer(_ message: RawSpan, into reply: inout Reply) -> Outcome {
        let header: RequestHeader
        do throws(WireError) { header = try RequestHeader(decoding: message) } catch {
            counters.countMalformed()
            return .silence
        }
        counters.count(header.opcode)
        let request: Request
        do throws(WireError) { request = try Request(decoding: message, header: header) } catch {
            counters.countMalformed()
            guard header.opcode.isAnswered else { return .silence }
            return fail(header, .io, &reply)
        }
        do throws(Errno) { return try answer(request, header, &reply) } catch {
            return fail(header, error, &reply)
        }
    }

    private func fail(_ header: RequestHeader, _ error: Errno, _ reply: inout Reply) -> Outcome {
        counters.countError()
        reply.begin(header.unique, error: error.rawValue)
        reply.finish()
        return .answer
    }

    private func answer(
        _ request: Request,
        _ header: RequestHeader,
        _ reply: inout Reply
    ) throws(Errno) -> Outcome {
        let node = header.node
        let caller = Caller(pid: Int32(bitPattern: header.pid))
        reply.begin(header.unique)
        switch request {
        case .open(let flags):
            // The mount is read-only; this holds for whoever remounts it.
            guard flags & 0o3 == 0 else { throw .readOnly }
            let (content, owner) = try fileSystem.open(node, for: caller)
            let handle = snapshots.insert(content, owner: owner, thread: caller.pid)
            reply.put(handle: handle, flags: .snapshot)
            // The size the kernel has may be of another content, or of another reader's. Programs that seek from the end
            // (tail, tac) go by it.
            if !fileSystem.isTold(size: content.count, of: node) {
                reply.finish()
                return .answerOfOtherSize(node: node)
            }
        case .read(_, _, _, isDirect: false):
            // sendfile(2) and splice(2) go through the page cache, whose size of the file is not ours: refused so, programs
            // read instead (busybox cat, shutil.copyfile).
            throw .invalidArgument
        case .read(let handle, let offset, let size, isDirect: true):
            let content: [UInt8]
            switch snapshots.content(of: handle, readAt: offset) {
            case .content(let kept): content = kept
            case .stale:
                content = try fileSystem.open(node, for: caller).content
                snapshots.replace(content, of: handle)
            case .nothing:
                counters.countRerendered()
                let owner: UInt64
                (content, owner) = try fileSystem.open(node, for: caller)
                // Read from its start, it is whole.
                if offset == 0 { snapshots.restore(content, of: handle, owner: owner) }
            }
            let start = min(offset, UInt64(content.count))
            let end = min(start + UInt64(min(size, UInt32(maxRead))), UInt64(content.count))
            reply.put(content: content[Int(start)..<Int(end)])
        case .release(let handle): snapshots.remove(handle)
        case .lookup(let name):
            // NAME_MAX; what statfs says.
            guard name.count <= 255 else { throw .nameTooLong }
            let entry = try fileSystem.lookup(name, in: node, for: caller)
            reply.put(
                entry: entry.attributes,
                entryTimeoutNs: entry.timeoutNs,
                attributesTimeoutNs: Self.timeoutNs(of: entry.attributes)
            )
        case .getattr(let handle):
            var attributes = try fileSystem.attributes(of: node, for: caller)
            // Who seeks from the end means the end of what it reads.
            if let handle, let size = snapshots.size(of: handle) {
                let own = max(Attributes.nominalSize, UInt64(size))
                attributes.areSteady = attributes.areSteady && own == attributes.size
                attributes.size = own
            }
            reply.put(attributes: attributes, timeoutNs: Self.timeoutNs(of: attributes))
        case .readlink: reply.put(name: try fileSystem.linkTarget(of: node, for: caller))
        case .opendir:
            _ = try fileSystem.attributes(of: node, for: caller)
            reply.put(handle: 0, flags: .none)
        case .readdir(_, let offset, let size):
            try list(node, caller, offset: offset, limit: min(Int(size), maxRead), into: &reply)
        case .releasedir: break
        case .statfs: reply.putStatfs()
        case .destroy:
            reply.finish()
            return .goodbye
        case .forget, .interrupt: return .silence
        case .initialize: throw .io
        case .unimplemented:
            counters.countUnimplemented()
            throw .notImplemented
        }
        reply.finish()
        return .answer
    }

    /// `offset`: 0 at the start, then 1 behind `.`, 2 behind `..`, and 2 more than its position behind an entry.
    private func list(
        _ node: UInt64,
        _ caller: Caller,
        offset: UInt64,
        limit: Int,
        into reply: inout Reply
    ) throws(Errno) {
        let entries = try fileSystem.entries(of: node, for: caller)
        for (index, name) in [".", ".."].enumerated() where offset <= UInt64(index) {
            let next = UInt64(index) + 1
            guard reply.put(directoryEntry: Array(name.utf8), node: node, type: 4, nextOffset: next, limit: limit)
            else {
                return
            }
        }
        for entry in entries where entry.position > max(offset, 2) - 2 {
            let next = entry.position &+ 2
            guard
                reply.put(
                    directoryEntry: entry.name,
                    node: entry.node,
                    type: entry.type,
                    nextOffset: next,
                    limit: limit
                )
            else { return }
        }
    }
}
