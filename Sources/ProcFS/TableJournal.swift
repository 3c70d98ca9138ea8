// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Synchronization

/// The durable table as a file: every change is appended before it is answered, one write(2) for each, which a signal that
/// ends the process cannot cut.
///
/// The file belongs to the running boot, so it needs no fsync: it is to outlive the process, not the machine.
package final class TableJournal: Sendable {
    private struct State: ~Copyable {
        var file: Fd
        var table: DurableTable
        /// Lines in the file.
        var lines: Int
        /// It ends in a line that was cut short, or cannot be written to: it is written anew before anything is added.
        var isStale = false
    }

    /// Lines beyond those that are needed before the file is written anew.
    private static let slack = 4096
    /// 65,536 containers with ids, routes and cgroup paths of usual length are a tenth of this.
    private static let sizeLimit = 256 << 20

    private let path: Path
    private let boot: [UInt8]
    private let state: Mutex<State>

    /// Reads what an earlier process left there, and writes it anew, without what was undone since.
    ///
    /// Where there is no room for that, or the file system is read-only by now, it goes on as it is. Errors: those of making
    /// a file where there is none, and of reading one that is there: it is not taken for empty, and replaced by nothing.
    package init(at path: Path, proc: Path = "/proc") throws(Errno) {
        self.path = path
        boot = Self.boot(proc: proc)
        let text: [UInt8]
        do throws(Errno) { text = try Fd.contents(of: path, limit: Self.sizeLimit) } catch {
            guard error == .noEntry else { throw error }
            text = []
        }
        let table = DurableTable(parsing: text, boot: boot)
        var isStale = false
        let file: Fd
        do throws(Errno) { file = try Self.write(table, to: path, boot: boot) } catch {
            guard text.starts(with: DurableTable.header(boot: boot)) else { throw error }
            do throws(Errno) { file = try Self.reopen(path, isWhole: text.last == UInt8(ascii: "\n")) } catch {
                file = try Fd.open(path, .readOnly)
                isStale = true
            }
        }
        state = Mutex(State(file: file, table: table, lines: table.changes.count, isStale: isStale))
    }

    private static func reopen(_ path: Path, isWhole: Bool) throws(Errno) -> Fd {
        let file = try Fd.open(path, [.writeOnly, .append])
        // Behind a line that was cut short.
        if !isWhole { try file.write([UInt8(ascii: "\n")]) }
        return file
    }

    /// The registered containers that are noted at `path`, whether or not somebody writes there; nothing is changed.
    package static func noted(at path: Path) -> [(id: [UInt8], route: [UInt8], pid: Int32)] {
        let text = (try? Fd.contents(of: path, limit: sizeLimit)) ?? []
        let table = DurableTable(parsing: text, boot: boot(proc: "/proc"))
        return table.entries.values.sorted { $0.key < $1.key }.map { ($0.id, $0.route, $0.pid) }
    }

    private static func boot(proc: Path) -> [UInt8] {
        let id = (try? Fd.contents(of: proc.appending("sys/kernel/random/boot_id"), limit: 64)) ?? []
        return id.filter { $0 > 0x20 }
    }

    /// What was there at the start and what was added since.
    var table: DurableTable { state.withLock { $0.table } }

    /// Appends a change; on return it outlives this process.
    func append(_ change: DurableTable.Change) throws(Errno) {
        try state.withLock { (state) throws(Errno) in
            do throws(Errno) {
                if state.isStale { try renew(&state) }
                try Self.append(DurableTable.line(change), to: &state)
            } catch {
                // It is gone all the same.
                if case .deregistered = change {
                    state.table.apply(change)
                    state.isStale = true
                }
                throw error
            }
            state.table.apply(change)
            state.lines += 1
            // The change is noted already: it is only longer than it need be.
            if state.lines > 3 * state.table.entries.count + Self.slack { try? renew(&state) }
        }
    }

    /// The whole line, or nothing of it: another one behind a part would be lost with it.
    private static func append(_ line: [UInt8], to state: inout State) throws(Errno) {
        let size = Int64(clamping: try state.file.status().size)
        do throws(Errno) { try state.file.write(line) } catch {
            do throws(Errno) { try state.file.resize(to: size) } catch { state.isStale = true }
            throw error
        }
    }

    private func renew(_ state: inout State) throws(Errno) {
        state.file = try Self.write(state.table, to: path, boot: boot)
        state.lines = state.table.changes.count
        state.isStale = false
    }

    /// Writes the file beside the old one, which it then replaces.
    private static func write(_ table: DurableTable, to path: Path, boot: [UInt8]) throws(Errno) -> Fd {
        let new = Path(path.bytes + Array(".new".utf8))
        do throws(Errno) {
            let file = try Fd.open(new, [.writeOnly, .create, .truncate, .append])
            try file.write(DurableTable.header(boot: boot) + table.changes.flatMap(DurableTable.line))
            try Directories.rename(new, to: path)
            return file
        } catch {
            try? Directories.unlink(new)
            throw error
        }
    }
}
