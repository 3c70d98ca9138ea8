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
    /// Where there is no room for that, it goes on as it is. Errors: those of making a file where there is none.
    package init(at path: Path, proc: Path = "/proc") throws(Errno) {
        self.path = path
        let id = (try? Fd.contents(of: proc.appending("sys/kernel/random/boot_id"), limit: 64)) ?? []
        boot = id.filter { $0 > 0x20 }
        let text = (try? Fd.contents(of: path, limit: Self.sizeLimit)) ?? []
        let table = DurableTable(parsing: text, boot: boot)
        let file: Fd
        do throws(Errno) { file = try Self.write(table, to: path, boot: boot) } catch {
            guard text.starts(with: DurableTable.header(boot: boot)) else { throw error }
            file = try Fd.open(path, [.writeOnly, .append])
            // Behind a line that was cut short.
            if text.last != UInt8(ascii: "\n") { try? file.write([UInt8(ascii: "\n")]) }
        }
        state = Mutex(State(file: file, table: table, lines: table.changes.count))
    }

    /// What was there at the start and what was added since.
    var table: DurableTable { state.withLock { $0.table } }

    /// Appends a change; on return it outlives this process.
    func append(_ change: DurableTable.Change) throws(Errno) {
        try state.withLock { (state) throws(Errno) in
            try state.file.write(DurableTable.line(change))
            state.table.apply(change)
            state.lines += 1
            guard state.lines > 3 * state.table.entries.count + Self.slack else { return }
            // The change is noted already: it is only longer than it need be.
            guard let file = try? Self.write(state.table, to: path, boot: boot) else { return }
            state.file = file
            state.lines = state.table.changes.count
        }
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
